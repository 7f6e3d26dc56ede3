#include "sip/multipart.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "sip/scan.hpp"

namespace nearend::sip {
namespace {

constexpr size_t boundary_bytes_max = 70;  ///< RFC 2046 5.1.1.

std::string boundary_of(std::string_view content_type) {
  const size_t semicolon = content_type.find(';');
  if (semicolon == scan::npos) return {};
  const auto parameters = parse_parameters(content_type.substr(semicolon));
  if (!parameters || parameters->get("boundary").size() > boundary_bytes_max) return {};
  return std::string(parameters->get("boundary"));
}

/// The value of a part's Content-Type, without parameters.
std::string part_type(std::string_view head) {
  while (!head.empty()) {
    const size_t end = head.find("\r\n");
    const std::string_view line = head.substr(0, end);
    const size_t colon = line.find(':');
    if (colon != scan::npos && header_id(scan::trim_blanks(line.substr(0, colon))) == HeaderId::content_type) {
      const std::string_view value = line.substr(colon + 1);
      return to_lower(scan::trim_blanks(value.substr(0, value.find(';'))));
    }
    head.remove_prefix(end == scan::npos ? head.size() : end + 2);
  }
  return "text/plain";
}

BodyPart read_part(std::string_view text) {
  if (text.starts_with("\r\n")) return {"text/plain", text.substr(2)};
  const size_t head_end = text.find("\r\n\r\n");
  if (head_end == scan::npos) return {part_type(text), {}};
  return {part_type(text.substr(0, head_end)), text.substr(head_end + 4)};
}

/// Where the next line that starts with `delimiter` begins, from `from` on.
size_t find_delimiter(std::string_view body, std::string_view delimiter, size_t from) {
  for (size_t at = body.find(delimiter, from); at != scan::npos; at = body.find(delimiter, at + 1))
    if (at == 0 || (at >= 2 && body.substr(at - 2, 2) == "\r\n")) return at;
  return scan::npos;
}

std::vector<BodyPart> split_parts(std::string_view body, const std::string& delimiter) {
  std::vector<BodyPart> parts;
  size_t at = find_delimiter(body, delimiter, 0);
  while (at != scan::npos && parts.size() < body_parts_max) {
    const size_t begin = at + delimiter.size();
    if (body.substr(begin, 2) == "--") break;
    const size_t line_end = body.find("\r\n", begin);
    if (line_end == scan::npos) break;
    const size_t next = find_delimiter(body, delimiter, line_end + 2);
    const size_t first = line_end + 2;
    const size_t last = next == scan::npos ? body.size() : std::max(first, next - 2);
    parts.push_back(read_part(body.substr(first, last - first)));
    at = next;
  }
  return parts;
}

}  // namespace

std::vector<BodyPart> body_parts(const Message& message) {
  if (message.body().empty()) return {};
  const std::string type = message.content_type();
  if (!type.starts_with("multipart/")) return {{type, message.body()}};
  const std::string boundary = boundary_of(message.header(HeaderId::content_type));
  if (boundary.empty()) return {};
  return split_parts(message.body(), "--" + boundary);
}

std::string_view find_body(const Message& message, std::string_view type) {
  for (const BodyPart& part : body_parts(message))
    if (part.type == type) return part.content;
  return {};
}

}  // namespace nearend::sip
