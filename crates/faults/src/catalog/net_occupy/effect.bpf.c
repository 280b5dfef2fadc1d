// Answers the target's bind() as if somebody else had the port.
#include "../../sys/rule.h"

RULE_MAPS(occupy);

INLINE int decide(struct bpf_sock_addr *ctx) {
    __u32 zero = 0, tgid = bpf_get_current_pid_tgid() >> 32;
    struct rule *rule = bpf_map_lookup_elem(&occupy_cfg, &zero);
    struct tally *tally = bpf_map_lookup_elem(&occupy_stat, &zero);
    if (!rule || !tally || (rule->tgid && rule->tgid != tgid) || is_over(rule)) return 1;
    __u16 port = swap16(ctx->user_port);
    // A port that the kernel chooses is never one that is in use.
    if (!port || port == PORT_SSH) return 1;
    count(&tally->seen, 1);
    if (!(rule->protocols & protocol_bit(ctx->protocol)) || !has_port(rule, port)) return 1;
    if (!is_hit(rule, tally, 1)) return 1;
    bpf_set_retval(-EADDRINUSE);
    return 0;
}

SEC("cgroup/bind4")
int squall_occupy4(struct bpf_sock_addr *ctx) { return decide(ctx); }

SEC("cgroup/bind6")
int squall_occupy6(struct bpf_sock_addr *ctx) { return decide(ctx); }

char squall_license[] SEC("license") = "Apache-2.0";
