#include "sip/stream_framer.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace nearend::sip {
namespace {

constexpr std::string_view line_end = "\r\n";
constexpr std::string_view end_of_head = "\r\n\r\n";

bool is_content_length(std::string_view name) {
  return equal_ignoring_case(name, "Content-Length") || equal_ignoring_case(name, "l");
}

/// Where the field that begins at `at` ends; a folded value continues on the next line (RFC 3261 7.3.1).
size_t field_end(std::string_view head, size_t at) {
  size_t end = head.find(line_end, at);
  while (end != std::string_view::npos && end + 2 < head.size() && (head[end + 2] == ' ' || head[end + 2] == '\t'))
    end = head.find(line_end, end + 2);
  return end;
}

}  // namespace

AnnouncedLength find_content_length(std::string_view head) {
  AnnouncedLength found;
  size_t at = head.find(line_end);
  while (at != std::string_view::npos) {
    at += line_end.size();
    const size_t end = field_end(head, at);
    const std::string_view line = head.substr(at, end == std::string_view::npos ? end : end - at);
    const size_t colon = line.find(':');
    if (colon != std::string_view::npos && is_content_length(trim(line.substr(0, colon)))) {
      const auto value = parse_unsigned(trim(line.substr(colon + 1)));
      if (!value || (found.length && *found.length != *value)) return {.is_broken = true, .length = {}};
      found.length = static_cast<size_t>(*value);
    }
    at = end;
  }
  return found;
}

void StreamFramer::append(std::string_view bytes) {
  if (is_broken_) return;
  compact();
  buffer_.append(bytes);
}

void StreamFramer::compact() {
  if (begin_ == 0) return;
  buffer_.erase(0, begin_);
  begin_ = 0;
  if (buffer_.empty()) std::string().swap(buffer_);  // a connection that is silent between messages keeps no buffer
}

std::optional<StreamFramer::Piece> StreamFramer::skip_line_ends() {
  while (rest().starts_with(line_end)) {
    begin_ += line_end.size();
    if (++line_ends_ == 2) {
      line_ends_ = 0;
      return Piece{Kind::ping, {}};
    }
  }
  return std::nullopt;
}

std::optional<StreamFramer::Piece> StreamFramer::next() {
  if (is_broken_) return std::nullopt;
  if (auto ping = skip_line_ends()) return ping;
  const std::string_view all = rest();
  if (all.empty() || all == "\r") {
    compact();
    return std::nullopt;
  }
  const size_t head_end = all.find(end_of_head, scanned_ > 3 ? scanned_ - 3 : 0);
  if (head_end == std::string_view::npos) {
    scanned_ = all.size();
    if (all.size() <= message_max_) return std::nullopt;
    is_broken_ = true;
    return Piece{Kind::overlong, all};
  }
  const size_t head_size = head_end + end_of_head.size();
  const AnnouncedLength announced = find_content_length(all.substr(0, head_end));
  // No length announced counts as none: the message is handed up, and its sender is told what is missing.
  const size_t body = announced.length.value_or(0);
  if (announced.is_broken || head_size > message_max_ || body > message_max_ - head_size) {
    is_broken_ = true;
    return Piece{Kind::unframed, all.substr(0, head_size)};
  }
  if (all.size() < head_size + body) {
    scanned_ = head_end;
    return std::nullopt;
  }
  begin_ += head_size + body;
  scanned_ = 0;
  line_ends_ = 0;
  return Piece{Kind::message, all.substr(0, head_size + body)};
}

}  // namespace nearend::sip
