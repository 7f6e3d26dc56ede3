#include <algorithm>

#include "base/text.hpp"
#include "sip/message.hpp"
#include "sip/scan.hpp"

namespace nearend::sip {
namespace {

/// Takes a token and the slash after it, with blanks round both.
Result<std::string_view> take_before_slash(std::string_view& text) {
  const size_t slash = text.find('/');
  if (slash == scan::npos) return fail(Error::Kind::malformed, "'SIP/2.0/transport' expected");
  const std::string_view part = scan::trim_blanks(text.substr(0, slash));
  if (!scan::is_token(part)) return fail(Error::Kind::malformed, "'SIP/2.0/transport' expected");
  text.remove_prefix(slash + 1);
  scan::skip_blanks(text);
  return part;
}

std::string upper(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return result;
}

}  // namespace

Result<Via> parse_via(std::string_view text) {
  Via via;
  scan::skip_blanks(text);
  auto protocol = take_before_slash(text);
  if (!protocol) return pass(protocol);
  if (!equal_ignoring_case(*protocol, "SIP")) return fail(Error::Kind::malformed, "protocol 'SIP' expected");
  auto version = take_before_slash(text);
  if (!version) return pass(version);
  via.version = *version;

  const size_t transport_length = scan::token.prefix(text);
  if (transport_length == 0 || transport_length == text.size() || !scan::is_blank(text[transport_length]))
    return fail(Error::Kind::malformed, "a transport and a blank expected after the version");
  via.transport = upper(text.substr(0, transport_length));
  text.remove_prefix(transport_length);
  scan::skip_blanks(text);

  const size_t sent_by_end = std::min(text.find(';'), text.size());
  auto place = parse_host_port(scan::trim_blanks(text.substr(0, sent_by_end)));
  if (!place) return fail(Error::Kind::malformed, "sent-by {}", place.error().text);
  via.host = std::move(place->host);
  via.port = place->port;
  auto parameters = parse_parameters(text.substr(sent_by_end));
  if (!parameters) return pass(parameters);
  via.parameters = std::move(*parameters);
  return via;
}

std::string_view Via::received() const {
  std::string_view address = parameters.get("received");
  if (address.size() > 2 && address.front() == '[' && address.back() == ']')
    address = address.substr(1, address.size() - 2);
  return address;
}

std::optional<uint16_t> Via::rport() const {
  const auto port_number = parse_unsigned(parameters.get("rport"));
  if (!port_number || *port_number > 65'535) return std::nullopt;
  return static_cast<uint16_t>(*port_number);
}

std::optional<uint8_t> Via::ttl() const {
  const auto hops = parse_unsigned(parameters.get("ttl"));
  if (!hops || *hops > 255) return std::nullopt;
  return static_cast<uint8_t>(*hops);
}

bool Via::has_rfc3261_branch() const {
  static constexpr std::string_view cookie = "z9hG4bK";
  const std::string_view value = branch();
  return value.size() > cookie.size() && equal_ignoring_case(value.substr(0, cookie.size()), cookie);
}

std::string Via::to_string() const {
  std::string text = "SIP/" + version + '/' + transport + ' ';
  text += host.find(':') == scan::npos ? host : '[' + host + ']';
  if (port) text += ':' + std::to_string(*port);
  return text + parameters.to_string();
}

}  // namespace nearend::sip
