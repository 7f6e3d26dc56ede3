// links: sip
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "sip/message.hpp"
#include "sip/uri.hpp"

namespace {

using namespace nearend::sip;

void require(bool is_so) {
  if (!is_so) std::abort();
}

void try_uri(std::string_view text) {
  const auto uri = parse_uri(text);
  if (!uri) return;
  const auto again = parse_uri(uri->to_string());
  require(again.has_value());
  require(again->to_string() == uri->to_string());
  require(again->user == uri->user && again->host == uri->host && again->port == uri->port);
  require(equivalent(*uri, *again) && equivalent(*again, *uri));
}

void try_name_addr(std::string_view text) {
  const auto address = parse_name_addr(text);
  if (!address || text.find_first_of("\r\n") != text.npos) return;
  const auto again = parse_name_addr(address->to_string());
  require(again.has_value());
  require(again->to_string() == address->to_string());
  require(again->display == address->display && again->tag() == address->tag());
}

void try_via(std::string_view text) {
  const auto via = parse_via(text);
  if (!via) return;
  const auto again = parse_via(via->to_string());
  require(again.has_value());
  require(again->to_string() == via->to_string());
}

/// Any text can be a user, and comes back.
void try_user(std::string_view text) {
  if (text.empty()) return;
  const auto uri = parse_uri(make_sip_uri(text, "h.example").to_string());
  require(uri.has_value() && uri->user == text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try_uri(text);
  try_name_addr(text);
  try_via(text);
  try_user(text);
  return 0;
}
