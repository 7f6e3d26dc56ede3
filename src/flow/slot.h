/* One relayed direction as kernel and user space share it: the program in relay.bpf.c compiles this as C, the library as
 * C++. User space fills a slot while `state` is 0 and is the only one to change `state`; the program owns the figures
 * while it is not. Addresses and ports are in network order; IPv4 in the first four bytes, zeros behind. */
#pragma once

#include <linux/types.h>

#define FLOW_TYPES 4         /* Payload types that a slot passes; others go to the socket. */
#define FLOW_FRACTION 20     /* Bits after the point of `ahead` and `skew`. */
#define FLOW_RATE_FRACTION 40 /* Bits after the point of `ticks_per_ns`. */
#define FLOW_SKEW_SHIFT 7    /* The clock line follows the source by 1/128 a packet, as rtp::Continuity does. */

struct flow_slot {
  /* Who may enter. */
  __u32 state; /* 0: nothing passes. */
  __u32 busy;  /* 1 while the program works on the slot. */
  __u64 valid_until; /* CLOCK_MONOTONIC; a lease that user space renews: a dead process relays nothing. */
  __u8 at[16];
  __u8 from[16];
  __u16 at_port;
  __u16 from_port;
  __u8 is_v6;
  __u8 is_local; /* The next hop is this host: over loopback only. */
  __u8 type_count;
  __u8 traffic_class;
  __u32 ssrc_in; /* network order */
  __u8 types_in[FLOW_TYPES];

  /* How it leaves. */
  __u8 to[16];
  __u8 own[16];
  __u16 to_port;
  __u16 own_port;
  __u8 types_out[FLOW_TYPES];
  __u32 ssrc_out; /* network order */
  __u32 timestamp_add;
  __u16 sequence_add;
  __u16 unused;
  __u32 output; /* device */
  __u64 ticks_per_ns;

  __u8 gateway[16]; /* The next hop's address. */
  __u32 address_difference; /* Of the checksums: one's complement sum of new minus old addresses. */
  __u32 clock_rate;

  /* What passed. */
  __u64 packets;
  __u64 octets;     /* of payload */
  __u64 octets_out; /* behind the fixed header, as sender reports count them */
  __u64 doubled;    /* seen before, dropped */
  __u64 window;     /* bit n: highest - n has been seen */
  __u64 last_arrival;
  __u32 highest; /* incoming sequence with wraps */
  __u32 highest_timestamp;
  __u32 jitter16; /* RFC 3550 A.8: sixteenths of a tick */
  __u32 unused2;
  __s64 ahead; /* of the clock line, before it followed */
  __s64 skew;  /* by how much it followed */
};
