#pragma once

#include <deque>
#include <string>

#include "http/http.hpp"
#include "io/async.hpp"
#include "policy_server/server.hpp"

namespace nearend::policy_server {

/// Tells the other instances what this one hears, each at its own pace: a peer that is slow or gone is told again next
/// time and keeps nobody waiting. Loop's thread only; the server outlives it.
class Exchange {
 public:
  Exchange(io::Loop& loop, http::Client& client, Server& server, const Settings& settings);
  void start();

 private:
  struct Peer {
    std::string url;
    bool is_reached = true;  // said once when it changes
  };
  Task<void> tell(Peer& peer);
  /// Once; why it failed, empty when it was taken.
  Task<std::string> push(const Peer& peer);

  io::Loop& loop_;
  http::Client& client_;
  Server& server_;
  std::string link_key_;
  std::chrono::milliseconds every_;
  std::deque<Peer> peers_;
  io::Scope scope_;
};

}  // namespace nearend::policy_server
