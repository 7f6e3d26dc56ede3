#pragma once

#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "io/loop.hpp"
#include "link/profile.hpp"
#include "router/settings.hpp"
#include "sip/stack.hpp"

namespace nearend::router {

class LinkLeg;

/// What every leg of this router speaks through: the stack on the link, and the table by which events find their leg.
/// Loop's thread only.
struct Wire {
  io::Loop& loop;
  sip::Stack& stack;
  const Settings& settings;
  std::string host;  ///< Ours, "198.51.100.9:5070": in From, and as the address of inactive descriptions.
  std::unordered_map<sip::DialogId, LinkLeg*> legs;

  int64_t unix_seconds() const { return loop.wall_ms() / 1000; }
  /// The platform headers of a message about `context`, signed when peers share a key.
  sip::ExtraHeaders headers(const link::CallContext& context, std::vector<link::Item> actions,
                            std::vector<link::Item> features, sip::Method method, std::string_view body) const {
    const link::Headers ours{link::Region{settings.region}, context, std::move(actions), std::move(features)};
    return link::signed_headers(ours, settings.link_key, method, body, unix_seconds());
  }
};

/// The X-… headers of a party's message, 32 at most.
std::vector<std::pair<std::string, std::string>> extension_headers(const sip::Message& message);

}  // namespace nearend::router
