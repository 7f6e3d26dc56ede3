#include "flow/program.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "flow/load_error.hpp"
#include "relay_program.hpp"

namespace nearend::flow {
namespace {

constexpr uint32_t filter_priority = 1;
// Younger than the headers of Debian 12: enum bpf_attach_type, BPF_TCX_INGRESS (Linux 6.6).
constexpr uint32_t tcx_ingress = 46;

constexpr std::string_view needs =
    "5.12 or newer with CONFIG_BPF_SYSCALL, NET_CLS_ACT, NET_SCH_INGRESS and NET_CLS_BPF";

int say_nothing(libbpf_print_level, const char*, va_list) {
  return 0;
}

// The library looks at the padding too.
bpf_tc_hook ingress_of(uint32_t device) {
  bpf_tc_hook hook;
  std::memset(&hook, 0, sizeof(hook));
  hook.sz = sizeof(hook);
  hook.ifindex = static_cast<int>(device);
  hook.attach_point = BPF_TC_INGRESS;
  return hook;
}

bpf_tc_opts filter_of(uint16_t port_first) {
  bpf_tc_opts options;
  std::memset(&options, 0, sizeof(options));
  options.sz = sizeof(options);
  options.handle = port_first;
  options.priority = filter_priority;
  return options;
}

size_t bytes_of(size_t slots) {
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  return (slots * sizeof(flow_slot) + page - 1) / page * page;
}

}  // namespace

FlowTable::Program::~Program() {
  for (int link : links_) ::close(link);
  for (uint32_t device : filters_) detach_filter(device);
  if (!slots.empty()) ::munmap(slots.data(), bytes_of(slots.size()));
  if (object_) bpf_object__close(object_);
}

Result<void> FlowTable::Program::load(uint16_t port_first, uint32_t count) {
  libbpf_set_print(say_nothing);  // its words come back as errors
  port_first_ = port_first;
  object_ = bpf_object__open_mem(relay_program, sizeof(relay_program), nullptr);
  if (!object_) return explain("reading the program", errno, needs);
  bpf_map* map = bpf_object__find_map_by_name(object_, "slots");
  bpf_map* constants = bpf_object__find_map_by_name(object_, ".rodata");
  bpf_program* program = bpf_object__find_program_by_name(object_, "relay_rtp");
  if (!map || !constants || !program) return fail(Error::Kind::internal, "the program lacks its parts");
  const uint32_t values[] = {port_first, count};
  if (bpf_map__set_initial_value(constants, values, sizeof(values)) != 0 || bpf_map__set_max_entries(map, count) != 0)
    return fail(Error::Kind::internal, "the program's constants are not {} bytes", sizeof(values));
  if (const int error = bpf_object__load(object_); error != 0) return explain("loading the program", -error, needs);
  program_ = bpf_program__fd(program);
  void* memory = ::mmap(nullptr, bytes_of(count), PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
  if (memory == MAP_FAILED) return explain("mapping the slots", errno, needs);
  slots = {static_cast<flow_slot*>(memory), count};
  return {};
}

Result<void> FlowTable::Program::attach(const std::vector<uint32_t>& wanted, Hook hook) {
  for (uint32_t device : wanted) {
    auto attached = hook == Hook::filter ? attach_filter(device) : attach_link(device);
    is_by_link = hook == Hook::best && attached.has_value();
    if (!attached && hook == Hook::best && attached.error().kind == Error::Kind::unsupported)
      attached = attach_filter(device);
    if (!attached) return pass(attached);
    devices.push_back(device);
  }
  return {};
}

Result<void> FlowTable::Program::attach_link(uint32_t device) {
  bpf_attr wanted{};
  wanted.link_create.prog_fd = static_cast<uint32_t>(program_);
  wanted.link_create.target_fd = device;
  wanted.link_create.attach_type = tcx_ingress;
  const auto link = ::syscall(SYS_bpf, BPF_LINK_CREATE, &wanted, sizeof(wanted));
  if (link < 0) return explain("attaching the program", errno, needs);
  links_.push_back(static_cast<int>(link));
  return {};
}

Result<void> FlowTable::Program::attach_filter(uint32_t device) {
  bpf_tc_hook hook = ingress_of(device);
  if (const int error = bpf_tc_hook_create(&hook); error != 0 && error != -EEXIST)
    return explain("adding the clsact qdisc", -error, needs);
  // The handle tells nodes of one host apart, and replaces what a node that was killed left behind.
  bpf_tc_opts options = filter_of(port_first_);
  options.prog_fd = program_;
  options.flags = BPF_TC_F_REPLACE;
  if (const int error = bpf_tc_attach(&hook, &options); error != 0)
    return explain("attaching the filter", -error, needs);
  filters_.push_back(device);
  return {};
}

void FlowTable::Program::detach_filter(uint32_t device) {
  bpf_tc_hook hook = ingress_of(device);
  bpf_tc_opts options = filter_of(port_first_);
  bpf_tc_detach(&hook, &options);
}

}  // namespace nearend::flow
