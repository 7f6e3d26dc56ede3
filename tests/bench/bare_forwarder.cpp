// Loads bare_forwarder.bpf.c at the ingress of loopback and fills its slots from stdin, a line a direction: "at from own to",
// ports of 127.0.0.1. "go" is answered with "ready". Ends, and takes the program down, with stdin.
//
//   bare_forwarder OBJECT_FILE
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "bare_slot.h"

int main(int count, char** words) {
  if (count != 2) {
    std::fprintf(stderr, "usage: bare_forwarder OBJECT_FILE\n");
    return 2;
  }
  bpf_object* object = bpf_object__open_file(words[1], nullptr);
  if (!object || bpf_object__load(object) != 0) {
    std::perror("loading the program");
    return 1;
  }
  const int slots = bpf_object__find_map_fd_by_name(object, "slots");
  bpf_tc_hook hook;
  std::memset(&hook, 0, sizeof(hook));
  hook.sz = sizeof(hook);
  hook.ifindex = 1;  // loopback, in every namespace
  hook.attach_point = BPF_TC_INGRESS;
  const int made = bpf_tc_hook_create(&hook);
  bpf_tc_opts options;
  std::memset(&options, 0, sizeof(options));
  options.sz = sizeof(options);
  options.prog_fd = bpf_program__fd(bpf_object__find_program_by_name(object, "forward"));
  if ((made != 0 && made != -EEXIST) || bpf_tc_attach(&hook, &options) != 0) {
    std::perror("attaching the program");
    return 1;
  }
  char line[128];
  while (std::fgets(line, sizeof(line), stdin)) {
    unsigned at = 0, from = 0, own = 0, to = 0;
    if (std::sscanf(line, "%u %u %u %u", &at, &from, &own, &to) == 4) {
      const __u32 index = (at - BARE_PORT_FIRST) / 2, host = htonl(0x7f000001);
      bare_slot slot{.from = host,
                     .to = host,
                     .own = host,
                     .from_port = htons(static_cast<uint16_t>(from)),
                     .to_port = htons(static_cast<uint16_t>(to)),
                     .own_port = htons(static_cast<uint16_t>(own)),
                     .sequence_add = 4711,
                     .timestamp_add = 815,
                     .ssrc = htonl(0x10000 + index)};
      if (bpf_map_update_elem(slots, &index, &slot, BPF_ANY) != 0) std::perror("slot");
    } else {
      std::puts("ready");
      std::fflush(stdout);
    }
  }
  bpf_tc_hook whole = hook;
  whole.attach_point = static_cast<bpf_tc_attach_point>(BPF_TC_INGRESS | BPF_TC_EGRESS);
  bpf_tc_hook_destroy(&whole);
}
