// Hands new TCP connections of chosen local addresses to the proxy's listener. Attached to one
// network namespace; the injections that want traffic there share it, one lease each. Two more
// programs, on the target's cgroup, show it the client where it would see the proxy.
#include "../bpf.h"

enum { PASS = 1, LOOPBACK = 1, BPF_F_NO_PREALLOC = 1, LEASES = 1024, CLAIMS = 8 };

struct lease {
    __u64 expires_ns;
    __u64 token;
};

// A local address in network order, IPv4 in the first word; all zeros is any of its family.
struct local {
    __u32 address[4];
    __u16 port;  // host order
    __u16 family;
};

// The leases that want an address; zero is none.
struct claims {
    __u16 slots[CLAIMS];
};

// A client: the cookie of the network namespace, its address, and its port in network order.
struct client {
    __u64 netns;
    __u32 address[4];
    __u16 port;
    __u16 family;
    __u32 zero;
};

struct bpf_map_def SEC("maps") inbound_cfg = {
    BPF_MAP_TYPE_ARRAY, sizeof(__u32), sizeof(struct lease), LEASES, 0,
};
// How many connections each lease redirected.
struct bpf_map_def SEC("maps") inbound_stat = {
    BPF_MAP_TYPE_ARRAY, sizeof(__u32), sizeof(__u64), LEASES, 0,
};
struct bpf_map_def SEC("maps") inbound_locals = {
    BPF_MAP_TYPE_HASH, sizeof(struct local), sizeof(struct claims), 4096, 0,
};
// Source ports of the proxy's own connections to the service, and whom each is for.
struct bpf_map_def SEC("maps") inbound_clients = {
    BPF_MAP_TYPE_HASH, sizeof(__u16), sizeof(struct client), 16384, BPF_F_NO_PREALLOC,
};
// Entry 0 listens for IPv4, entry 1 for IPv6.
struct bpf_map_def SEC("maps") inbound_socks = {
    BPF_MAP_TYPE_SOCKMAP, sizeof(__u32), sizeof(__u32), 2, 0,
};

// Counts the connection for each lease in the list that has not run out; tells whether any has not.
INLINE int count_alive(struct claims *claims, __u64 now) {
    int any = 0;
    for (int at = 0; at < CLAIMS; at++) {
        __u32 slot = claims->slots[at];
        if (!slot) continue;
        struct lease *lease = bpf_map_lookup_elem(&inbound_cfg, &slot);
        if (!lease || now >= lease->expires_ns) continue;
        any = 1;
        __u64 *redirected = bpf_map_lookup_elem(&inbound_stat, &slot);
        if (redirected) __sync_fetch_and_add(redirected, 1);
    }
    return any;
}

// The proxy dials from this namespace to itself: by the loopback device, or, as IPv6 counts it,
// by the device the address is on, but then from that very address. Nobody outside can.
INLINE int comes_from_here(struct bpf_sk_lookup *ctx, int v4) {
    if (ctx->ingress_ifindex == LOOPBACK) return 1;
    if (v4) return ctx->remote_ip4 == ctx->local_ip4;
    return ctx->remote_ip6[0] == ctx->local_ip6[0] && ctx->remote_ip6[1] == ctx->local_ip6[1] &&
           ctx->remote_ip6[2] == ctx->local_ip6[2] && ctx->remote_ip6[3] == ctx->local_ip6[3];
}

INLINE int is_wanted(struct bpf_sk_lookup *ctx, struct local *local, int v4) {
    struct claims *claims = bpf_map_lookup_elem(&inbound_locals, local);
    if (!claims) return 0;
    __u16 remote = swap16(ctx->remote_port);
    if (bpf_map_lookup_elem(&inbound_clients, &remote) && comes_from_here(ctx, v4)) return 0;
    return count_alive(claims, bpf_ktime_get_boot_ns());
}

SEC("sk_lookup")
int squall_inbound(struct bpf_sk_lookup *ctx) {
    if (ctx->protocol != IPPROTO_TCP) return PASS;
    int v4 = ctx->family == AF_INET;
    struct local local = {};
    local.port = ctx->local_port;
    local.family = v4 ? 4 : 6;
    // Any address of this family, then exactly this one.
    int wanted = is_wanted(ctx, &local, v4);
    if (v4) {
        local.address[0] = ctx->local_ip4;
    } else {
        local.address[0] = ctx->local_ip6[0];
        local.address[1] = ctx->local_ip6[1];
        local.address[2] = ctx->local_ip6[2];
        local.address[3] = ctx->local_ip6[3];
    }
    if (is_wanted(ctx, &local, v4)) wanted = 1;
    if (!wanted) return PASS;
    __u32 index = v4 ? 0 : 1;
    void *socket = bpf_map_lookup_elem(&inbound_socks, &index);
    if (!socket) return PASS;
    bpf_sk_assign(ctx, socket, 0);
    bpf_sk_release(socket);
    return PASS;
}

INLINE struct client *client_of(struct bpf_sock_addr *ctx) {
    __u16 port = swap16(ctx->user_port);
    struct client *client = bpf_map_lookup_elem(&inbound_clients, &port);
    if (!client || client->netns != bpf_get_netns_cookie(ctx)) return 0;
    return client;
}

// Others have the same port elsewhere: the proxy comes from loopback or from the very address it
// goes to.
INLINE int comes_from_proxy4(__u32 peer, struct bpf_sock *sk) {
    return (peer & swap32(0xff000000)) == swap32(0x7f000000) || (sk && peer == sk->src_ip4);
}

SEC("cgroup/getpeername4")
int squall_client4(struct bpf_sock_addr *ctx) {
    struct client *client = client_of(ctx);
    if (!client || client->family != 4 || !comes_from_proxy4(ctx->user_ip4, ctx->sk)) return 1;
    ctx->user_ip4 = client->address[0];
    ctx->user_port = client->port;
    return 1;
}

SEC("cgroup/getpeername6")
int squall_client6(struct bpf_sock_addr *ctx) {
    struct client *client = client_of(ctx);
    struct bpf_sock *sk = ctx->sk;
    if (!client || !sk) return 1;
    __u32 a = ctx->user_ip6[0], b = ctx->user_ip6[1], c = ctx->user_ip6[2], d = ctx->user_ip6[3];
    // An IPv4 client of a socket for both is IPv4 in IPv6 clothes.
    if (client->family == 4) {
        if (a || b || c != swap32(0xffff)) return 1;
        if (!comes_from_proxy4(d, 0) && d != sk->src_ip6[3]) return 1;
        ctx->user_ip6[3] = client->address[0];
        ctx->user_port = client->port;
        return 1;
    }
    int loopback = !a && !b && !c && d == swap32(1);
    int own = a == sk->src_ip6[0] && b == sk->src_ip6[1] && c == sk->src_ip6[2] &&
              d == sk->src_ip6[3];
    if (!loopback && !own) return 1;
    ctx->user_ip6[0] = client->address[0];
    ctx->user_ip6[1] = client->address[1];
    ctx->user_ip6[2] = client->address[2];
    ctx->user_ip6[3] = client->address[3];
    ctx->user_port = client->port;
    return 1;
}

char squall_license[] SEC("license") = "Apache-2.0";
