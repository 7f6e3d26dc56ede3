#pragma once

#include <list>

#include "gateway/parts.hpp"

namespace nearend::gateway {

/// Asks each outbound provider by OPTIONS whether it is there. Gateway's loop only.
class Pinger {
 public:
  explicit Pinger(Parts& parts) : parts_(parts) {}
  void start();
  void stop() { timers_.clear(); }

 private:
  void ping(size_t provider, io::Timer& timer);

  Parts& parts_;
  std::list<io::Timer> timers_;
};

}  // namespace nearend::gateway
