// Loses packets of the target: arriving ones before its sockets see them, leaving ones after its
// protocols believe them sent.
#include "../../sys/packet.h"

RULE_MAPS(loss);

SEC("cgroup_skb/ingress")
int squall_loss_own(struct __sk_buff *skb) {
    struct packet packet;
    return !is_chosen(skb, &loss_cfg, &loss_stat, &loss_ends, 0, OWN, &packet);
}

SEC("classifier")
int squall_loss_in(struct __sk_buff *skb) {
    struct packet packet;
    return is_chosen(skb, &loss_cfg, &loss_stat, &loss_ends, 0, SHARED, &packet) ? TCX_DROP : TCX_NEXT;
}

// A drop here would be reported to TCP, which then stalls instead of retransmitting.
SEC("classifier")
int squall_loss_out(struct __sk_buff *skb) {
    struct packet packet;
    if (!is_chosen(skb, &loss_cfg, &loss_stat, &loss_ends, 1, SHARED, &packet)) return TCX_NEXT;
    return bpf_redirect(NOWHERE, 0);
}

char squall_license[] SEC("license") = "Apache-2.0";
