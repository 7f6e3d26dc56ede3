#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "io/async.hpp"
#include "policy/policy.hpp"
#include "sip/stack.hpp"

namespace nearend::gateway {

/// What came of one INVITE of ours.
struct AttemptOutcome {
  int status = 0;  ///< 200 or 300-699
  bool is_local = false;
  std::string reason;
  sip::Body body;
  sip::Message response;
  bool is_answered() const { return status >= 200 && status < 300; }
};

/// An INVITE of ours that has no final response yet; the coroutine that sets the leg up waits for it.
struct Attempt {
  explicit Attempt(io::Loop& loop) : outcome(loop) {}
  io::Reply<AttemptOutcome> outcome;
  std::chrono::seconds time_limit{0};  ///< Of the talk, once answered; 0: none.
  io::Instant invited{};
  bool is_counted = false;  ///< It is known whether the provider has failed it, and counted.
  bool is_delay_counted = false;
  bool has_rung = false;                      ///< The callee's phone rings: no other provider is tried any more.
  std::vector<policy::RouterChoice> routers;  ///< Who may still be asked for it.
};

}  // namespace nearend::gateway
