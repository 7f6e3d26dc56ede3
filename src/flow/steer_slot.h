/* Who reads a port, as kernel and user space share it; steer.bpf.c compiles this as C. */
#pragma once

#include <linux/types.h>

#define STEER_SOCKETS 128 /* Two for each media thread: IPv4, IPv6. */

struct steer_slot {
  __u32 owner; /* Media thread + 1; 0: the port's own socket. */
  __u32 is_v6;
  __u32 at[4]; /* The address, in network order; zeros: any. */
};
