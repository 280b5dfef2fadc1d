// Sends the target's packets through the shaped class; all others never see it.
#include "../../sys/packet.h"

RULE_MAPS(bandwidth);

SEC("classifier")
int squall_shape(struct __sk_buff *skb) {
    __u32 zero = 0;
    struct packet packet;
    struct rule *rule = bpf_map_lookup_elem(&bandwidth_cfg, &zero);
    if (rule && is_chosen(skb, &bandwidth_cfg, &bandwidth_stat, &bandwidth_ends, 1, SHARED, &packet))
        skb->priority = rule->mode;
    return TCX_NEXT;
}

char squall_license[] SEC("license") = "Apache-2.0";
