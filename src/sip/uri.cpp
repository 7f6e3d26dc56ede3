#include "sip/uri.hpp"

#include <algorithm>

#include "base/ip.hpp"
#include "base/text.hpp"
#include "sip/read_uri.hpp"
#include "sip/scan.hpp"

namespace nearend::sip {
namespace {

constexpr scan::Bytes scheme_bytes{"+-."};
/// Telephone-subscriber (RFC 3966): digits, visual separators, and the letters of local numbers.
constexpr scan::Bytes number_bytes{"+-.()*#%"};

bool is_opaque(std::string_view text) {
  return !text.empty() && std::none_of(text.begin(), text.end(), [](char c) {
    return scan::is_control(c) || c == ' ' || c == '<' || c == '>' || c == '"';
  });
}

Result<void> read_userinfo(std::string_view text, Uri& uri) {
  const size_t colon = text.find(':');
  const std::string_view user = text.substr(0, colon);
  if (user.empty() || !scan::user.has_all(user)) return fail(Error::Kind::malformed, "URI: bad user before '@'");
  if (!scan::has_good_escapes(text)) return fail(Error::Kind::malformed, "URI: '%' without two hexadecimal digits");
  uri.has_user = true;
  uri.raw_user = user;
  uri.user = scan::unescaped(user);
  if (colon == scan::npos) return {};
  const std::string_view password = text.substr(colon + 1);
  if (!scan::password.has_all(password)) return fail(Error::Kind::malformed, "URI: bad password before '@'");
  uri.password = std::string(password);
  return {};
}

Result<void> read_uri_parameters(std::string_view text, Uri& uri) {
  while (!text.empty()) {
    if (uri.parameters.items().size() == parameters_max)
      return fail(Error::Kind::malformed, "URI: more than {} parameters", parameters_max);
    text.remove_prefix(1);
    const std::string_view item = text.substr(0, text.find(';'));
    const size_t equals = item.find('=');
    const std::string_view name = item.substr(0, equals);
    const std::string_view value = equals == scan::npos ? std::string_view{} : item.substr(equals + 1);
    if (name.empty() || !scan::uri_parameter.has_all(name) || !scan::uri_parameter.has_all(value) ||
        !scan::has_good_escapes(item) || (equals != scan::npos && value.empty()))
      return fail(Error::Kind::malformed, "URI: bad parameter after ';'");
    uri.parameters.append({scan::unescaped(name), scan::unescaped(value), equals != scan::npos, false});
    text.remove_prefix(item.size());
  }
  return {};
}

Result<void> read_uri_headers(std::string_view text, Uri& uri) {
  if (text.empty() || !scan::uri_header.has_all(text) || !scan::has_good_escapes(text))
    return fail(Error::Kind::malformed, "URI: bad headers after '?'");
  uri.headers = text;
  return {};
}

Result<void> read_sip(std::string_view rest, Uri& uri) {
  if (const size_t at = rest.find('@'); at != scan::npos) {
    auto done = read_userinfo(rest.substr(0, at), uri);
    if (!done) return pass(done);
    rest.remove_prefix(at + 1);
  }
  const size_t host_end = std::min(rest.find_first_of(";?"), rest.size());
  auto place = parse_host_port(rest.substr(0, host_end));
  if (!place) return pass(place);
  uri.host = std::move(place->host);
  uri.port = place->port;
  rest.remove_prefix(host_end);

  const size_t question = rest.find('?');
  auto parameters = read_uri_parameters(rest.substr(0, question), uri);
  if (!parameters || question == scan::npos) return parameters;
  return read_uri_headers(rest.substr(question + 1), uri);
}

Result<void> read_tel(std::string_view rest, Uri& uri) {
  const std::string_view number = rest.substr(0, rest.find(';'));
  if (number.empty() || !number_bytes.has_all(number) || !scan::has_good_escapes(number))
    return fail(Error::Kind::malformed, "tel URI: bad number");
  uri.has_user = true;
  uri.raw_user = number;
  uri.user = scan::unescaped(number);
  return read_uri_parameters(rest.substr(number.size()), uri);
}

/// The form in which equal things are spelled alike: escapes of unreserved bytes undone, those of others in capitals.
std::string normalised(std::string_view text) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%' || i + 2 >= text.size()) {
      result.push_back(text[i]);
      continue;
    }
    const std::string plain = scan::unescaped(text.substr(i, 3));
    result += plain.size() == 1 ? scan::escaped(plain, scan::unreserved) : plain;
    i += 2;
  }
  return result;
}

bool is_same_host(const std::string& a, const std::string& b) {
  if (equal_ignoring_case(a, b)) return true;
  if (a.find(':') == scan::npos || b.find(':') == scan::npos) return false;
  const auto left = parse_ip(a);
  const auto right = parse_ip(b);
  return left && right && *left == *right;
}

bool are_parameters_equivalent(const Parameters& a, const Parameters& b) {
  for (const Parameters::Item& item : a.items())
    if (b.has(item.name) && !equal_ignoring_case(b.get(item.name), item.value)) return false;
  for (std::string_view name : {"user", "ttl", "method", "maddr", "transport"})
    if (a.has(name) != b.has(name)) return false;
  return true;
}

std::vector<std::string> sorted_headers(std::string_view headers) {
  std::vector<std::string> items;
  for (std::string_view item : split(headers, '&')) {
    const size_t equals = item.find('=');
    std::string text = to_lower(scan::unescaped(item.substr(0, equals)));
    if (equals != scan::npos) text += '=' + normalised(item.substr(equals + 1));
    items.push_back(std::move(text));
  }
  std::sort(items.begin(), items.end());
  return items;
}

/// A number without visual separators (RFC 3966 section 5).
std::string bare_number(std::string_view number) {
  std::string digits;
  for (char c : number)
    if (c != '-' && c != '.' && c != '(' && c != ')') digits.push_back(ascii_lower(c));
  return digits;
}

/// What stands in brackets. RFC 3261's grammar let "2001:db8:::192.0.2.1" pass, which RFC 5118 4.10 wants tolerated:
/// read with the colon too many taken out.
Result<std::string> read_ip6(std::string_view text) {
  std::string address(text);
  const size_t colons = text.find(":::");
  const std::string_view tail = colons == scan::npos ? std::string_view{} : text.substr(colons + 3);
  if (tail.find('.') != scan::npos && tail.find(':') == scan::npos) address.erase(colons, 1);
  const auto parsed = parse_ip(address);
  if (!parsed || !parsed->is_v6()) return fail(Error::Kind::malformed, "host: no IPv6 address in brackets");
  return address;
}

}  // namespace

Result<HostPort> parse_host_port(std::string_view text) {
  HostPort place;
  size_t host_end = 0;
  if (!text.empty() && text.front() == '[') {
    host_end = text.find(']');
    if (host_end == scan::npos) return fail(Error::Kind::malformed, "host: '[' without ']'");
    auto address = read_ip6(text.substr(1, host_end - 1));
    if (!address) return pass(address);
    place.host = std::move(*address);
    ++host_end;
  } else {
    host_end = scan::host.prefix(text);
    if (host_end == 0) return fail(Error::Kind::malformed, "host: missing or bad");
    place.host = text.substr(0, host_end);
  }
  std::string_view rest = scan::trim_blanks(text.substr(host_end));
  if (rest.empty()) return place;
  if (rest.front() != ':') return fail(Error::Kind::malformed, "host: ':' or nothing expected after it");
  rest.remove_prefix(1);
  scan::skip_blanks(rest);
  const auto port = parse_unsigned(rest);
  if (!port || *port > 65'535) return fail(Error::Kind::malformed, "port: a number up to 65535 expected");
  place.port = static_cast<uint16_t>(*port);
  return place;
}

Result<Uri> parse_uri(std::string_view text) {
  Result<Uri> uri;
  if (auto done = read_uri(text, *uri); !done) uri = pass(done);
  return uri;
}

Result<void> read_uri(std::string_view text, Uri& uri) {
  const size_t colon = text.find(':');
  const std::string_view scheme = text.substr(0, colon);
  if (colon == scan::npos || scheme.empty() || !scheme_bytes.has_all(scheme) || scan::digits.has(scheme.front()))
    return fail(Error::Kind::malformed, "URI: a scheme and ':' expected");
  const std::string_view rest = text.substr(colon + 1);
  if (equal_ignoring_case(scheme, "sip")) return read_sip(rest, uri);
  if (equal_ignoring_case(scheme, "sips")) {
    uri.scheme = Uri::Scheme::sips;
    return read_sip(rest, uri);
  }
  if (equal_ignoring_case(scheme, "tel")) {
    uri.scheme = Uri::Scheme::tel;
    return read_tel(rest, uri);
  }
  if (!is_opaque(rest)) return fail(Error::Kind::malformed, "URI: blanks, quotes or nothing after the scheme");
  uri.scheme = Uri::Scheme::other;
  uri.other_scheme = scheme;
  uri.raw_user = rest;
  return {};
}

std::string Uri::host_port() const {
  std::string text = host.find(':') == scan::npos ? host : '[' + host + ']';
  if (port) text += ':' + std::to_string(*port);
  return text;
}

std::string Uri::to_string() const {
  if (scheme == Scheme::other) return other_scheme + ':' + raw_user;
  std::string text = scheme == Scheme::tel ? "tel:" : scheme == Scheme::sips ? "sips:" : "sip:";
  text += raw_user;
  if (scheme != Scheme::tel) {
    if (password) text += ':' + *password;
    if (has_user) text += '@';
    text += host_port();
  }
  for (const Parameters::Item& item : parameters.items()) {
    text += ';' + scan::escaped(item.name, scan::uri_parameter);
    if (item.has_value) text += '=' + scan::escaped(item.value, scan::uri_parameter);
  }
  if (!headers.empty()) text += '?' + headers;
  return text;
}

void Uri::set_user(std::string_view plain) {
  user = plain;
  has_user = !plain.empty();
  static constexpr scan::Bytes safe{"-_.!~*'()&=+$,;?/"};
  raw_user = scan::escaped(plain, safe);
}

Uri make_sip_uri(std::string_view user, std::string_view host, std::optional<uint16_t> port) {
  Uri uri;
  uri.set_user(user);
  uri.host = host;
  uri.port = port;
  return uri;
}

bool equivalent(const Uri& a, const Uri& b) {
  if (a.scheme != b.scheme) return false;
  if (a.scheme == Uri::Scheme::other)
    return equal_ignoring_case(a.other_scheme, b.other_scheme) && a.raw_user == b.raw_user;
  if (a.scheme == Uri::Scheme::tel)
    return bare_number(a.user) == bare_number(b.user) &&
           equal_ignoring_case(a.parameters.get("phone-context"), b.parameters.get("phone-context"));
  if (a.has_user != b.has_user || normalised(a.raw_user) != normalised(b.raw_user)) return false;
  if (a.password.has_value() != b.password.has_value()) return false;
  if (a.password && normalised(*a.password) != normalised(*b.password)) return false;
  return is_same_host(a.host, b.host) && a.port == b.port && are_parameters_equivalent(a.parameters, b.parameters) &&
         sorted_headers(a.headers) == sorted_headers(b.headers);
}

}  // namespace nearend::sip
