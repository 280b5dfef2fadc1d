// Leads what a target sends out to the proxy in its network namespace, and shows the target the
// addresses it asked for. Attached to the target's cgroup; does nothing for a process that is no
// origin. Rust decides whom and what; this program compares.
#include "../bpf.h"

enum { KIND_TGID = 1, KIND_CGROUP = 2 };
// Deeper cgroups than this are not met in practice; each level costs one lookup.
enum { LEVEL_MAX = 10 };
// Management traffic: people reach the next host by it.
enum { PORT_SSH = 22 };
enum { LEASES = 1024, CLAIMS = 16 };
// A lease may have doors: pairs of a TCP and a UDP port, each for one destination, so that whoever
// answers there knows which was meant. The places of its doors begin at a multiple of this.
enum { DOORS = 8, PLACES = 1024 };
enum { BIT_TCP = 1, BIT_UDP = 2 };
enum { BPF_SOCK_OPS_TCP_CONNECT_CB = 3, BPF_F_NO_PREALLOC = 1 };

struct lease {
    __u64 expires_ns;
    __u64 token;
};

// Which destinations a lease is for. Addresses are in network order, IPv4 in the first word.
struct range {
    __u32 address[4];
    __u32 mask[4];
    __u16 port;      // network order, 0 for every port
    __u8 family;     // 4, 6, or 0 for both
    __u8 protocols;
    __u32 doors;     // the place of the first door, 0 for none
};

struct origin_key {
    __u32 kind;
    __u32 zero;
    __u64 id;
};

// A target, and the leases that want its traffic; zero is none.
struct origin {
    __u32 number;
    __u16 slots[CLAIMS];
    __u32 zero;
};

// An end of a connection: an address, a port in network order, 4 or 6, and whose it is.
struct end {
    __u32 address[4];
    __u16 port;
    __u16 family;
    __u32 whose;
};

// Ports of the proxy in network order; zero where it does not listen.
struct door {
    __u32 tcp4;
    __u32 tcp6;
    __u32 udp4;
    __u32 udp6;
};

struct bpf_map_def SEC("maps") outbound_cfg = {
    BPF_MAP_TYPE_ARRAY, sizeof(__u32), sizeof(struct lease), LEASES, 0,
};
struct bpf_map_def SEC("maps") outbound_stat = {
    BPF_MAP_TYPE_ARRAY, sizeof(__u32), sizeof(__u64), LEASES, 0,
};
struct bpf_map_def SEC("maps") outbound_ranges = {
    BPF_MAP_TYPE_ARRAY, sizeof(__u32), sizeof(struct range), LEASES, 0,
};
struct bpf_map_def SEC("maps") outbound_origins = {
    BPF_MAP_TYPE_HASH, sizeof(struct origin_key), sizeof(struct origin), 256, 0,
};
// Where connections without a door go.
struct bpf_map_def SEC("maps") outbound_proxy = {
    BPF_MAP_TYPE_ARRAY, sizeof(__u32), sizeof(struct door), 1, 0,
};
struct bpf_map_def SEC("maps") outbound_doors = {
    BPF_MAP_TYPE_ARRAY, sizeof(__u32), sizeof(struct door), PLACES, 0,
};
// What a socket, by its cookie, had asked for.
struct bpf_map_def SEC("maps") outbound_asked = {
    BPF_MAP_TYPE_LRU_HASH, sizeof(__u64), sizeof(struct end), 16384, 0,
};
// What the socket at this source (its origin is zero) had asked for.
struct bpf_map_def SEC("maps") outbound_from = {
    BPF_MAP_TYPE_LRU_HASH, sizeof(struct end), sizeof(struct end), 16384, 0,
};
// The place of each destination that has a door (it is the lease's with that first door), and back.
struct bpf_map_def SEC("maps") outbound_places = {
    BPF_MAP_TYPE_HASH, sizeof(struct end), sizeof(__u32), PLACES, BPF_F_NO_PREALLOC,
};
struct bpf_map_def SEC("maps") outbound_dests = {
    BPF_MAP_TYPE_ARRAY, sizeof(__u32), sizeof(struct end), PLACES, 0,
};
// How many doors of a lease are taken, at the place of its first.
struct bpf_map_def SEC("maps") outbound_taken = {
    BPF_MAP_TYPE_ARRAY, sizeof(__u32), sizeof(__u32), PLACES, 0,
};
// The place of a UDP port.
struct bpf_map_def SEC("maps") outbound_back = {
    BPF_MAP_TYPE_HASH, sizeof(__u32), sizeof(__u32), 2 * PLACES, BPF_F_NO_PREALLOC,
};

INLINE struct origin *origin_of_task(void) {
    struct origin_key key = {KIND_TGID, 0, bpf_get_current_pid_tgid() >> 32};
    struct origin *origin = bpf_map_lookup_elem(&outbound_origins, &key);
    if (origin) return origin;
    key.kind = KIND_CGROUP;
    // Level 0 is the root: an origin there would be the whole host.
#pragma unroll
    for (int level = 1; level <= LEVEL_MAX; level++) {
        key.id = bpf_get_current_ancestor_cgroup_id(level);
        if (!key.id) return 0;
        origin = bpf_map_lookup_elem(&outbound_origins, &key);
        if (origin) return origin;
    }
    return 0;
}

INLINE int is_in(struct range *range, struct end *to, __u8 bit) {
    if (!(range->protocols & bit)) return 0;
    if (range->port && range->port != to->port) return 0;
    if (range->family && range->family != to->family) return 0;
    if ((to->address[0] & range->mask[0]) != range->address[0]) return 0;
    if ((to->address[1] & range->mask[1]) != range->address[1]) return 0;
    if ((to->address[2] & range->mask[2]) != range->address[2]) return 0;
    return (to->address[3] & range->mask[3]) == range->address[3];
}

enum { LEAVE = -1, LEAD = 0 };

// Tells whether a destination is to be redirected, and to which first door, if to one. Counts it for
// each lease that wants it.
INLINE int wanted(struct end *to, __u8 bit) {
    struct origin *origin = origin_of_task();
    if (!origin || to->port == swap16(PORT_SSH)) return LEAVE;
    to->whose = origin->number;
    __u64 now = bpf_ktime_get_boot_ns();
    int where = LEAVE;
    for (int at = 0; at < CLAIMS; at++) {
        __u32 slot = origin->slots[at];
        if (!slot) continue;
        struct lease *lease = bpf_map_lookup_elem(&outbound_cfg, &slot);
        if (!lease || now >= lease->expires_ns) continue;
        struct range *range = bpf_map_lookup_elem(&outbound_ranges, &slot);
        if (!range || !is_in(range, to, bit)) continue;
        where = range->doors;
        __u64 *redirected = bpf_map_lookup_elem(&outbound_stat, &slot);
        if (redirected) __sync_fetch_and_add(redirected, 1);
    }
    return where;
}

// The place of a destination, given to it when it is first seen.
INLINE __u32 place_of(struct end *to, __u32 first) {
    struct end key = *to;
    key.whose = first;
    __u32 *known = bpf_map_lookup_elem(&outbound_places, &key);
    if (known) return *known;
    __u32 *taken = bpf_map_lookup_elem(&outbound_taken, &first);
    if (!taken || *taken >= DOORS) return PLACES;
    __u32 place = __sync_fetch_and_add(taken, 1);
    if (place >= DOORS) return PLACES;
    place += first;
    struct end *dest = bpf_map_lookup_elem(&outbound_dests, &place);
    if (!dest) return PLACES;
    *dest = *to;
    // Where another processor was first, its place counts.
    bpf_map_update_elem(&outbound_places, &key, &place, BPF_NOEXIST);
    known = bpf_map_lookup_elem(&outbound_places, &key);
    return known ? *known : PLACES;
}

INLINE int is_loopback(struct end *to) {
    if (to->family == 4) return to->address[0] == swap32(0x7f000001);
    return !to->address[0] && !to->address[1] && !to->address[2] && to->address[3] == swap32(1);
}

// The proxy's port for a destination, zero to leave it alone.
INLINE __u32 port_for(struct bpf_sock_addr *ctx, struct end *to) {
    __u32 protocol = ctx->protocol, zero = 0;
    int udp = protocol == IPPROTO_UDP;
    if (!udp && protocol != IPPROTO_TCP && protocol != IPPROTO_MPTCP) return 0;
    int first = wanted(to, udp ? BIT_UDP : BIT_TCP);
    if (first < 0) return 0;
    struct door *door;
    if (first > 0) {
        __u32 place = place_of(to, first);
        door = bpf_map_lookup_elem(&outbound_doors, &place);
    } else {
        door = bpf_map_lookup_elem(&outbound_proxy, &zero);
    }
    if (!door) return 0;
    __u32 port = to->family == 4 ? door->tcp4 : door->tcp6;
    if (udp) port = to->family == 4 ? door->udp4 : door->udp6;
    // While the programs are attached anew they are asked twice, the second time about the proxy.
    return port == to->port && is_loopback(to) ? 0 : port;
}

// Returns the port to go to instead, having noted what was asked for; zero to leave it alone.
INLINE __u32 lead(struct bpf_sock_addr *ctx, struct end *to) {
    __u32 port = port_for(ctx, to);
    __u64 cookie = bpf_get_socket_cookie(ctx);
    if (port) {
        bpf_map_update_elem(&outbound_asked, &cookie, to, BPF_ANY);
    } else if (ctx->protocol == IPPROTO_UDP) {
        // A UDP socket may be connected again, to somewhere else.
        bpf_map_delete_elem(&outbound_asked, &cookie);
    }
    return port;
}

INLINE int lead4(struct bpf_sock_addr *ctx) {
    struct end to = {{ctx->user_ip4}, ctx->user_port, 4, 0};
    __u32 port = lead(ctx, &to);
    if (!port) return 1;
    ctx->user_port = port;
    ctx->user_ip4 = swap32(0x7f000001);
    return 1;
}

INLINE int lead6(struct bpf_sock_addr *ctx) {
    struct end to = {{ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2], ctx->user_ip6[3]},
                     ctx->user_port, 6, 0};
    // An IPv4 destination in IPv6 clothes is IPv4.
    int mapped = !to.address[0] && !to.address[1] && to.address[2] == swap32(0xffff);
    if (mapped) {
        to.address[0] = to.address[3];
        to.address[2] = 0;
        to.address[3] = 0;
        to.family = 4;
    }
    __u32 port = lead(ctx, &to);
    if (!port) return 1;
    ctx->user_port = port;
    if (mapped) {
        ctx->user_ip6[3] = swap32(0x7f000001);
        return 1;
    }
    ctx->user_ip6[0] = 0;
    ctx->user_ip6[1] = 0;
    ctx->user_ip6[2] = 0;
    ctx->user_ip6[3] = swap32(1);
    return 1;
}

SEC("cgroup/connect4")
int squall_lead4(struct bpf_sock_addr *ctx) { return lead4(ctx); }

SEC("cgroup/connect6")
int squall_lead6(struct bpf_sock_addr *ctx) { return lead6(ctx); }

SEC("cgroup/sendmsg4")
int squall_send4(struct bpf_sock_addr *ctx) { return lead4(ctx); }

SEC("cgroup/sendmsg6")
int squall_send6(struct bpf_sock_addr *ctx) { return lead6(ctx); }

// Puts back, in an answer to the target, the address it had asked for.
INLINE void show(struct bpf_sock_addr *ctx, struct end *asked, int v6) {
    ctx->user_port = asked->port;
    if (!v6) {
        ctx->user_ip4 = asked->address[0];
    } else if (asked->family == 4) {
        ctx->user_ip6[3] = asked->address[0];
    } else {
        ctx->user_ip6[0] = asked->address[0];
        ctx->user_ip6[1] = asked->address[1];
        ctx->user_ip6[2] = asked->address[2];
        ctx->user_ip6[3] = asked->address[3];
    }
}

INLINE void show_sender(struct bpf_sock_addr *ctx, int v6) {
    __u32 port = ctx->user_port;
    __u32 *place = bpf_map_lookup_elem(&outbound_back, &port);
    if (!place) return;
    struct end *dest = bpf_map_lookup_elem(&outbound_dests, place);
    if (dest) show(ctx, dest, v6);
}

SEC("cgroup/recvmsg4")
int squall_recv4(struct bpf_sock_addr *ctx) {
    if (ctx->user_ip4 == swap32(0x7f000001)) show_sender(ctx, 0);
    return 1;
}

SEC("cgroup/recvmsg6")
int squall_recv6(struct bpf_sock_addr *ctx) {
    __u32 c = ctx->user_ip6[2], d = ctx->user_ip6[3];
    if (ctx->user_ip6[0] || ctx->user_ip6[1]) return 1;
    if (c == 0 && d == swap32(1)) show_sender(ctx, 1);
    if (c == swap32(0xffff) && d == swap32(0x7f000001)) show_sender(ctx, 1);
    return 1;
}

INLINE int show_peer(struct bpf_sock_addr *ctx, int v6) {
    __u64 cookie = bpf_get_socket_cookie(ctx);
    struct end *asked = bpf_map_lookup_elem(&outbound_asked, &cookie);
    if (asked) show(ctx, asked, v6);
    return 1;
}

SEC("cgroup/getpeername4")
int squall_name4(struct bpf_sock_addr *ctx) { return show_peer(ctx, 0); }

SEC("cgroup/getpeername6")
int squall_name6(struct bpf_sock_addr *ctx) { return show_peer(ctx, 1); }

// A connection is about to leave, and its source is settled: the proxy finds it by that.
SEC("sockops")
int squall_source(struct bpf_sock_ops *ctx) {
    if (ctx->op != BPF_SOCK_OPS_TCP_CONNECT_CB) return 1;
    __u64 cookie = bpf_get_socket_cookie(ctx);
    struct end *asked = bpf_map_lookup_elem(&outbound_asked, &cookie);
    if (!asked) return 1;
    struct end from = {{0}, swap16(ctx->local_port), asked->family, 0};
    if (asked->family == 4) {
        from.address[0] = ctx->local_ip4;
    } else {
        from.address[0] = ctx->local_ip6[0];
        from.address[1] = ctx->local_ip6[1];
        from.address[2] = ctx->local_ip6[2];
        from.address[3] = ctx->local_ip6[3];
    }
    struct end to = *asked;
    bpf_map_update_elem(&outbound_from, &from, &to, BPF_ANY);
    return 1;
}

char squall_license[] SEC("license") = "Apache-2.0";
