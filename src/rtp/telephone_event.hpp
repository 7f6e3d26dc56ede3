#pragma once

#include <array>

#include "rtp/packet.hpp"

namespace nearend::rtp {

/// The four bytes of a telephone-event payload (RFC 4733 2.3).
struct EventPayload {
  uint8_t event = 0;
  bool is_end = false;
  uint8_t volume = 10;
  uint16_t duration = 0;  ///< Ticks since the packet's timestamp.
};

std::optional<EventPayload> parse_event(Bytes payload);
std::array<uint8_t, 4> write_event(const EventPayload& event);
/// '0'-'9', '*', '#', 'A'-'D' for events 0 to 15; 0 for others.
char digit_of_event(uint8_t event);
std::optional<uint8_t> event_of_digit(char digit);

/// Tells each pressed digit once, whatever is lost, doubled or late: at its first end packet, or when the next event
/// begins, or when no packet of it has come for a while (all end packets lost).
class EventDetector {
 public:
  struct Pressed {
    char digit = '0';
    std::chrono::milliseconds length{0};
  };
  /// How long an event may pause before it counts as over.
  static constexpr std::chrono::milliseconds patience{200};

  /// At most two: an event whose end was lost, and the one that just ended.
  struct Found {
    std::array<Pressed, 2> pressed;
    uint8_t count = 0;
    bool has_begun = false;  ///< The first packet of a new digit.
  };
  Found on_event(uint32_t timestamp, const EventPayload& event, uint32_t clock_rate, Instant now);
  /// To be asked while is_open().
  std::optional<Pressed> on_time(Instant now);
  bool is_open() const { return is_open_; }

 private:
  Pressed finish();

  bool has_seen_ = false;
  bool is_open_ = false;
  uint8_t event_ = 0;
  uint16_t duration_ = 0;
  uint32_t timestamp_ = 0;
  uint32_t clock_rate_ = 8000;
  Instant last_{};
};

/// Makes the payloads of one digit: one every 20 ms, the end three times (RFC 4733 2.5.1.4).
class EventSender {
 public:
  EventSender(uint8_t event, uint16_t duration_ticks, uint16_t step_ticks = 160)
      : event_(event), total_(duration_ticks), step_(step_ticks) {}
  /// Nothing when all has been said.
  std::optional<EventPayload> next();
  /// True until the first payload is taken: its packet has the marker.
  bool is_new() const { return sent_ == 0; }

 private:
  uint8_t event_;
  uint8_t ends_ = 0;
  uint16_t sent_ = 0;
  uint16_t total_;
  uint16_t step_;
};

}  // namespace nearend::rtp
