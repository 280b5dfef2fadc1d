// What every fault on sockets and packets is told: until when, whose, which traffic, how often.
// Rust decides all of it (`sys/rule.rs` writes the same bytes); these programs compare.
#pragma once
#include "bpf.h"

enum { RANGES_MAX = 8, PORTS_MAX = 8, ENDS_MAX = 32 };
// Management traffic: people reach the host, and from it the next one, by it.
enum { PORT_SSH = 22 };
// Bits of `protocols`.
enum { BIT_TCP = 1, BIT_UDP = 2, BIT_OTHER = 4 };
// Bits of `sides`.
enum { LEAVING = 1, ARRIVING = 2 };

// Addresses are in network order; IPv4 lives in the first word.
struct range {
    __u32 address[4];
    __u32 mask[4];
    __u32 family;  // 4 or 6
    __u32 zero;
};

// The other end exactly; the key of a map that is empty where none is named.
struct end {
    __u32 address[4];
    __u32 family;
    __u32 port;
};

// Every map of a switch begins with these two, whatever follows: the end, and whose it is.
struct rule {
    __u64 expires_ns;
    __u64 token;
    __u64 cgroup;  // the target's; 0 where the hook itself is the scope
    __u64 seed;
    __u32 level;  // how deep that cgroup lies
    __u32 tgid;  // the only process it is for, 0 for all
    // The share of what matches, of 2^32 - 1, after a hit and after a miss: they differ where
    // hits come in bursts. All ones means every time.
    __u32 after_hit;
    __u32 after_miss;
    __u32 sides;
    __u32 protocols;
    __u32 ranges_len;  // 0 for every address
    __u32 ports_len;   // 0 for every port
    __u16 ports[PORTS_MAX];  // the first one again where there are fewer
    // What one fault alone needs.
    __u32 device;
    __u32 mode;
    __u32 ends_len;  // 0 where the ranges say who the other end is
    __u32 zero;
    struct range ranges[RANGES_MAX];
};

struct tally {
    __u64 seen;
    __u64 matched;
    __u64 hit;
    // Packets inside what was matched and hit: segmentation offload puts many into one.
    __u64 segments;
    __u64 segments_hit;
    __u64 last;  // 1 where the last one that matched was hit
};

// The switch, the counters and the other ends of a fault whose object is loaded anew for each injection.
#define RULE_MAPS(name)                                                  \
    struct bpf_map_def SEC("maps") name##_cfg = {                        \
        BPF_MAP_TYPE_ARRAY, sizeof(__u32), sizeof(struct rule), 1, 0,    \
    };                                                                   \
    struct bpf_map_def SEC("maps") name##_stat = {                       \
        BPF_MAP_TYPE_ARRAY, sizeof(__u32), sizeof(struct tally), 1, 0,   \
    };                                                                   \
    struct bpf_map_def SEC("maps") name##_ends = {                       \
        BPF_MAP_TYPE_HASH, sizeof(struct end), sizeof(__u32), ENDS_MAX, 0, \
    }

INLINE void count(__u64 *counter, __u64 by) { __sync_fetch_and_add(counter, by); }

INLINE int is_over(const struct rule *rule) {
    return bpf_ktime_get_boot_ns() >= rule->expires_ns;
}

INLINE __u32 protocol_bit(__u32 protocol) {
    if (protocol == IPPROTO_TCP || protocol == IPPROTO_MPTCP) return BIT_TCP;
    return protocol == IPPROTO_UDP ? BIT_UDP : BIT_OTHER;
}

// 1 for 0. Without a branch: the verifier walks every way through a program, and of ways through
// a loop of branches there are many.
INLINE __u32 is_zero(__u64 value) {
    asm volatile("" : "+r"(value));
    return ((value | -value) >> 63) ^ 1;
}

INLINE int has_port(const struct rule *rule, __u16 port) {
    __u32 found = 0;
#pragma unroll
    for (int at = 0; at < PORTS_MAX; at++) found |= is_zero(rule->ports[at] ^ port);
    return found;
}

INLINE __u32 is_within(const struct range *range, __u32 family, const __u32 *address) {
    __u32 other = range->family ^ family;
    other |= (address[0] & range->mask[0]) ^ range->address[0];
    other |= (address[1] & range->mask[1]) ^ range->address[1];
    other |= (address[2] & range->mask[2]) ^ range->address[2];
    other |= (address[3] & range->mask[3]) ^ range->address[3];
    return is_zero(other);
}

// Whether the other end is one that was meant. A range that is not used has no family.
INLINE int has_end(const struct rule *rule, void *ends, __u32 family, const __u32 *address,
                   __u16 port) {
    if (rule->ends_len) {
        struct end end = {{address[0], address[1], address[2], address[3]}, family, port};
        return bpf_map_lookup_elem(ends, &end) != 0;
    }
    if (!rule->ranges_len) return 1;
    __u32 found = 0;
#pragma unroll
    for (int at = 0; at < RANGES_MAX; at++) found |= is_within(&rule->ranges[at], family, address);
    return found;
}

// The same seed makes the same choices: the nth that matches has the nth number (splitmix64).
INLINE __u32 random_of(__u64 seed, __u64 n) {
    __u64 z = seed + (n + 1) * 0x9e3779b97f4a7c15ull;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return (z ^ (z >> 31)) >> 32;
}

// Counts one that matches and says whether it is to be hurt.
INLINE int is_hit(const struct rule *rule, struct tally *tally, __u32 segments) {
    __u64 n = __sync_fetch_and_add(&tally->matched, 1);
    count(&tally->segments, segments);
    __u32 limit = tally->last ? rule->after_hit : rule->after_miss;
    if (limit != ~0u && random_of(rule->seed, n) >= limit) {
        tally->last = 0;
        return 0;
    }
    tally->last = 1;
    count(&tally->hit, 1);
    count(&tally->segments_hit, segments);
    return 1;
}
