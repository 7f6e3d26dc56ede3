#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "call/hooks.hpp"
#include "policy/policy.hpp"
#include "router/party.hpp"

namespace nearend::router {

/// One target of a Dial, from the search of its gateway to its end. A gateway that has no way to it makes room for
/// another one: a new leg, the same child.
struct Attempt {
  enum class State { idle, calling, ringing, answered, over };

  size_t index = 0;
  call::DialTarget target;
  call::CallFacts facts;  ///< Of the child: its own call_sid.
  State state = State::idle;
  std::unique_ptr<Party> party;
  policy::RouteChoice gateway;
  std::vector<std::string> refused;  ///< Gateways that had no way to it.
  call::Step step;
  call::Decision decision;
  bool is_unarmed_forced = false;  ///< Its gateway did not take Require: local-bridge.
  bool is_bridged = false;         ///< Its gateway opened the armed bridge by itself when it was answered.
  bool is_early_wanted = false;    ///< Its audio before the answer is for the caller's ears.
  int sip_code = 0;
  std::string sip_call_id;
  std::vector<std::pair<std::string, std::string>> sip_headers;  ///< X-… of its answer.
  std::optional<io::Instant> answered_at;
  std::optional<milliseconds> duration;  ///< By the gateway's clock.
  uint32_t sequence = 0;                 ///< Of its progress events.

  bool is_over() const { return state == State::over; }
};

/// What a final status of the callee means (twiml.md 3.3, DialCallStatus).
call::Outcome outcome_of(int status);
/// True when another gateway may have a way to the same target (fault FT35).
bool is_worth_another_gateway(int status);

/// Address forms of the profile: Request-URI of the INVITE to a gateway, From, and Action: dial.
Result<std::string> request_uri(const call::DialTarget& target, std::string_view gateway_uri);
std::string caller_address(std::string_view caller_id, std::string_view host);
/// `providers`: which the gateway should try for a number, in order.
link::Item dial_action(const call::DialTarget& target, const call::DialRequest& request, bool is_early_wanted,
                       const std::vector<std::string>& providers);

}  // namespace nearend::router
