#include "media/kernel_flows.hpp"

#include "io/socket_address.hpp"
#include "telemetry/metrics.hpp"

namespace nearend::media {
namespace {

Endpoint local_of(Socket socket) {
  io::SocketAddress address;
  if (::getsockname(static_cast<int>(socket), address.data(), &address.size) != 0) return {};
  return address.endpoint();
}

}  // namespace

bool KernelFlows::install(Socket in, Socket out, flow::Flow flow, io::Instant now) {
  static telemetry::Counter& installed = telemetry::counter("nearend_media_kernel_flows_total");
  static telemetry::Counter& refused = telemetry::counter("nearend_media_kernel_refused_total");
  flow.at = local_of(in);
  flow.own = local_of(out);
  const auto done = table_.install(flow, now);
  (done ? installed : refused).add();
  if (!done) return false;
  if (in >= ports_.size()) ports_.resize(size_t{in} + 64);
  ports_[in] = flow.at.port;
  return true;
}

}  // namespace nearend::media
