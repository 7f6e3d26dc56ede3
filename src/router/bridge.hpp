#pragma once

#include <functional>

#include "io/async.hpp"
#include "router/party.hpp"

namespace nearend::router {

/// Brings the two parties of a talk together and keeps them so: at their gateways, opened by arming (C5), by the
/// caller's answer (C4) or by two re-INVITEs in parallel (C3); at the router's media node (the trombone); or past the
/// gateways (DIRECT). Knows media and dialogs, not what the talk is for. Belongs to the Dialing; both parties outlive
/// it. Loop's thread only.
class Bridge {
 public:
  enum class Outcome {
    joined,
    gateways_refused,  ///< Nothing has been joined; the router's media node may do it.
    failed,
  };
  /// Told of what comes later than the call that asked for it.
  using OutcomeHandler = std::function<void(Outcome)>;

  Bridge(io::Loop& loop, Party& caller, Party& callee, OutcomeHandler on_outcome);
  Bridge(const Bridge&) = delete;

  /// `is_open`: the callee's gateway has opened the armed bridge by itself; `is_armed`: the caller's will do so too and
  /// say it. True when the parties hear each other already; otherwise the handler is told.
  bool join_at_gateways(bool is_open, bool is_armed);
  void join_at_router();
  /// The caller's gateway says that the bridge is open.
  void confirm();
  /// Takes both gateways out of the media, if both providers agree; otherwise the bridge stays as it is. `on_outcome`
  /// is told whether they are out, unless it did not come to a try.
  void go_direct(std::function<void(bool is_taken)> on_outcome);
  /// The talk is over: what is under way comes to nothing.
  void close() { is_closed_ = true; }

 private:
  Task<void> ask_gateways();
  Task<void> ask_again(bool is_patient);
  Task<void> join_anchors();
  Task<void> exchange_addresses(std::function<void(bool)> on_outcome);

  io::Loop& loop_;
  Party& caller_;
  Party& callee_;
  OutcomeHandler on_outcome_;
  bool is_confirmed_ = false;  ///< On the caller's side.
  bool is_closed_ = false;
  io::Scope scope_;  // Last: its tasks use all of the above.
};

}  // namespace nearend::router
