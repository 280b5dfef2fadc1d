// Refuses connections that the target opens. Rust decides whom and what; this program compares.
#include "../../sys/rule.h"

RULE_MAPS(refuse);

INLINE int decide(struct bpf_sock_addr *ctx, __u32 family, const __u32 *address) {
    __u32 zero = 0, tgid = bpf_get_current_pid_tgid() >> 32;
    struct rule *rule = bpf_map_lookup_elem(&refuse_cfg, &zero);
    struct tally *tally = bpf_map_lookup_elem(&refuse_stat, &zero);
    if (!rule || !tally || (rule->tgid && rule->tgid != tgid) || is_over(rule)) return 1;
    __u16 port = swap16(ctx->user_port);
    if (port == PORT_SSH || !(rule->protocols & protocol_bit(ctx->protocol))) return 1;
    count(&tally->seen, 1);
    if (rule->ports_len && !has_port(rule, port)) return 1;
    if (!has_end(rule, &refuse_ends, family, address, port)) return 1;
    if (!is_hit(rule, tally, 1)) return 1;
    bpf_set_retval(-ECONNREFUSED);
    return 0;
}

SEC("cgroup/connect4")
int squall_refuse4(struct bpf_sock_addr *ctx) {
    __u32 address[4] = {ctx->user_ip4, 0, 0, 0};
    return decide(ctx, 4, address);
}

SEC("cgroup/connect6")
int squall_refuse6(struct bpf_sock_addr *ctx) {
    __u32 address[4] = {ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2], ctx->user_ip6[3]};
    // An IPv4 destination in IPv6 clothes is IPv4.
    if (address[0] || address[1] || address[2] != swap32(0xffff)) return decide(ctx, 6, address);
    __u32 plain[4] = {address[3], 0, 0, 0};
    return decide(ctx, 4, plain);
}

char squall_license[] SEC("license") = "Apache-2.0";
