#include "base/text.hpp"
#include "sip/read_uri.hpp"
#include "sip/scan.hpp"
#include "sip/uri.hpp"

namespace nearend::sip {
namespace {

/// Unquoted display names are tokens with blanks between (RFC 3261 25.1); bytes above 127 are common in the field.
bool is_display(std::string_view text) {
  for (char c : text)
    if (!scan::token.has(c) && !scan::is_blank(c) && static_cast<unsigned char>(c) < 0x80) return false;
  return true;
}

Result<std::string> read_display(std::string_view text) {
  text = scan::trim_blanks(text);
  if (text.empty() || text.front() != '"') {
    if (!is_display(text)) return fail(Error::Kind::malformed, "display name: must be quoted");
    return std::string(text);
  }
  const size_t length = scan::quoted_length(text);
  if (length != text.size())
    return fail(Error::Kind::malformed, "display name: quotes are not closed, or more follows them");
  return scan::unquoted(text);
}

/// `<uri>;parameters` with what stands before '<' given apart.
Result<void> read_bracketed(std::string_view text, size_t open, NameAddr& result) {
  auto display = read_display(text.substr(0, open));
  if (!display) return pass(display);
  result.display = std::move(*display);
  text.remove_prefix(open + 1);
  const size_t close = text.find('>');
  if (close == scan::npos) return fail(Error::Kind::malformed, "address: '<' without '>'");
  if (auto uri = read_uri(scan::trim_blanks(text.substr(0, close)), result.uri); !uri) return uri;
  auto parameters = parse_parameters(text.substr(close + 1));
  if (!parameters) return pass(parameters);
  result.parameters = std::move(*parameters);
  return {};
}

/// Without brackets all parameters are the field's, and neither ',' nor '?' may stand in the URI (RFC 3261 20).
Result<void> read_bare(std::string_view text, NameAddr& result) {
  const size_t end = std::min(text.find(';'), text.size());
  const std::string_view address = scan::trim_blanks(text.substr(0, end));
  if (address.find_first_of(",?") != scan::npos)
    return fail(Error::Kind::malformed, "address: with ',' or '?' it must stand in '<>'");
  if (auto uri = read_uri(address, result.uri); !uri) return uri;
  auto parameters = parse_parameters(text.substr(end));
  if (!parameters) return pass(parameters);
  result.parameters = std::move(*parameters);
  return {};
}

Result<void> read_name_addr(std::string_view text, NameAddr& result) {
  text = scan::trim_blanks(text);
  result.is_wildcard = text == "*";
  if (result.is_wildcard) return {};
  const size_t open = scan::find_outside_quotes(text, '<');
  if (open != scan::npos) return read_bracketed(text, open, result);
  if (!text.empty() && text.front() == '"')
    return fail(Error::Kind::malformed, "address: no '<' after the display name");
  return read_bare(text, result);
}

}  // namespace

Result<NameAddr> parse_name_addr(std::string_view text) {
  Result<NameAddr> address;
  if (auto done = read_name_addr(text, *address); !done) address = pass(done);
  return address;
}

std::string NameAddr::to_string() const {
  if (is_wildcard) return "*";
  std::string text;
  if (!display.empty()) text = quoted_string(display) + ' ';
  text += '<' + uri.to_string() + '>';
  return text + parameters.to_string();
}

}  // namespace nearend::sip
