#pragma once

#include "media/kernel_path.hpp"

namespace nearend::media {

/// KernelPath for real sockets over the node's table; one a media thread. The table outlives it.
class KernelFlows final : public KernelPath {
 public:
  explicit KernelFlows(flow::FlowTable& table) : table_(table) {}
  bool install(Socket in, Socket out, flow::Flow flow, io::Instant now) override;
  bool renew(Socket in, io::Instant now) override { return table_.renew(port_of(in), now); }
  flow::Passed read(Socket in) const override { return table_.read(port_of(in)); }
  flow::Passed remove(Socket in) override { return table_.remove(port_of(in)); }

 private:
  uint16_t port_of(Socket in) const { return in < ports_.size() ? ports_[in] : 0; }

  flow::FlowTable& table_;
  std::vector<uint16_t> ports_;  // by socket, of those that were installed
};

}  // namespace nearend::media
