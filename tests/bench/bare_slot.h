/* A direction of a call in the bare forwarder; network order but for what is added. */
#pragma once

#include <linux/types.h>

#define BARE_PORT_FIRST 10000
#define BARE_SLOTS 15000

struct bare_slot {
  __u32 from;
  __u32 to;
  __u32 own;
  __u16 from_port;
  __u16 to_port;
  __u16 own_port;
  __u16 sequence_add;
  __u32 timestamp_add;
  __u32 ssrc;
};
