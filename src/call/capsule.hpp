#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "call/control.hpp"

namespace nearend::call {

/// One leg as a capsule keeps it: enough to find its dialog again and to know where its media was.
struct CapsuleLeg {
  std::string leg, gateway, gateway_uri, state;  ///< state: "ringing", "answered"
  std::string media;                             ///< "idle", "router", "bridged"
  std::string call_id, local_tag, remote_tag;    ///< Of the SIP dialog.
  bool operator==(const CapsuleLeg&) const = default;
};

/// The state of a call that runs, as a plain value: what another router needs to go on at the verb it was in (design
/// section 4). Written to LiveState before each outside effect; the epoch fences old owners.
struct Capsule {
  CallFacts facts;
  bool is_answered = false;
  std::string document_url, document;
  size_t verb = 0;
  std::string verb_state;
  std::vector<CapsuleLeg> legs;
};

std::string to_json_text(const Capsule& capsule);
/// Errors name the member. Unknown members are ignored, so that an older router reads a newer one's.
Result<Capsule> parse_capsule(std::string_view text);

}  // namespace nearend::call
