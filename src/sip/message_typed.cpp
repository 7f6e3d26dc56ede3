#include <algorithm>

#include "base/text.hpp"
#include "sip/message.hpp"
#include "sip/scan.hpp"

namespace nearend::sip {
namespace {

constexpr uint64_t cseq_max = (uint64_t{1} << 31) - 1;  ///< RFC 3261 8.1.1.5.

std::unexpected<Error> missing(HeaderId id) {
  return fail(Error::Kind::malformed, "{}: missing", header_name(id));
}

/// Reads a value; its error names the header.
template <class T>
Result<T> read_as(HeaderId id, Result<T> (&parse)(std::string_view), std::string_view value) {
  Result<T> result = parse(value);
  if (!result) result = fail(Error::Kind::malformed, "{}: {}", header_name(id), result.error().text);
  return result;
}

/// Takes a decimal number and the blanks after it off the front.
std::optional<uint64_t> take_number(std::string_view& text) {
  const auto value = parse_unsigned(text.substr(0, scan::digits.prefix(text)));
  if (!value) return std::nullopt;
  text.remove_prefix(scan::digits.prefix(text));
  scan::skip_blanks(text);
  return value;
}

}  // namespace

Result<CSeq> Message::cseq() const {
  std::string_view value = header(HeaderId::cseq);
  if (value.empty()) return missing(HeaderId::cseq);
  const auto number = take_number(value);
  if (!number || *number > cseq_max) return fail(Error::Kind::malformed, "CSeq: a number below 2^31 expected");
  if (!scan::is_token(value)) return fail(Error::Kind::malformed, "CSeq: a method expected after the number");
  return CSeq{static_cast<uint32_t>(*number), parse_method(value), value};
}

Result<RAck> Message::rack() const {
  std::string_view value = header(HeaderId::rack);
  const auto response = take_number(value);
  const auto sequence = take_number(value);
  if (!response || !sequence || *response > UINT32_MAX || *sequence > cseq_max || !scan::is_token(value))
    return fail(Error::Kind::malformed, "RAck: two numbers and a method expected");
  return RAck{static_cast<uint32_t>(*response), static_cast<uint32_t>(*sequence), parse_method(value)};
}

Result<NameAddr> Message::from() const {
  if (!has(HeaderId::from)) return missing(HeaderId::from);
  return read_as(HeaderId::from, parse_name_addr, header(HeaderId::from));
}

Result<NameAddr> Message::to() const {
  if (!has(HeaderId::to)) return missing(HeaderId::to);
  return read_as(HeaderId::to, parse_name_addr, header(HeaderId::to));
}

std::string_view Message::from_tag() const {
  return scan::find_parameter(scan::parameters_part(header(HeaderId::from)), "tag");
}

std::string_view Message::to_tag() const {
  return scan::find_parameter(scan::parameters_part(header(HeaderId::to)), "tag");
}

Result<Via> Message::top_via() const {
  const std::string_view value = header(HeaderId::via);
  if (value.empty()) return missing(HeaderId::via);
  return read_as(HeaderId::via, parse_via, value.substr(0, scan::find_outside(value, ',')));
}

Result<std::vector<Via>> Message::vias() const {
  std::vector<Via> all;
  for (std::string_view value : values(HeaderId::via)) {
    auto via = read_as(HeaderId::via, parse_via, value);
    if (!via) return pass(via);
    all.push_back(std::move(*via));
  }
  return all;
}

Result<NameAddr> Message::contact() const {
  const std::string_view value = header(HeaderId::contact);
  if (value.empty()) return missing(HeaderId::contact);
  return read_as(HeaderId::contact, parse_name_addr, value.substr(0, scan::find_outside(value, ',')));
}

Result<std::vector<NameAddr>> Message::name_addrs(HeaderId id) const {
  std::vector<NameAddr> all;
  for (std::string_view value : values(id)) {
    auto address = read_as(id, parse_name_addr, value);
    if (!address) return pass(address);
    all.push_back(std::move(*address));
  }
  return all;
}

std::optional<uint32_t> Message::number(HeaderId id) const {
  const std::string_view value = header(id);
  const auto read = parse_unsigned(value.substr(0, scan::digits.prefix(value)));
  if (!read || *read > UINT32_MAX) return std::nullopt;
  const std::string_view rest = scan::trim_blanks(value.substr(scan::digits.prefix(value)));
  if (!rest.empty() && rest.front() != ';' && rest.front() != '(') return std::nullopt;
  return static_cast<uint32_t>(*read);
}

std::optional<SessionExpires> Message::session_expires() const {
  const auto seconds = number(HeaderId::session_expires);
  if (!seconds) return std::nullopt;
  const auto refresher = scan::find_parameter(scan::parameters_part(header(HeaderId::session_expires)), "refresher");
  return SessionExpires{*seconds, to_lower(refresher)};
}

std::optional<uint32_t> Message::min_se() const {
  return number(HeaderId::min_se);
}

std::vector<std::string> Message::option_tags(HeaderId id) const {
  std::vector<std::string> tags;
  for (std::string_view value : values(id)) tags.push_back(to_lower(value));
  return tags;
}

bool Message::has_option_tag(HeaderId id, std::string_view tag) const {
  const auto tags = values(id);
  return std::any_of(tags.begin(), tags.end(),
                     [tag](std::string_view value) { return equal_ignoring_case(value, tag); });
}

std::string Message::content_type() const {
  const std::string_view value = header(HeaderId::content_type);
  std::string type = to_lower(scan::trim_blanks(value.substr(0, value.find(';'))));
  std::erase_if(type, scan::is_blank);
  return type;
}

void Message::stamp_top_via(std::string_view source_address, uint16_t source_port, bool always_received) {
  auto via = top_via();
  if (!via) return;
  const bool is_rport_wanted = via->wants_rport();
  if (!always_received && !is_rport_wanted && equal_ignoring_case(via->host, source_address)) return;
  via->parameters.set("received", source_address);
  if (is_rport_wanted) via->parameters.set("rport", std::to_string(source_port));
  write_top_via(*via);
}

Result<void> Message::set_top_via(const Via& via) {
  if (scan::has_line_break_or_nul(via.to_string()))
    return fail(Error::Kind::malformed, "Via: a line break or NUL in it");
  write_top_via(via);
  return {};
}

void Message::write_top_via(const Via& via) {
  const std::string_view value = header(HeaderId::via);
  const size_t comma = scan::find_outside(value, ',');
  std::string text = via.to_string();
  if (comma != scan::npos) text.append(", ").append(scan::trim_blanks(value.substr(comma + 1)));
  overwrite(HeaderId::via, text);
}

Result<void> Message::set_to_tag(std::string_view tag) {
  if (!scan::is_token(tag)) return fail(Error::Kind::malformed, "To: a tag must be a token");
  if (!has(HeaderId::to)) return missing(HeaderId::to);
  if (to_tag().empty()) {
    overwrite(HeaderId::to, std::string(header(HeaderId::to)).append(";tag=").append(tag));
    return {};
  }
  auto address = to();
  if (!address) return pass(address);
  address->set_tag(tag);
  overwrite(HeaderId::to, address->to_string());
  return {};
}

}  // namespace nearend::sip
