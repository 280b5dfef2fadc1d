// Refuses connections of one process or one cgroup. Rust decides whom and what; this program
// compares. Attached to a cgroup, it does nothing for a process without a rule.
#include "../../sys/bpf.h"

enum { KIND_TGID = 1, KIND_CGROUP = 2 };
// Deeper cgroups than this are not met in practice; each level costs one lookup.
enum { LEVEL_MAX = 10 };
// Management traffic: people reach the next host by it.
enum { PORT_SSH = 22 };

struct refuse_key {
    __u32 kind;
    __u32 zero;
    __u64 id;
};

// Addresses are in network order; IPv4 lives in the first word.
struct refuse_rule {
    __u64 expires_ns;
    __u64 token;
    __u32 spare_tgid;
    __u32 share;  // of 2^32 - 1; all ones means every time
    __u32 address[4];
    __u32 mask[4];
    __u16 port;      // host order, 0 for every port
    __u8 family;     // 4, 6, or 0 for both
    __u8 protocols;  // bit 0 TCP, bit 1 UDP
    __u32 zero;
};

struct refuse_stat {
    __u64 seen;
    __u64 matched;
    __u64 refused;
};

struct bpf_map_def SEC("maps") refuse_cfg = {
    BPF_MAP_TYPE_HASH, sizeof(struct refuse_key), sizeof(struct refuse_rule), 256, 0,
};
struct bpf_map_def SEC("maps") refuse_stat = {
    BPF_MAP_TYPE_HASH, sizeof(struct refuse_key), sizeof(struct refuse_stat), 256, 0,
};

INLINE struct refuse_rule *rule_of_task(struct refuse_key *key, __u32 tgid) {
    key->kind = KIND_TGID;
    key->zero = 0;
    key->id = tgid;
    struct refuse_rule *rule = bpf_map_lookup_elem(&refuse_cfg, key);
    if (rule) return rule;
    key->kind = KIND_CGROUP;
    // Level 0 is the root: a rule for it would be a rule for the whole host.
#pragma unroll
    for (int level = 1; level <= LEVEL_MAX; level++) {
        key->id = bpf_get_current_ancestor_cgroup_id(level);
        if (!key->id) return 0;
        rule = bpf_map_lookup_elem(&refuse_cfg, key);
        if (rule) return rule;
    }
    return 0;
}

INLINE int decide(struct bpf_sock_addr *ctx, __u8 family, __u32 a, __u32 b, __u32 c, __u32 d) {
    __u32 tgid = bpf_get_current_pid_tgid() >> 32;
    struct refuse_key key;
    struct refuse_rule *rule = rule_of_task(&key, tgid);
    if (!rule || rule->spare_tgid == tgid) return 1;
    if (bpf_ktime_get_boot_ns() >= rule->expires_ns) return 1;
    if (swap16(ctx->user_port) == PORT_SSH) return 1;
    __u32 protocol = ctx->protocol;
    __u8 bit = protocol == IPPROTO_TCP || protocol == IPPROTO_MPTCP ? 1
               : protocol == IPPROTO_UDP                            ? 2
                                                                    : 0;
    if (!(rule->protocols & bit)) return 1;
    struct refuse_stat *stat = bpf_map_lookup_elem(&refuse_stat, &key);
    if (!stat) return 1;
    __sync_fetch_and_add(&stat->seen, 1);
    if (rule->port && rule->port != swap16(ctx->user_port)) return 1;
    if (rule->family && rule->family != family) return 1;
    if ((a & rule->mask[0]) != rule->address[0]) return 1;
    if ((b & rule->mask[1]) != rule->address[1]) return 1;
    if ((c & rule->mask[2]) != rule->address[2]) return 1;
    if ((d & rule->mask[3]) != rule->address[3]) return 1;
    __sync_fetch_and_add(&stat->matched, 1);
    if (rule->share != ~0u && bpf_get_prandom_u32() >= rule->share) return 1;
    __sync_fetch_and_add(&stat->refused, 1);
    bpf_set_retval(-ECONNREFUSED);
    return 0;
}

SEC("cgroup/connect4")
int squall_refuse4(struct bpf_sock_addr *ctx) {
    return decide(ctx, 4, ctx->user_ip4, 0, 0, 0);
}

SEC("cgroup/connect6")
int squall_refuse6(struct bpf_sock_addr *ctx) {
    __u32 a = ctx->user_ip6[0], b = ctx->user_ip6[1], c = ctx->user_ip6[2], d = ctx->user_ip6[3];
    // An IPv4 destination in IPv6 clothes is IPv4.
    if (a == 0 && b == 0 && c == swap32(0xffff)) return decide(ctx, 4, d, 0, 0, 0);
    return decide(ctx, 6, a, b, c, d);
}

char squall_license[] SEC("license") = "Apache-2.0";
