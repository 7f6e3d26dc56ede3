#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "io/loop.hpp"
#include "router/wire.hpp"

namespace nearend::router {

/// Asks the gateways that have legs here whether they are there (OPTIONS), and tells for how long one has been silent.
/// Loop's thread only.
class GatewayWatch {
 public:
  using Gateways = std::function<std::vector<std::string>()>;
  using SilentHandler = std::function<void(const std::string& uri, std::chrono::milliseconds since)>;
  /// `gateways` gives the link addresses to watch now.
  GatewayWatch(Wire& wire, Gateways gateways, SilentHandler on_silent);
  void start();
  void stop() { timer_.stop(); }

 private:
  struct Seen {
    io::Instant heard;
    bool is_asked = false;
  };
  void tick();
  void ask(const std::string& uri, Seen& seen);

  Wire& wire_;
  Gateways gateways_;
  SilentHandler on_silent_;
  std::map<std::string, Seen> seen_;
  io::Timer timer_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // Also held, weakly, by replies that are still to come.
};

}  // namespace nearend::router
