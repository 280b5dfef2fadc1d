// The part of the kernel's BPF interface that these programs use, written out by hand: numbers
// and layouts are stable ABI. Maps use the form without BTF, so that objects stay small, build
// the same everywhere and load on kernels without type information.
#pragma once

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;

#define SEC(name) __attribute__((section(name), used))
#define INLINE static __attribute__((always_inline)) inline

struct bpf_map_def {
    __u32 type;
    __u32 key_size;
    __u32 value_size;
    __u32 max_entries;
    __u32 map_flags;
};

enum {
    BPF_MAP_TYPE_HASH = 1,
    BPF_MAP_TYPE_ARRAY = 2,
    BPF_MAP_TYPE_PERCPU_ARRAY = 6,
    BPF_MAP_TYPE_LRU_HASH = 9,
    BPF_MAP_TYPE_SOCKMAP = 15,
};

enum {
    AF_INET = 2,
    AF_INET6 = 10,
    IPPROTO_TCP = 6,
    IPPROTO_UDP = 17,
    IPPROTO_MPTCP = 262,
    IPPROTO_HOPOPTS = 0,
    IPPROTO_ROUTING = 43,
    IPPROTO_FRAGMENT = 44,
    IPPROTO_DSTOPTS = 60,
    EADDRINUSE = 98,
    ECONNREFUSED = 111,
};

enum { BPF_ANY = 0, BPF_NOEXIST = 1 };

static void *(*bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static long (*bpf_map_update_elem)(void *map, const void *key, const void *value,
                                   __u64 flags) = (void *)2;
static long (*bpf_map_delete_elem)(void *map, const void *key) = (void *)3;
static __u32 (*bpf_get_prandom_u32)(void) = (void *)7;
static long (*bpf_skb_store_bytes)(void *skb, __u32 at, const void *from, __u32 length,
                                   __u64 flags) = (void *)9;
static long (*bpf_l4_csum_replace)(void *skb, __u32 at, __u64 from, __u64 to,
                                   __u64 flags) = (void *)11;
static long (*bpf_clone_redirect)(void *skb, __u32 device, __u64 flags) = (void *)13;
static __u64 (*bpf_get_current_pid_tgid)(void) = (void *)14;
static long (*bpf_redirect)(__u32 device, __u64 flags) = (void *)23;
static long (*bpf_skb_load_bytes)(const void *skb, __u32 at, void *to,
                                  __u32 length) = (void *)26;
static __u64 (*bpf_get_socket_cookie)(void *ctx) = (void *)46;
static long (*bpf_sock_ops_cb_flags_set)(void *ctx, int flags) = (void *)59;
static long (*bpf_skb_load_bytes_relative)(const void *skb, __u32 at, void *to, __u32 length,
                                           __u32 start) = (void *)68;
static __u64 (*bpf_skb_ancestor_cgroup_id)(void *skb, int level) = (void *)83;
static long (*bpf_sk_release)(void *sk) = (void *)86;
static __u64 (*bpf_get_netns_cookie)(void *ctx) = (void *)122;
static __u64 (*bpf_get_current_ancestor_cgroup_id)(int level) = (void *)123;
static long (*bpf_sk_assign)(void *ctx, void *sk, __u64 flags) = (void *)124;
static __u64 (*bpf_ktime_get_boot_ns)(void) = (void *)125;
static int (*bpf_set_retval)(int retval) = (void *)187;

// The head of a socket as programs see it. Addresses are in network order.
struct bpf_sock {
    __u32 bound_dev_if;
    __u32 family;
    __u32 type;
    __u32 protocol;
    __u32 mark;
    __u32 priority;
    __u32 src_ip4;
    __u32 src_ip6[4];
};

// What a cgroup/connect program sees. Addresses and the port are in network order.
struct bpf_sock_addr {
    __u32 user_family;
    __u32 user_ip4;
    __u32 user_ip6[4];
    __u32 user_port;
    __u32 family;
    __u32 type;
    __u32 protocol;
    __u32 msg_src_ip4;
    __u32 msg_src_ip6[4];
    struct bpf_sock *sk __attribute__((aligned(8)));
};

// What an sk_lookup program sees. The remote port is in network order, the local one is not.
struct bpf_sk_lookup {
    __u64 cookie;
    __u32 family;
    __u32 protocol;
    __u32 remote_ip4;
    __u32 remote_ip6[4];
    __u16 remote_port;
    __u16 zero;
    __u32 local_ip4;
    __u32 local_ip6[4];
    __u32 local_port;
    __u32 ingress_ifindex;
};

// The head of what a sockops program sees. The local port is in host order.
struct bpf_sock_ops {
    __u32 op;
    __u32 args[4];
    __u32 family;
    __u32 remote_ip4;
    __u32 local_ip4;
    __u32 remote_ip6[4];
    __u32 local_ip6[4];
    __u32 remote_port;
    __u32 local_port;
};

INLINE __u16 swap16(__u16 value) { return __builtin_bswap16(value); }
INLINE __u32 swap32(__u32 value) { return __builtin_bswap32(value); }
