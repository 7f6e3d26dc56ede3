#pragma once

#include <list>

#include "gateway/parts.hpp"
#include "io/async.hpp"

namespace nearend::gateway {

/// Asks each outbound provider by OPTIONS whether it is there. Any answer says yes but 503, which says "not now".
/// Gateway's loop only.
class Pinger {
 public:
  explicit Pinger(Parts& parts) : parts_(parts), scope_(parts.loop()) {}
  void start();
  void stop() {
    timers_.clear();
    scope_.cancel_all();
  }

 private:
  void ping(size_t provider, io::Timer& timer);
  Task<void> ask(size_t provider);

  Parts& parts_;
  io::Scope scope_;
  std::list<io::Timer> timers_;
};

}  // namespace nearend::gateway
