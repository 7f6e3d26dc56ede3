#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "markup/element.hpp"
#include "script/notes.hpp"

namespace nearend::script {

/// Whom a <Sip> calls.
struct SipAddress {
  std::string uri;  ///< Without its headers.
  std::string username, password;
  std::vector<std::pair<std::string, std::string>> headers;
};

/// Reads the noun's text or <Uri>, its credentials, and the headers behind `?` and in <Headers>. Of several <Uri> the
/// one with the least priority counts. Headers are X-… and a few more (twiml.md 3.4); others are left out with a
/// warning. Nothing, with a warning, when there is no address that could be called.
std::optional<SipAddress> sip_address(const markup::Element& noun, Notes& notes);

}  // namespace nearend::script
