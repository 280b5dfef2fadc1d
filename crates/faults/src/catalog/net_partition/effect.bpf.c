// Cuts the target off: nothing that was meant arrives, nothing leaves.
#include "../../sys/packet.h"

RULE_MAPS(partition);

// What a cgroup program answers for a packet that leaves: 0 is an error the sender may see, and
// for TCP the one that keeps its timers as they are on a dead path; 2 is a drop that a sender of
// datagrams is not told of.
enum { SEND = 1, DROP_AS_ERROR = 0, DROP_QUIETLY = 2 };

SEC("cgroup_skb/ingress")
int squall_part_in(struct __sk_buff *skb) {
    struct packet packet;
    return !is_chosen(skb, &partition_cfg, &partition_stat, &partition_ends, 0, OWN, &packet);
}

SEC("cgroup_skb/egress")
int squall_part_out(struct __sk_buff *skb) {
    struct packet packet;
    if (!is_chosen(skb, &partition_cfg, &partition_stat, &partition_ends, 1, OWN, &packet)) return SEND;
    return packet.protocol == IPPROTO_TCP ? DROP_AS_ERROR : DROP_QUIETLY;
}

SEC("classifier")
int squall_part_tcx_in(struct __sk_buff *skb) {
    struct packet packet;
    int chosen = is_chosen(skb, &partition_cfg, &partition_stat, &partition_ends, 0, SHARED, &packet);
    return chosen ? TCX_DROP : TCX_NEXT;
}

SEC("classifier")
int squall_part_tcx_out(struct __sk_buff *skb) {
    struct packet packet;
    if (!is_chosen(skb, &partition_cfg, &partition_stat, &partition_ends, 1, SHARED, &packet)) return TCX_NEXT;
    return bpf_redirect(NOWHERE, 0);
}

char squall_license[] SEC("license") = "Apache-2.0";
