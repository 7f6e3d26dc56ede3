#pragma once

#include <memory>
#include <string>
#include <vector>

#include "io/loop.hpp"
#include "sip/stack.hpp"

namespace nearend::link {

/// Keeps connections to known platform peers open by OPTIONS, so that the first call towards one waits for no handshake
/// (one round trip for TCP, two for TLS). A peer that does not answer is asked again at the same pace. Loop's thread
/// only.
class Warmth {
 public:
  static constexpr std::chrono::seconds pace{15};
  static constexpr std::chrono::milliseconds pace_unanswered_first{50};
  static constexpr std::chrono::milliseconds pace_unanswered_last{2000};

  /// `stack` outlives this.
  Warmth(io::Loop& loop, sip::Stack& stack) : loop_(loop), stack_(stack) {}
  /// `from` is our own link URI, `region` our zone path; `peers` are link URIs.
  void start(std::string from, std::string region, std::vector<std::string> peers);
  void stop() { peers_.clear(); }

 private:
  struct Peer {
    Peer(io::Loop& loop, std::string at) : uri(std::move(at)), timer(loop) {}
    std::string uri;
    io::Timer timer;
    std::chrono::milliseconds patience = pace_unanswered_first;
    bool has_answered = false;
  };
  void ask(const std::shared_ptr<Peer>& peer);
  void again(const std::shared_ptr<Peer>& peer, bool is_answered);

  io::Loop& loop_;
  sip::Stack& stack_;
  std::string from_, region_;
  bool is_ready_ = false;
  std::vector<std::shared_ptr<Peer>> peers_;  // replies that are still to come hold them weakly
};

}  // namespace nearend::link
