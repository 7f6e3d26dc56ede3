/* The packet path in the kernel: TC (or TCX) ingress. A datagram that belongs to a slot is rewritten and sent on; all
 * else goes its way to the socket untouched. Decisions that need more than this packet are user space's. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/udp.h>
/* The helpers' header wants the kernel's types first. */
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "slot.h"

#define LOOPBACK_DEVICE 1 /* In every network namespace. */
#define RTP_FIXED 12
#define DATAGRAM_MAX 1400
#define DROPOUT_MAX 3000  /* as rtp::Receiver has it */
#define WINDOW_BITS 64
#define PAUSE_MAX (1ull << 36) /* ns; user space takes a silent flow down long before */

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1); /* set when it is loaded */
  __type(key, __u32);
  __type(value, struct flow_slot);
} slots SEC(".maps");

/* Set before it is loaded: the even ports of this range have a slot each. */
volatile const __u32 port_first = 0;
volatile const __u32 slot_count = 0;

struct rtp_header {
  __u8 flags;
  __u8 type;
  __u16 sequence;
  __u32 timestamp;
  __u32 ssrc;
};

/* Where things are in the packet: all behind the checks against data_end. */
struct view {
  struct iphdr *v4;
  struct ipv6hdr *v6;
  struct udphdr *udp;
  struct rtp_header *rtp;
  void *end;
  __u16 udp_size; /* of the UDP payload */
  __u16 payload;  /* bytes of media */
};

/* What this packet makes of the figures; written back once it is clear that it passes. */
struct count {
  __u64 window;
  __u64 now;
  __s64 ahead;
  __u32 highest;
  __u32 jitter16;
  _Bool is_newest;
};

enum verdict { PASS_UP, RELAY, DROP };

static __always_inline _Bool is_same(const __u8 *a, const void *b, __u8 is_v6) {
  const __u32 *x = (const __u32 *)a, *y = b;
  if (!is_v6) return x[0] == y[0];
  return x[0] == y[0] && x[1] == y[1] && x[2] == y[2] && x[3] == y[3];
}

static __always_inline _Bool find_headers(struct __sk_buff *skb, struct view *view) {
  void *data = (void *)(long)skb->data;
  view->end = (void *)(long)skb->data_end;
  const struct ethhdr *ethernet = data;
  if ((void *)(ethernet + 1) > view->end) return 0;
  view->v4 = 0;
  view->v6 = 0;
  __u32 ip_payload;
  if (ethernet->h_proto == bpf_htons(ETH_P_IP)) {
    struct iphdr *ip = (void *)(ethernet + 1);
    view->udp = (void *)(ip + 1);
    view->rtp = (void *)(view->udp + 1);
    if ((void *)(view->rtp + 1) > view->end) return 0;
    /* No options, no fragments, and life enough for one more hop: two gateways that point at each other end here. */
    if (*(__u8 *)ip != 0x45 || ip->protocol != IPPROTO_UDP || ip->ttl < 2) return 0;
    if (ip->frag_off & bpf_htons(0x3fff)) return 0;
    ip_payload = bpf_ntohs(ip->tot_len) - sizeof(*ip);
    view->v4 = ip;
  } else if (ethernet->h_proto == bpf_htons(ETH_P_IPV6)) {
    struct ipv6hdr *ip = (void *)(ethernet + 1);
    view->udp = (void *)(ip + 1);
    view->rtp = (void *)(view->udp + 1);
    if ((void *)(view->rtp + 1) > view->end) return 0;
    /* Extension headers, fragments among them, are another nexthdr. */
    if (ip->version != 6 || ip->nexthdr != IPPROTO_UDP || ip->hop_limit < 2) return 0;
    ip_payload = bpf_ntohs(ip->payload_len);
    view->v6 = ip;
  } else {
    return 0;
  }
  const __u32 size = bpf_ntohs(view->udp->len);
  if (size != ip_payload || size < sizeof(*view->udp) + RTP_FIXED || size > DATAGRAM_MAX) return 0;
  view->udp_size = size - sizeof(*view->udp);
  return 1;
}

/* Version 2 without padding, its lists within the datagram. What STUN and DTLS begin with is no version 2. */
static __always_inline _Bool measure_payload(struct view *view) {
  const __u8 flags = view->rtp->flags;
  if ((flags & 0xe0) != 0x80) return 0;
  __u32 head = RTP_FIXED + (flags & 0x0f) * 4;
  if (flags & 0x10) {
    const __u16 *extension = (void *)((__u8 *)view->rtp + head);
    if ((void *)(extension + 2) > view->end) return 0;
    head += 4 + (__u32)bpf_ntohs(extension[1]) * 4;
  }
  if (head > view->udp_size) return 0;
  view->payload = view->udp_size - head;
  return 1;
}

static __always_inline int find_type(const struct flow_slot *slot, __u8 type) {
  int found = -1;
#pragma unroll
  for (int i = 0; i < FLOW_TYPES; ++i)
    if (i < slot->type_count && slot->types_in[i] == type) found = i;
  return found;
}

static __always_inline _Bool is_expected(const struct __sk_buff *skb, const struct flow_slot *slot,
                                         const struct view *view) {
  if (slot->at_port != view->udp->dest || slot->from_port != view->udp->source) return 0;
  if (slot->is_v6 != (view->v6 != 0) || slot->ssrc_in != view->rtp->ssrc) return 0;
  if (slot->is_local != (skb->ifindex == LOOPBACK_DEVICE)) return 0;
  if (view->v4) return is_same(slot->at, &view->v4->daddr, 0) && is_same(slot->from, &view->v4->saddr, 0);
  return view->v6 && is_same(slot->at, &view->v6->daddr, 1) && is_same(slot->from, &view->v6->saddr, 1);
}

/* What rtp::Receiver and rtp::Continuity would say, or PASS_UP where they have to. */
static __always_inline enum verdict judge(const struct flow_slot *slot, const struct view *view, struct count *count) {
  const __u16 sequence = bpf_ntohs(view->rtp->sequence);
  const __u32 timestamp = bpf_ntohl(view->rtp->timestamp);
  const __u16 step = sequence - (__u16)slot->highest;
  count->now = bpf_ktime_get_ns();
  if (count->now > slot->valid_until) return PASS_UP;
  const __u64 pause = count->now - slot->last_arrival;
  if (pause > PAUSE_MAX) return PASS_UP;
  /* RFC 3550 A.8, from the last packet, whichever it was: the newest is near enough, and one stamp less. */
  const __s64 passed = (pause * slot->ticks_per_ns) >> (FLOW_RATE_FRACTION - FLOW_FRACTION);
  const __s64 early = ((__s64)(__s32)(timestamp - slot->highest_timestamp) << FLOW_FRACTION) - passed;
  count->window = slot->window;
  count->highest = slot->highest;
  count->jitter16 = slot->jitter16;
  count->is_newest = 0;
  if (step == 0) return DROP;
  if (step >= DROPOUT_MAX) {
    const __u16 behind = -step;
    if (behind >= WINDOW_BITS) return PASS_UP;
    if (count->window >> behind & 1) return DROP;
    count->window |= 1ull << behind;
    return RELAY;
  }
  count->highest += step;
  count->window = step >= WINDOW_BITS ? 1 : count->window << step | 1;
  count->is_newest = 1;
  count->ahead = slot->ahead + early;
  const __s64 off = count->ahead - slot->skew;
  const __u32 rate = slot->clock_rate;
  if ((off < 0 ? -off : off) > (__s64)rate << FLOW_FRACTION) return PASS_UP; /* a clock that jumped */
  const __u64 difference = (__u64)(early < 0 ? -early : early) >> FLOW_FRACTION;
  if (difference < rate) count->jitter16 += (__u32)difference - ((slot->jitter16 + 8) >> 4);
  return RELAY;
}

static __always_inline void note(struct flow_slot *slot, const struct view *view, const struct count *count) {
  slot->packets += 1;
  slot->octets += view->payload;
  slot->octets_out += view->udp_size - RTP_FIXED;
  slot->window = count->window;
  if (!count->is_newest) return;
  slot->last_arrival = count->now;
  slot->highest = count->highest;
  slot->highest_timestamp = bpf_ntohl(view->rtp->timestamp);
  slot->jitter16 = count->jitter16;
  slot->ahead = count->ahead;
  slot->skew += (count->ahead - slot->skew) >> FLOW_SKEW_SHIFT;
}

static __always_inline __u16 fold(__u64 sum) {
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return (__u16)sum;
}

static __always_inline void copy16(void *to, const __u8 *from) {
  __builtin_memcpy(to, from, 16);
}

/* RFC 1624 for the IPv4 header; nothing else there changes but addresses, class and life. */
static __always_inline void rewrite_v4(struct iphdr *ip, const struct flow_slot *slot) {
  const __u16 *words = (const __u16 *)ip;
  __u64 sum = (__u16)~ip->check;
  sum += (__u16)~words[0] + (__u16)~words[4];
  ip->tos = slot->traffic_class;
  ip->ttl -= 1;
  sum += words[0] + words[4];
  sum += slot->address_difference;
  ip->check = ~fold(sum);
  __builtin_memcpy(&ip->saddr, slot->own, 4);
  __builtin_memcpy(&ip->daddr, slot->to, 4);
}

static __always_inline void rewrite_v6(struct ipv6hdr *ip, const struct flow_slot *slot) {
  ip->priority = slot->traffic_class >> 4;
  ip->flow_lbl[0] = (ip->flow_lbl[0] & 0x0f) | (slot->traffic_class << 4);
  ip->hop_limit -= 1;
  copy16(&ip->saddr, slot->own);
  copy16(&ip->daddr, slot->to);
}

/* Ports and RTP's own header; the difference it makes to the UDP checksum. */
static __always_inline __s64 rewrite_rtp(struct view *view, const struct flow_slot *slot, __u8 type) {
  __u32 before[4], after[4];
  struct udphdr *udp = view->udp;
  struct rtp_header *rtp = view->rtp;
  __builtin_memcpy(&before[0], udp, 4);
  __builtin_memcpy(&before[1], rtp, 12);
  udp->source = slot->own_port;
  udp->dest = slot->to_port;
  rtp->type = (rtp->type & 0x80) | type;
  rtp->sequence = bpf_htons(bpf_ntohs(rtp->sequence) + slot->sequence_add);
  rtp->timestamp = bpf_htonl(bpf_ntohl(rtp->timestamp) + slot->timestamp_add);
  rtp->ssrc = slot->ssrc_out;
  __builtin_memcpy(&after[0], udp, 4);
  __builtin_memcpy(&after[1], rtp, 12);
  return bpf_csum_diff((__be32 *)before, sizeof(before), (__be32 *)after, sizeof(after), 0);
}

static __always_inline int send(struct __sk_buff *skb, const struct flow_slot *slot) {
  if (slot->is_local) return TC_ACT_UNSPEC; /* on its way to this host already, now with another address */
  struct bpf_redir_neigh hop = {};
  hop.nh_family = slot->is_v6 ? 10 : 2; /* AF_INET6, AF_INET */
  copy16(hop.ipv6_nh, slot->gateway);
  return bpf_redirect_neigh(slot->output, &hop, sizeof(hop), 0);
}

static __always_inline int relay(struct __sk_buff *skb, struct flow_slot *slot, struct view *view) {
  if (!is_expected(skb, slot, view)) return TC_ACT_UNSPEC;
  const int found = find_type(slot, view->rtp->type & 0x7f);
  if (found < 0) return TC_ACT_UNSPEC;
  struct count count = {};
  const enum verdict verdict = judge(slot, view, &count);
  if (verdict == PASS_UP) return TC_ACT_UNSPEC;
  if (verdict == DROP) {
    slot->doubled += 1;
    return TC_ACT_SHOT;
  }
  note(slot, view, &count);
  const _Bool is_v6 = view->v6 != 0;
  const _Bool has_checksum = view->udp->check != 0;
  const __u32 addresses = slot->address_difference;
  if (view->v4) rewrite_v4(view->v4, slot);
  if (view->v6) rewrite_v6(view->v6, slot);
  const __s64 difference = rewrite_rtp(view, slot, slot->types_out[found & (FLOW_TYPES - 1)]);
  if (has_checksum) {
    /* The helper knows whether the device fills in the sum (then the field has the pseudo header's only). */
    const __u32 at = sizeof(struct ethhdr) + (is_v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr)) +
                     __builtin_offsetof(struct udphdr, check);
    bpf_l4_csum_replace(skb, at, 0, addresses, BPF_F_PSEUDO_HDR | BPF_F_MARK_MANGLED_0);
    bpf_l4_csum_replace(skb, at, 0, difference, BPF_F_MARK_MANGLED_0);
  }
  return send(skb, slot);
}

SEC("tc")
int relay_rtp(struct __sk_buff *skb) {
  struct view view;
  if (skb->vlan_present || skb->gso_segs > 1) return TC_ACT_UNSPEC;
  if (!find_headers(skb, &view)) {
    /* Drivers may keep all but the first bytes elsewhere; only what looks like ours is worth fetching. */
    if (skb->len < sizeof(struct ethhdr) + sizeof(struct iphdr) + sizeof(struct udphdr) + RTP_FIXED ||
        skb->data_end - skb->data >= sizeof(struct ethhdr) + sizeof(struct ipv6hdr) + sizeof(struct udphdr) + RTP_FIXED)
      return TC_ACT_UNSPEC;
    if (bpf_skb_pull_data(skb, 0) || !find_headers(skb, &view)) return TC_ACT_UNSPEC;
  }
  __u32 index = bpf_ntohs(view.udp->dest) - port_first;
  if (index & 1) return TC_ACT_UNSPEC;
  index /= 2;
  if (index >= slot_count) return TC_ACT_UNSPEC;
  if (!measure_payload(&view)) return TC_ACT_UNSPEC;
  struct flow_slot *slot = bpf_map_lookup_elem(&slots, &index);
  if (!slot || !slot->state) return TC_ACT_UNSPEC;
  /* The owner clears `state`, then waits for `busy`: what passes here is counted before he reads the figures. A second
   * CPU on the same flow leaves its packet to the socket. */
  if (__sync_val_compare_and_swap(&slot->busy, 0, 1) != 0) return TC_ACT_UNSPEC;
  const int act = *(volatile __u32 *)&slot->state ? relay(skb, slot, &view) : TC_ACT_UNSPEC;
  __sync_lock_test_and_set(&slot->busy, 0);
  return act;
}

/* No helper here asks for another one. */
char terms[] SEC("license") = "Apache-2.0";
