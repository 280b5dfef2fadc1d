// Hands new TCP connections of chosen local addresses to the proxy's listener. Attached to one
// network namespace; the maps belong to one injection.
#include "../../sys/bpf.h"

enum { PASS = 1, LOOPBACK = 1, BPF_F_NO_PREALLOC = 1 };

struct delay_cfg {
    __u64 expires_ns;
    __u64 token;
};

// A local address in network order, IPv4 in the first word; all zeros is any of its family.
struct delay_local {
    __u32 address[4];
    __u16 port;  // host order
    __u16 family;
};

struct bpf_map_def SEC("maps") delay_cfg = {
    BPF_MAP_TYPE_ARRAY, sizeof(__u32), sizeof(struct delay_cfg), 1, 0,
};
struct bpf_map_def SEC("maps") delay_stat = {
    BPF_MAP_TYPE_ARRAY, sizeof(__u32), sizeof(__u64), 1, 0,
};
struct bpf_map_def SEC("maps") delay_locals = {
    BPF_MAP_TYPE_HASH, sizeof(struct delay_local), sizeof(__u8), 256, 0,
};
// Source ports of the proxy's own connections to the service.
struct bpf_map_def SEC("maps") delay_exempt = {
    BPF_MAP_TYPE_HASH, sizeof(__u16), sizeof(__u8), 16384, BPF_F_NO_PREALLOC,
};
// Entry 0 listens for IPv4, entry 1 for IPv6.
struct bpf_map_def SEC("maps") delay_socks = {
    BPF_MAP_TYPE_SOCKMAP, sizeof(__u32), sizeof(__u32), 2, 0,
};

INLINE int is_local_of_target(struct bpf_sk_lookup *ctx, int v4) {
    struct delay_local local = {};
    local.port = ctx->local_port;
    local.family = v4 ? 4 : 6;
    // Any address of this family, then exactly this one.
    if (bpf_map_lookup_elem(&delay_locals, &local)) return 1;
    if (v4) {
        local.address[0] = ctx->local_ip4;
    } else {
        local.address[0] = ctx->local_ip6[0];
        local.address[1] = ctx->local_ip6[1];
        local.address[2] = ctx->local_ip6[2];
        local.address[3] = ctx->local_ip6[3];
    }
    return bpf_map_lookup_elem(&delay_locals, &local) != 0;
}

// The proxy dials from this namespace to itself: by the loopback device, or, as IPv6 counts it,
// by the device the address is on, but then from that very address. Nobody outside can.
INLINE int comes_from_here(struct bpf_sk_lookup *ctx, int v4) {
    if (ctx->ingress_ifindex == LOOPBACK) return 1;
    if (v4) return ctx->remote_ip4 == ctx->local_ip4;
    return ctx->remote_ip6[0] == ctx->local_ip6[0] && ctx->remote_ip6[1] == ctx->local_ip6[1] &&
           ctx->remote_ip6[2] == ctx->local_ip6[2] && ctx->remote_ip6[3] == ctx->local_ip6[3];
}

SEC("sk_lookup")
int squall_delay(struct bpf_sk_lookup *ctx) {
    __u32 zero = 0;
    if (ctx->protocol != IPPROTO_TCP) return PASS;
    struct delay_cfg *cfg = bpf_map_lookup_elem(&delay_cfg, &zero);
    if (!cfg || bpf_ktime_get_boot_ns() >= cfg->expires_ns) return PASS;
    int v4 = ctx->family == AF_INET;
    if (!is_local_of_target(ctx, v4)) return PASS;
    __u16 remote = swap16(ctx->remote_port);
    if (bpf_map_lookup_elem(&delay_exempt, &remote) && comes_from_here(ctx, v4)) return PASS;
    __u32 index = v4 ? 0 : 1;
    void *socket = bpf_map_lookup_elem(&delay_socks, &index);
    if (!socket) return PASS;
    long error = bpf_sk_assign(ctx, socket, 0);
    bpf_sk_release(socket);
    __u64 *redirected = bpf_map_lookup_elem(&delay_stat, &zero);
    if (!error && redirected) __sync_fetch_and_add(redirected, 1);
    return PASS;
}

char squall_license[] SEC("license") = "Apache-2.0";
