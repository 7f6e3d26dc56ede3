/* Which socket a datagram for one of the node's ports is given to: the one its media thread reads for all its ports,
 * instead of the port's own. Where nothing is said, or the socket is gone, the port's own has it. */
#include <linux/bpf.h>
/* The helpers' header wants the kernel's types first. */
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "steer_slot.h"

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1); /* set when it is loaded */
  __type(key, __u32);
  __type(value, struct steer_slot);
} owners SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_SOCKMAP);
  __uint(max_entries, STEER_SOCKETS);
  __type(key, __u32);
  __type(value, __u64);
} sockets SEC(".maps");

/* Set before it is loaded: the even ports of this range have a slot each. */
volatile const __u32 port_first = 0;
volatile const __u32 slot_count = 0;

SEC("sk_lookup")
int steer(struct bpf_sk_lookup *context) {
  if (context->protocol != 17) return SK_PASS; /* UDP */
  __u32 index = context->local_port - port_first;
  if (index & 1) return SK_PASS;
  index /= 2;
  if (index >= slot_count) return SK_PASS;
  const struct steer_slot *slot = bpf_map_lookup_elem(&owners, &index);
  if (!slot || !slot->owner) return SK_PASS;
  const __u8 is_v6 = context->family == 10; /* AF_INET6 */
  if (is_v6 != slot->is_v6) return SK_PASS;
  const __u32 *at = slot->at;
  if (is_v6) {
    if ((at[0] | at[1] | at[2] | at[3]) &&
        (context->local_ip6[0] != at[0] || context->local_ip6[1] != at[1] || context->local_ip6[2] != at[2] ||
         context->local_ip6[3] != at[3]))
      return SK_PASS;
  } else if (at[0] && context->local_ip4 != at[0]) {
    return SK_PASS;
  }
  const __u32 place = (slot->owner - 1) * 2 + is_v6;
  struct bpf_sock *socket = bpf_map_lookup_elem(&sockets, &place);
  if (!socket) return SK_PASS;
  bpf_sk_assign(context, socket, BPF_SK_LOOKUP_F_REPLACE);
  bpf_sk_release(socket);
  return SK_PASS;
}

/* No helper here asks for another one. */
char terms[] SEC("license") = "Apache-2.0";
