// Damages chosen packets that leave the target.
#include "../../sys/packet.h"

RULE_MAPS(corrupt);

// `PAYLOAD`: one bit of the data is another one and the checksum is right again, so that the
// receiver reads wrong data. `HEADER`: the IP header is broken, so that the receiver drops it.
enum { PAYLOAD = 1, HEADER = 2 };
// Damage further behind would make the kernel copy large packets whole.
enum { DEPTH_MAX = 1024 };
// "0 means no checksum" is a rule of UDP.
enum { MANGLED_ZERO = 1 << 5 };
enum { TCP_CHECKSUM = 16, TCP_LENGTH = 12, UDP_CHECKSUM = 6, UDP_HEADER = 8 };

// How many bytes the link's own header has in this packet; -1 where it cannot be told.
INLINE int link_bytes(struct __sk_buff *skb) {
    __u32 net[3], raw[3];
    if (!load(skb, 0, net, sizeof(net))) return -1;
#pragma unroll
    for (int at = 0; at <= 18; at++) {
        // None, Ethernet, Ethernet with a tag.
        if (at != 0 && at != 14 && at != 18) continue;
        if (bpf_skb_load_bytes(skb, at, raw, sizeof(raw))) continue;
        if (raw[0] == net[0] && raw[1] == net[1] && raw[2] == net[2]) return at;
    }
    return -1;
}

INLINE int break_header(struct __sk_buff *skb, int link) {
    __u8 first;
    if (!load(skb, 0, &first, 1)) return 0;
    first |= 0xf0;
    return bpf_skb_store_bytes(skb, link, &first, 1, 0) == 0;
}

// Where the data begins, 0 where there is none.
INLINE __u32 payload_of(struct __sk_buff *skb, int link, struct packet *packet) {
    if (!packet->ports[0]) return 0;
    __u32 at = link + packet->transport + UDP_HEADER;
    if (packet->protocol == IPPROTO_TCP) {
        __u8 length;
        if (!load(skb, packet->transport + TCP_LENGTH, &length, 1)) return 0;
        at = link + packet->transport + (length >> 4) * 4;
    }
    // Two bytes are changed together, so that the checksum needs no care for odd places.
    return at + 2 <= skb->len ? at : 0;
}

INLINE int change_payload(struct __sk_buff *skb, __u32 at, int link, struct packet *packet,
                          __u32 random) {
    __u32 length = skb->len - at;
    if (length > DEPTH_MAX) length = DEPTH_MAX;
    if (length < 2) return 0;
    at += ((random >> 8) % (length / 2)) * 2;
    __u16 old, new;
    if (bpf_skb_load_bytes(skb, at, &old, sizeof(old))) return 0;
    new = old ^ (1 << (random & 15));
    int is_tcp = packet->protocol == IPPROTO_TCP;
    __u32 sum = link + packet->transport + (is_tcp ? TCP_CHECKSUM : UDP_CHECKSUM);
    __u64 flags = sizeof(old) | (is_tcp ? 0 : MANGLED_ZERO);
    if (bpf_skb_store_bytes(skb, at, &new, sizeof(new), 0)) return 0;
    return bpf_l4_csum_replace(skb, sum, old, new, flags) == 0;
}

SEC("classifier")
int squall_corrupt(struct __sk_buff *skb) {
    __u32 zero = 0;
    struct packet packet;
    struct rule *rule = bpf_map_lookup_elem(&corrupt_cfg, &zero);
    struct tally *tally = bpf_map_lookup_elem(&corrupt_stat, &zero);
    if (!rule || !tally || !is_targets(skb, rule)) return TCX_NEXT;
    if (!is_meant(skb, rule, tally, &corrupt_ends, 1, &packet)) return TCX_NEXT;
    int link = link_bytes(skb);
    if (link < 0) return TCX_NEXT;
    if (rule->mode == HEADER) {
        if (!is_hit(rule, tally, segments_of(skb))) return TCX_NEXT;
        if (!break_header(skb, link)) count(&tally->hit, -1ull);
        return TCX_NEXT;
    }
    __u32 at = payload_of(skb, link, &packet);
    if (!at || !is_hit(rule, tally, segments_of(skb))) return TCX_NEXT;
    __u32 random = random_of(~rule->seed, tally->hit);
    if (!change_payload(skb, at, link, &packet, random)) count(&tally->hit, -1ull);
    return TCX_NEXT;
}

char squall_license[] SEC("license") = "Apache-2.0";
