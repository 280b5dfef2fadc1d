// Sends chosen packets twice.
#include "../../sys/packet.h"

RULE_MAPS(duplicate);

// The copy passes this program again, on the same processor, before the call returns.
struct bpf_map_def SEC("maps") duplicate_busy = {
    BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(__u32), sizeof(__u32), 1, 0,
};

SEC("classifier")
int squall_duplicate(struct __sk_buff *skb) {
    __u32 zero = 0;
    struct packet packet;
    __u32 *busy = bpf_map_lookup_elem(&duplicate_busy, &zero);
    struct tally *tally = bpf_map_lookup_elem(&duplicate_stat, &zero);
    if (!busy || *busy || !tally) return TCX_NEXT;
    if (!is_chosen(skb, &duplicate_cfg, &duplicate_stat, &duplicate_ends, 1, SHARED, &packet)) return TCX_NEXT;
    *busy = 1;
    // Without memory for a copy there was none.
    if (bpf_clone_redirect(skb, skb->ifindex, 0)) count(&tally->hit, -1ull);
    *busy = 0;
    return TCX_NEXT;
}

char squall_license[] SEC("license") = "Apache-2.0";
