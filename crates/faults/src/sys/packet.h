// Reads IP packets for faults that choose some of them. All offsets are from the network header,
// so that the same code serves hooks that see an Ethernet header and hooks that do not.
#pragma once
#include "rule.h"

enum { BPF_HDR_START_NET = 1 };
// What a tcx program answers: on to the next program.
enum { TCX_NEXT = -1, TCX_DROP = 2 };
// A redirect to a device that does not exist is a loss that nobody is told of.
enum { NOWHERE = 0x7fffffff };
// More extension headers than this are met in attacks only.
enum { EXTENSIONS_MAX = 4 };

struct __sk_buff {
    __u32 len;
    __u32 pkt_type;
    __u32 mark;
    __u32 queue_mapping;
    __u32 protocol;
    __u32 vlan_present;
    __u32 vlan_tci;
    __u32 vlan_proto;
    __u32 priority;
    __u32 ingress_ifindex;
    __u32 ifindex;
    __u32 tc_index;
    __u32 cb[5];
    __u32 hash;
    __u32 tc_classid;
    __u32 data;
    __u32 data_end;
    __u32 napi_id;
    __u32 family;
    __u32 remote_ip4;
    __u32 local_ip4;
    __u32 remote_ip6[4];
    __u32 local_ip6[4];
    __u32 remote_port;
    __u32 local_port;
    __u32 data_meta;
    __u64 flow_keys;
    __u64 tstamp;
    __u32 wire_len;
    __u32 gso_segs;
};

struct packet {
    __u32 peer[4];
    __u32 family;  // 4 or 6
    __u32 protocol;
    __u32 transport;  // where the transport header begins
    __u16 ports[2];   // 0 in all but the first fragment
};

INLINE int load(struct __sk_buff *skb, __u32 at, void *to, __u32 length) {
    return bpf_skb_load_bytes_relative(skb, at, to, length, BPF_HDR_START_NET) == 0;
}

INLINE int read_ip4(struct __sk_buff *skb, int leaving, struct packet *packet, int *later) {
    __u32 head[5];
    if (!load(skb, 0, head, sizeof(head))) return 0;
    __u8 *bytes = (__u8 *)head;
    packet->family = 4;
    packet->protocol = bytes[9];
    packet->transport = (bytes[0] & 15) * 4;
    packet->peer[0] = head[leaving ? 4 : 3];
    *later = (bytes[6] & 0x1f) | bytes[7];
    return 1;
}

INLINE int read_ip6(struct __sk_buff *skb, int leaving, struct packet *packet, int *later) {
    __u32 head[10];
    if (!load(skb, 0, head, sizeof(head))) return 0;
    packet->family = 6;
#pragma unroll
    for (int at = 0; at < 4; at++) packet->peer[at] = leaving ? head[6 + at] : head[2 + at];
    __u32 next = ((__u8 *)head)[6], at = sizeof(head);
#pragma unroll
    for (int extension = 0; extension < EXTENSIONS_MAX; extension++) {
        __u8 bytes[4];
        if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS &&
            next != IPPROTO_FRAGMENT)
            break;
        if (!load(skb, at, bytes, sizeof(bytes))) return 0;
        if (next == IPPROTO_FRAGMENT) {
            *later = bytes[2] | (bytes[3] & 0xf8);
            at += 8;
        } else {
            at += (bytes[1] + 1) * 8;
        }
        next = bytes[0];
    }
    packet->protocol = next;
    packet->transport = at;
    return 1;
}

// False for what is no IP packet: ARP, for example, is never touched.
INLINE int read_packet(struct __sk_buff *skb, int leaving, struct packet *packet) {
    __u8 first;
    int later = 0;
    __builtin_memset(packet, 0, sizeof(*packet));
    if (!load(skb, 0, &first, 1)) return 0;
    if (first >> 4 == 4) {
        if (!read_ip4(skb, leaving, packet, &later)) return 0;
    } else if (first >> 4 == 6) {
        if (!read_ip6(skb, leaving, packet, &later)) return 0;
    } else {
        return 0;
    }
    int has_ports = packet->protocol == IPPROTO_TCP || packet->protocol == IPPROTO_UDP;
    if (!has_ports || later) return 1;
    if (!load(skb, packet->transport, packet->ports, sizeof(packet->ports))) return 0;
    packet->ports[0] = swap16(packet->ports[0]);
    packet->ports[1] = swap16(packet->ports[1]);
    return 1;
}

// Counts a packet of the target and says whether it is one of those that were meant.
INLINE int is_meant(struct __sk_buff *skb, const struct rule *rule, struct tally *tally,
                    void *ends, int leaving, struct packet *packet) {
    if (!(rule->sides & (leaving ? LEAVING : ARRIVING))) return 0;
    if (is_over(rule)) return 0;
    if (!read_packet(skb, leaving, packet)) return 0;
    if (packet->protocol == IPPROTO_TCP &&
        (packet->ports[0] == PORT_SSH || packet->ports[1] == PORT_SSH))
        return 0;
    count(&tally->seen, 1);
    if (!(rule->protocols & protocol_bit(packet->protocol))) return 0;
    if (rule->ports_len && !has_port(rule, packet->ports[0]) && !has_port(rule, packet->ports[1]))
        return 0;
    return has_end(rule, ends, packet->family, packet->peer, packet->ports[leaving ? 1 : 0]);
}

// On a device packets of everybody pass; only the target's are its own. Only a packet that
// leaves still knows its sender.
INLINE int is_targets(struct __sk_buff *skb, const struct rule *rule) {
    return !rule->cgroup || bpf_skb_ancestor_cgroup_id(skb, rule->level) == rule->cgroup;
}

INLINE __u32 segments_of(struct __sk_buff *skb) { return skb->gso_segs ? skb->gso_segs : 1; }

// The whole decision, for a fault that has one map of each kind. `OWN` is for a hook on the
// target's cgroup, where every packet is the target's.
enum { OWN = 1, SHARED = 0 };
INLINE int is_chosen(struct __sk_buff *skb, void *rules, void *tallies, void *ends, int leaving,
                     int own, struct packet *packet) {
    __u32 zero = 0;
    struct rule *rule = bpf_map_lookup_elem(rules, &zero);
    struct tally *tally = bpf_map_lookup_elem(tallies, &zero);
    if (!rule || !tally || (!own && !is_targets(skb, rule))) return 0;
    if (!is_meant(skb, rule, tally, ends, leaving, packet)) return 0;
    return is_hit(rule, tally, segments_of(skb));
}
