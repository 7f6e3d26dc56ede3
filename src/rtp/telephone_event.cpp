#include "rtp/telephone_event.hpp"

#include <algorithm>
#include <string_view>

namespace nearend::rtp {
namespace {
constexpr std::string_view digits = "0123456789*#ABCD";
}

std::optional<EventPayload> parse_event(Bytes payload) {
  if (payload.size() < 4) return std::nullopt;
  return EventPayload{payload[0], (payload[1] & 0x80) != 0, static_cast<uint8_t>(payload[1] & 0x3f),
                      read16(&payload[2])};
}

std::array<uint8_t, 4> write_event(const EventPayload& event) {
  std::array<uint8_t, 4> bytes{event.event, static_cast<uint8_t>((event.is_end ? 0x80 : 0) | (event.volume & 0x3f))};
  write16(&bytes[2], event.duration);
  return bytes;
}

char digit_of_event(uint8_t event) {
  return event < digits.size() ? digits[event] : '\0';
}

std::optional<uint8_t> event_of_digit(char digit) {
  if (digit >= 'a' && digit <= 'd') digit = static_cast<char>(digit - 'a' + 'A');
  const size_t found = digits.find(digit);
  if (found == std::string_view::npos) return std::nullopt;
  return static_cast<uint8_t>(found);
}

EventDetector::Found EventDetector::on_event(uint32_t timestamp, const EventPayload& event, uint32_t clock_rate,
                                             Instant now) {
  Found found;
  if (digit_of_event(event.event) == 0) return found;
  if (has_seen_ && static_cast<int32_t>(timestamp - timestamp_) < 0 && now - last_ < std::chrono::seconds(10))
    return found;  // late packet of an earlier event
  if (!has_seen_ || timestamp != timestamp_) {
    if (is_open_) found.pressed[found.count++] = finish();
    has_seen_ = is_open_ = found.has_begun = true;
    event_ = event.event;
    duration_ = 0;
    timestamp_ = timestamp;
    clock_rate_ = clock_rate ? clock_rate : 8000;
  }
  last_ = now;
  if (!is_open_) return found;
  duration_ = std::max(duration_, event.duration);
  if (event.is_end) found.pressed[found.count++] = finish();
  return found;
}

std::optional<EventDetector::Pressed> EventDetector::on_time(Instant now) {
  if (!is_open_ || now - last_ < patience) return std::nullopt;
  return finish();
}

EventDetector::Pressed EventDetector::finish() {
  is_open_ = false;
  return {digit_of_event(event_), std::chrono::milliseconds(duration_ * int64_t{1000} / clock_rate_)};
}

std::optional<EventPayload> EventSender::next() {
  if (ends_ == 3) return std::nullopt;
  if (sent_ < total_) sent_ = static_cast<uint16_t>(std::min<uint32_t>(total_, uint32_t{sent_} + step_));
  EventPayload payload{.event = event_, .is_end = sent_ >= total_, .duration = sent_};
  if (payload.is_end) ++ends_;
  return payload;
}

}  // namespace nearend::rtp
