#pragma once

#include <atomic>
#include <memory>

#include "app/roles.hpp"
#include "http/beast_server.hpp"
#include "http/curl_client.hpp"
#include "io/asio_world.hpp"
#include "policy/http_client.hpp"

namespace nearend::app {

/// What every role's process stands on: a loop with sockets and names, HTTP both ways, and an orderly end.
class RoleBase : public Role {
 public:
  static constexpr std::chrono::seconds grace{10};    ///< After drain, calls may end by themselves this long.
  static constexpr std::chrono::seconds farewell{3};  ///< After stop, BYEs may be answered this long.

  void run() override;
  void ask_to_stop() override;
  void stop_on_signals() override;

 protected:
  virtual void drain() {}
  virtual void stop() {}
  virtual bool is_idle() const { return true; }

  io::AsioWorld world_;
  http::CurlClient http_{world_.loop, world_.dns};
  http::BeastServers servers_{world_.loop, world_.net};

 private:
  void begin_stop();
  /// Runs `next` once idle or when `limit` has passed.
  void when_idle(io::Instant limit, io::Callback next);

  int stops_asked_ = 0;  // loop's thread
  io::Timer poll_{world_.loop};
};

}  // namespace nearend::app
