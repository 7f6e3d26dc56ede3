#pragma once

#include "flow/flow_table.hpp"
#include "media/anchor.hpp"

namespace nearend::media {

/// Relays streams of the engine below it, in the kernel; the engine says which and takes them back before it changes
/// anything about them. The engine's thread.
class KernelPath {
 public:
  virtual ~KernelPath() = default;
  /// What comes in at one socket leaves from the other. `flow` is complete but for our own addresses. False: not
  /// possible.
  virtual bool install(Socket in, Socket out, flow::Flow flow, io::Instant now) = 0;
  /// False: it can go on no longer.
  virtual bool renew(Socket in, io::Instant now) = 0;
  virtual flow::Passed read(Socket in) const = 0;
  virtual flow::Passed remove(Socket in) = 0;
};

}  // namespace nearend::media
