// Refuses connections beyond a number that are open at the same time.
#include "../../sys/rule.h"

RULE_MAPS(limit);

// How many are open or being opened. Written by these programs, and corrected from time to time
// by a thread that counts the sockets: a handshake that fails tells nobody here.
struct bpf_map_def SEC("maps") limit_open = {
    BPF_MAP_TYPE_ARRAY, sizeof(__u32), sizeof(__u64), 1, 0,
};

enum { SK_DROP = 0, SK_PASS = 1 };
enum { ON_CONNECT = 3, ON_ACCEPTED = 5, ON_STATE = 10 };
enum { STATES = 1 << 2, TCP_CLOSED = 7 };

// Takes a place for a connection that was meant; false where there is none left.
INLINE int has_place(struct rule *rule, struct tally *tally, __u64 *open) {
    count(&tally->matched, 1);
    if (__sync_fetch_and_add(open, 1) < rule->device) return 1;
    __sync_fetch_and_add(open, -1ull);
    count(&tally->hit, 1);
    return 0;
}

SEC("sk_lookup")
int squall_limit_in(struct bpf_sk_lookup *ctx) {
    __u32 zero = 0;
    struct rule *rule = bpf_map_lookup_elem(&limit_cfg, &zero);
    struct tally *tally = bpf_map_lookup_elem(&limit_stat, &zero);
    __u64 *open = bpf_map_lookup_elem(&limit_open, &zero);
    if (!rule || !tally || !open || ctx->protocol != IPPROTO_TCP || is_over(rule)) return SK_PASS;
    if (ctx->local_port == PORT_SSH || !has_port(rule, ctx->local_port)) return SK_PASS;
    count(&tally->seen, 1);
    __u32 four[4] = {ctx->remote_ip4, 0, 0, 0};
    __u32 six[4] = {ctx->remote_ip6[0], ctx->remote_ip6[1], ctx->remote_ip6[2],
                    ctx->remote_ip6[3]};
    int is_meant = ctx->family == AF_INET ? has_end(rule, &limit_ends, 4, four, 0)
                                            : has_end(rule, &limit_ends, 6, six, 0);
    return !is_meant || has_place(rule, tally, open) ? SK_PASS : SK_DROP;
}

INLINE int opens(struct bpf_sock_addr *ctx, __u32 family, const __u32 *address) {
    __u32 zero = 0;
    struct rule *rule = bpf_map_lookup_elem(&limit_cfg, &zero);
    struct tally *tally = bpf_map_lookup_elem(&limit_stat, &zero);
    __u64 *open = bpf_map_lookup_elem(&limit_open, &zero);
    if (!rule || !tally || !open || is_over(rule)) return 1;
    __u16 port = swap16(ctx->user_port);
    if (protocol_bit(ctx->protocol) != BIT_TCP || port == PORT_SSH) return 1;
    count(&tally->seen, 1);
    if (!has_port(rule, port) || !has_end(rule, &limit_ends, family, address, port)) return 1;
    if (has_place(rule, tally, open)) return 1;
    bpf_set_retval(-ECONNREFUSED);
    return 0;
}

SEC("cgroup/connect4")
int squall_limit4(struct bpf_sock_addr *ctx) {
    __u32 address[4] = {ctx->user_ip4, 0, 0, 0};
    return opens(ctx, 4, address);
}

SEC("cgroup/connect6")
int squall_limit6(struct bpf_sock_addr *ctx) {
    __u32 address[4] = {ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2], ctx->user_ip6[3]};
    if (address[0] || address[1] || address[2] != swap32(0xffff)) return opens(ctx, 6, address);
    __u32 plain[4] = {address[3], 0, 0, 0};
    return opens(ctx, 4, plain);
}

// Gives a place back when a connection that took one is closed.
SEC("sockops")
int squall_limit_end(struct bpf_sock_ops *ctx) {
    __u32 zero = 0, op = ctx->op;
    struct rule *rule = bpf_map_lookup_elem(&limit_cfg, &zero);
    __u64 *open = bpf_map_lookup_elem(&limit_open, &zero);
    if (!rule || !open || is_over(rule)) return 1;
    // The remote port is in network order, as the head of a longer number.
    __u16 port = rule->sides == ARRIVING ? ctx->local_port : swap32(ctx->remote_port);
    if (!has_port(rule, port)) return 1;
    if (op == (rule->sides == ARRIVING ? ON_ACCEPTED : ON_CONNECT)) {
        bpf_sock_ops_cb_flags_set(ctx, STATES);
    } else if (op == ON_STATE && ctx->args[1] == TCP_CLOSED && *open > 0) {
        __sync_fetch_and_add(open, -1ull);
    }
    return 1;
}

char squall_license[] SEC("license") = "Apache-2.0";
