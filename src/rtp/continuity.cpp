#include "rtp/continuity.hpp"

#include <algorithm>
#include <cmath>

namespace nearend::rtp {
namespace {
constexpr std::chrono::milliseconds talkspurt_gap{200};
constexpr std::chrono::milliseconds pause{30};  // nobody has sent for a frame and a half
constexpr double clock_gain = 1.0 / 128;
constexpr uint16_t settled = 1000;
constexpr double lead_gain = 1.0 / 8;
constexpr uint16_t lead_known =
    50;  // packets; the first one of a source may have come early or late by all of the jitter

int32_t apart(uint32_t a, uint32_t b) {
  return static_cast<int32_t>(a - b);
}
int16_t apart(uint16_t a, uint16_t b) {
  return static_cast<int16_t>(static_cast<uint16_t>(a - b));
}
}  // namespace

void Continuity::set_clock(uint32_t timestamp, Instant now) {
  clock_origin_ = now;
  clock_timestamp_ = timestamp;
  clock_skew_ = 0;
}

uint32_t Continuity::timestamp_at(Instant now) const {
  const double seconds = std::chrono::duration<double>(now - clock_origin_).count();
  return clock_timestamp_ + static_cast<uint32_t>(std::llround(seconds * clock_rate_ + clock_skew_));
}

int32_t Continuity::ahead(uint32_t timestamp, Instant now) const {
  return apart(timestamp, timestamp_at(now));
}

// The source's clock moves the line, the lead that it was given and the delay of its path do not: they would add up
// over many moves, and the first arrivals that win them are the early ones.
void Continuity::follow_clock(uint32_t timestamp, Instant now) {
  const double off = ahead(timestamp, now) - lead_;
  if (since_switch_ < lead_known)
    lead_ += off * lead_gain;
  else
    clock_skew_ += off * clock_gain;
}

Continuity::Place Continuity::switch_to(Source source, const Packet& packet, uint32_t frame, uint32_t clock_rate,
                                        Maker maker, bool is_unheard, Instant now) {
  Place place;
  place.is_switch = has_sent_;
  place.marker = !has_sent_ || now - last_sent_ > talkspurt_gap;
  frame = std::max(frame, uint32_t{1});
  uint32_t timestamp = timestamp_;
  uint16_t sequence = sequence_;
  if (has_sent_ && clock_rate == clock_rate_) {
    const double behind = -ahead(timestamp_, now);
    // The talker's next frame is the next one, however early the faster path brings it, and after a pause so is ours,
    // however far ahead the talker was. Two frames ahead are enough.
    const bool is_due = is_unheard || (maker == Maker::ourselves && now - last_sent_ >= pause);
    const bool is_next = last_maker_ == Maker::ourselves || (is_due && behind > -static_cast<double>(frame));
    const long least = is_next ? 1 : 0;
    const long frames = std::max(least, std::lround(behind / frame));
    timestamp += static_cast<uint32_t>(frames) * frame;
    sequence = static_cast<uint16_t>(sequence_ + (frames > 0 ? 1 : 0));
    place.missed_frames = static_cast<uint32_t>(std::max(0L, frames - 1));
    lead_ = ahead(timestamp, now);
  } else {
    if (has_sent_) ++sequence;
    clock_rate_ = clock_rate;
    set_clock(timestamp, now);
    lead_ = 0;
  }
  source_ = source;
  has_source_ = true;
  timestamp_offset_ = timestamp - packet.timestamp;
  sequence_offset_ = static_cast<uint16_t>(sequence - packet.sequence);
  first_ = static_cast<uint16_t>(sequence_ + (has_sent_ ? 1 : 0));
  since_switch_ = 0;
  return place;
}

std::optional<Continuity::Place> Continuity::place(Source source, const Packet& packet, uint32_t frame,
                                                   uint32_t clock_rate, bool is_event, Instant now, Maker maker,
                                                   bool is_unheard) {
  Place place;
  const bool is_same = has_source_ && source == source_ && clock_rate == clock_rate_;
  // A source whose clock stood still or jumped is as good as a new one; our own stands still while we send nothing.
  const double off = is_same ? ahead(packet.timestamp + timestamp_offset_, now) : 0;
  const bool has_stood = maker == Maker::ourselves && off < -3.0 * frame;
  const bool has_jumped = !is_event && (has_stood || std::abs(off) > clock_rate);
  if (!is_same || has_jumped) place = switch_to(source, packet, frame, clock_rate, maker, is_unheard, now);
  place.sequence = static_cast<uint16_t>(packet.sequence + sequence_offset_);
  place.timestamp = packet.timestamp + timestamp_offset_;
  if (since_switch_ < settled && apart(place.sequence, first_) < 0) return std::nullopt;
  place.marker = place.marker || (packet.marker && (is_event || !place.is_switch));
  if (since_switch_ < settled) ++since_switch_;
  if (!has_sent_ || apart(place.sequence, sequence_) > 0) {
    sequence_ = place.sequence;
    timestamp_ = place.timestamp;
    if (!is_event) follow_clock(place.timestamp, now);
  }
  has_sent_ = true;
  last_sent_ = now;
  last_maker_ = maker;
  return place;
}

Continuity::Place Continuity::insert(uint32_t timestamp, Instant now) {
  ++sequence_;
  ++sequence_offset_;
  last_sent_ = now;
  return {.sequence = sequence_, .timestamp = timestamp};
}

std::optional<Continuity::Line> Continuity::line_of(Source source, uint16_t packets) const {
  if (!is_fed_by(source) || since_switch_ < packets) return std::nullopt;
  return Line{sequence_offset_, timestamp_offset_, ahead(timestamp_, last_sent_) - lead_};
}

void Continuity::resume(uint16_t sequence_in, uint32_t timestamp_in, uint64_t packets, double followed,
                        Instant last_sent) {
  sequence_ = static_cast<uint16_t>(sequence_in + sequence_offset_);
  timestamp_ = timestamp_in + timestamp_offset_;
  clock_skew_ += followed;
  since_switch_ = static_cast<uint16_t>(std::min<uint64_t>(settled, since_switch_ + packets));
  last_sent_ = last_sent;
  last_maker_ = Maker::far_end;
}

}  // namespace nearend::rtp
