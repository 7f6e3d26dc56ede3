#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "flow/flow_table.hpp"
#include "flow/slot.h"

struct bpf_object;

namespace nearend::flow {

/// The loaded program, its slots in this process's memory and the devices it is attached to; all of it goes with this.
struct FlowTable::Program {
  Program() = default;
  Program(const Program&) = delete;
  ~Program();
  Result<void> load(uint16_t port_first, uint32_t slots);
  Result<void> attach(const std::vector<uint32_t>& devices, Hook hook);

  std::span<flow_slot> slots;
  std::vector<uint32_t> devices;
  bool is_by_link = false;

 private:
  Result<void> attach_link(uint32_t device);
  Result<void> attach_filter(uint32_t device);
  void detach_filter(uint32_t device);

  bpf_object* object_ = nullptr;
  int program_ = -1;
  uint16_t port_first_ = 0;
  std::vector<int> links_;
  std::vector<uint32_t> filters_;
};

}  // namespace nearend::flow
