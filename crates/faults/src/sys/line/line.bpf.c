// Leads chosen packets of the target over a detour that a process keeps: out of their device into
// a TAP device, and from there back onto their device.
#include "../packet.h"

RULE_MAPS(line);

// Devices and their TAP devices, each to the other.
struct bpf_map_def SEC("maps") line_pairs = {
    BPF_MAP_TYPE_HASH, sizeof(__u32), sizeof(__u32), 256, 0,
};

SEC("classifier")
int squall_line_out(struct __sk_buff *skb) {
    __u32 zero = 0, device = skb->ifindex;
    struct packet packet;
    struct rule *rule = bpf_map_lookup_elem(&line_cfg, &zero);
    __u32 *line = bpf_map_lookup_elem(&line_pairs, &device);
    if (!rule || !line) return TCX_NEXT;
    // These have been on the detour.
    if (skb->ingress_ifindex == *line || skb->mark == rule->mode) return TCX_NEXT;
    if (!is_chosen(skb, &line_cfg, &line_stat, &line_ends, 1, SHARED, &packet)) return TCX_NEXT;
    return bpf_redirect(*line, 0);
}

SEC("classifier")
int squall_line_back(struct __sk_buff *skb) {
    __u32 line = skb->ifindex;
    __u32 *device = bpf_map_lookup_elem(&line_pairs, &line);
    return device ? bpf_redirect(*device, 0) : TCX_DROP;
}

char squall_license[] SEC("license") = "Apache-2.0";
