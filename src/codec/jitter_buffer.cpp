#include "codec/jitter_buffer.hpp"

#include <algorithm>
#include <cmath>

#include "codec/makers.hpp"

namespace nearend::codec {
namespace {
constexpr uint32_t line_ms = 400;      // what line_ holds
constexpr uint32_t starve_ms = 80;     // after so much concealment nothing is concealed any more
constexpr uint32_t tolerance_ms = 12;  // the delay may be so far from its target without a correction
constexpr uint32_t wait_ms = 60;       // between two corrections
constexpr uint32_t cycle_ms_min = 3, cycle_ms_max = 12, overlap_window_ms = 5;
constexpr int64_t jump_seconds = 10;

int16_t blended(int16_t from, int16_t to, float share) {
  return static_cast<int16_t>(std::lrint(static_cast<float>(from) * (1 - share) + static_cast<float>(to) * share));
}
}  // namespace

JitterBuffer::JitterBuffer(std::unique_ptr<Decoder> decoder, uint32_t clock_rate, uint32_t rate, const Limits& limits)
    : decoder_(std::move(decoder)),
      clock_rate_(clock_rate),
      rate_(decoder_->sample_rate()),
      limits_(limits),
      bytes_(limits.bytes),
      line_(size_t{rate_} / 1000 * line_ms),
      packet_samples_(rate_ / 50) {
  noise_.set_level(65);
  if (rate != rate_) {
    resampler_.emplace(rate_, rate);
    scratch_.resize(resampler_->room_for(line_.size()));
  }
}

void JitterBuffer::restart() {
  count_ = 0;
  begin_ = end_ = 0;
  has_begun_ = is_playing_ = is_pausing_ = has_timestamp_ = has_noise_ = false;
  window_ = 0;
  starving_ = 0;
  estimate_.restart();
}

int64_t JitterBuffer::position_of(uint32_t timestamp) {
  if (has_timestamp_)
    ticks_ += static_cast<int32_t>(timestamp - timestamp_);
  else
    ticks_ = 0;
  has_timestamp_ = true;
  timestamp_ = timestamp;
  return ticks_ * rate_ / clock_rate_;
}

bool JitterBuffer::is_seen(uint16_t sequence) const {
  const int behind = static_cast<int16_t>(static_cast<uint16_t>(highest_ - sequence));
  return window_ != 0 && behind >= 0 && behind < 64 && (window_ >> behind & 1) != 0;
}

/// False where it has come before.
bool JitterBuffer::note_sequence(uint16_t sequence) {
  if (window_ == 0) {
    highest_ = sequence;
    window_ = 1;
    return true;
  }
  const int ahead = static_cast<int16_t>(static_cast<uint16_t>(sequence - highest_));
  if (ahead > 0) {
    window_ = ahead >= 64 ? 1 : window_ << ahead | 1;
    highest_ = sequence;
    return true;
  }
  if (is_seen(sequence)) return false;
  if (ahead > -64) window_ |= uint64_t{1} << -ahead;
  return true;
}

/// Every packet between the last that was decoded and this one has come: what lies between is the sender's pause.
bool JitterBuffer::is_whole_until(uint16_t sequence) const {
  const auto steps = static_cast<uint16_t>(sequence - last_sequence_);
  if (steps == 0 || steps > 64) return false;
  for (uint16_t i = 1; i < steps; ++i)
    if (!is_seen(static_cast<uint16_t>(last_sequence_ + i))) return false;
  return true;
}

void JitterBuffer::skip(const rtp::Packet& packet) {
  if (has_begun_) note_sequence(packet.sequence);
}

void JitterBuffer::put(const rtp::Packet& packet, rtp::Instant now) {
  if (!decoder_->count(packet.payload)) {
    ++figures_.broken;
    skip(packet);
    return;
  }
  store(packet, false, now);
}

void JitterBuffer::put_noise(const rtp::Packet& packet, rtp::Instant now) {
  if (packet.payload.size() > 64) return;
  store(packet, true, now);
}

void JitterBuffer::drop_oldest() {
  ++figures_.overflowed;
  std::move(slots_.begin() + 1, slots_.begin() + static_cast<ptrdiff_t>(count_), slots_.begin());
  --count_;
}

int64_t JitterBuffer::line_at(rtp::Instant now) const {
  const int64_t seconds_in_ns = now.time_since_epoch().count();
  return seconds_in_ns / 1'000'000 * rate_ / 1000;
}

void JitterBuffer::store(const rtp::Packet& packet, bool is_noise, rtp::Instant now) {
  if (has_timestamp_ &&
      std::abs(int64_t{static_cast<int32_t>(packet.timestamp - timestamp_)}) > jump_seconds * clock_rate_)
    restart();
  ++figures_.received;
  const bool is_reset =
      window_ != 0 && std::abs(static_cast<int16_t>(static_cast<uint16_t>(packet.sequence - highest_))) > 3000;
  if (is_reset) restart();
  if (!note_sequence(packet.sequence)) {
    ++figures_.doubled;
    return;
  }
  const int64_t at = position_of(packet.timestamp);
  estimate_.add(line_at(now) - at, rate_);
  if (is_playing_ && at < decoded_to_ &&
      !(is_pausing_ && static_cast<int16_t>(static_cast<uint16_t>(packet.sequence - last_sequence_)) > 0)) {
    ++figures_.late;
    return;
  }
  if (count_ == packets_max) drop_oldest();
  if (packet.payload.size() > bytes_.size()) return;
  if (next_byte_ + packet.payload.size() > bytes_.size()) next_byte_ = 0;
  const Slot slot{.at = at,
                  .offset = static_cast<uint32_t>(next_byte_),
                  .size = static_cast<uint32_t>(packet.payload.size()),
                  .sequence = packet.sequence,
                  .is_noise = is_noise};
  // The ring has come round to what still waits: that is older than all the rest.
  const auto overlaps = [&](const Slot& one) {
    return one.offset < slot.offset + slot.size && slot.offset < one.offset + one.size;
  };
  while (std::any_of(slots_.begin(), slots_.begin() + static_cast<ptrdiff_t>(count_), overlaps)) drop_oldest();
  std::copy(packet.payload.begin(), packet.payload.end(), bytes_.begin() + static_cast<ptrdiff_t>(next_byte_));
  next_byte_ += packet.payload.size();
  size_t place = count_++;
  for (; place > 0 && slots_[place - 1].at > at; --place) slots_[place] = slots_[place - 1];
  slots_[place] = slot;
  has_begun_ = true;
}

std::span<int16_t> JitterBuffer::room(size_t count) {
  if (end_ + count > line_.size()) {
    std::copy(line_.begin() + static_cast<ptrdiff_t>(begin_), line_.begin() + static_cast<ptrdiff_t>(end_),
              line_.begin());
    end_ -= begin_;
    begin_ = 0;
  }
  count = std::min(count, line_.size() - end_);
  const auto place = std::span(line_).subspan(end_, count);
  end_ += count;
  return place;
}

void JitterBuffer::append_concealed(size_t count, bool is_time_passing) {
  const auto place = room(count);
  decoder_->conceal(place);
  if (is_time_passing) decoded_to_ += static_cast<int64_t>(place.size());
  has_concealed_ = true;
}

void JitterBuffer::append_pause(size_t count) {
  const auto place = room(count);
  if (has_noise_)
    noise_.fill(place);
  else if (decoder_->is_pausing())
    decoder_->conceal(place);
  else
    std::fill(place.begin(), place.end(), int16_t{0});
  decoded_to_ += static_cast<int64_t>(place.size());
  has_paused_ = true;
}

/// How many samples after what waits this place on the sender's line should be heard.
int64_t JitterBuffer::due_in(int64_t at, rtp::Instant now) const {
  const auto target = static_cast<int64_t>(figures().target_ms * rate_ / 1000);
  return at - (line_at(now) - estimate_.base() - target + static_cast<int64_t>(waiting()));
}

/// Decodes the packet whose turn it is, or what stands in for it; false where nothing is known about what comes next.
bool JitterBuffer::decode_next(rtp::Instant now) {
  if (count_ == 0) return false;
  const Slot slot = slots_[0];
  const auto payload = std::span<const uint8_t>(bytes_).subspan(slot.offset, slot.size);
  if (is_pausing_) {
    if (due_in(slot.at, now) > 0) return false;
    decoded_to_ = slot.at;  // the delay is put right where nobody hears it
  }
  if (slot.at > decoded_to_) {
    const auto missing = static_cast<size_t>(slot.at - decoded_to_);
    if (is_whole_until(slot.sequence)) {
      is_pausing_ = true;
      return decode_next(now);
    }
    const size_t some = std::min(missing, packet_samples_);
    starving_ += some;
    if (starving_ > size_t{rate_} / 1000 * starve_ms) {
      is_pausing_ = true;
      return decode_next(now);
    }
    if (missing <= packet_samples_) {
      const auto place = room(some);
      if (!slot.is_noise && decoder_->recover(payload, place)) {
        figures_.recovered_ms += place.size() * 1000 / rate_;
        decoded_to_ += static_cast<int64_t>(place.size());
        has_voice_ = true;
        return true;
      }
      end_ -= place.size();
    }
    append_concealed(some, true);
    figures_.concealed_ms += some * 1000 / rate_;
    return true;
  }
  std::move(slots_.begin() + 1, slots_.begin() + static_cast<ptrdiff_t>(count_), slots_.begin());
  --count_;
  last_sequence_ = slot.sequence;
  starving_ = 0;
  if (slot.is_noise) {
    has_noise_ = noise_.update(payload);
    is_pausing_ = true;
    return true;
  }
  is_pausing_ = false;
  has_noise_ = false;
  const auto counted = decoder_->count(payload);
  if (!counted) return true;
  const auto place = room(*counted);
  const auto made = decoder_->decode(payload, place);
  if (!made) {
    ++figures_.broken;
    end_ -= place.size();
    return true;
  }
  packet_samples_ = *made;
  const auto said = static_cast<size_t>(std::clamp<int64_t>(decoded_to_ - slot.at, 0, static_cast<int64_t>(*made)));
  std::copy(place.begin() + static_cast<ptrdiff_t>(said), place.end(), place.begin());
  end_ -= said;
  decoded_to_ += static_cast<int64_t>(*made - said);
  has_voice_ = true;
  if (decoder_->is_pausing()) is_pausing_ = true;
  return true;
}

void JitterBuffer::fill(size_t wanted, rtp::Instant now) {
  while (waiting() < wanted) {
    if (decode_next(now)) continue;
    const size_t missing = wanted - waiting();
    if (is_pausing_) {
      const int64_t due = count_ > 0 ? due_in(slots_[0].at, now) : 0;
      append_pause(due > 0 ? std::min(missing, static_cast<size_t>(due)) : missing);
      continue;
    }
    // Nothing is there though it is due. While that may be a matter of the network's delay, time stands still for the
    // sender's line: what comes is heard, later.
    starving_ += missing;
    if (starving_ > size_t{rate_} / 1000 * starve_ms) {
      is_pausing_ = true;
      append_pause(missing);
      return;
    }
    const double behind_ms = figures().delay_ms - figures().target_ms;
    // A little is missing: the clocks drift apart, and a stretch is what that takes anyway.
    append_concealed(missing, behind_ms > -double{tolerance_ms} && missing > packet_samples_ / 2);
    figures_.concealed_ms += missing * 1000 / rate_;
    return;
  }
}

/// The distance in samples at which the beginning of the line is most like itself: what can be left out or said twice.
size_t JitterBuffer::best_cycle() const {
  const size_t per_ms = rate_ / 1000;
  const size_t window = overlap_window_ms * per_ms;
  const size_t step = std::max<size_t>(1, per_ms / 8);
  const int16_t* line = line_.data() + begin_;
  const size_t longest_cycle = std::min(cycle_ms_max * per_ms, (waiting() - window) / 2);
  size_t best = longest_cycle;
  float most = -1;
  for (size_t cycle = cycle_ms_min * per_ms; cycle <= longest_cycle; cycle += step) {
    float product = 0, energy = 1;
    for (size_t i = 0; i < window; i += step) {
      product += static_cast<float>(line[i]) * static_cast<float>(line[i + cycle]);
      energy += static_cast<float>(line[i + cycle]) * static_cast<float>(line[i + cycle]);
    }
    if (const float likeness = product / std::sqrt(energy); likeness > most) {
      most = likeness;
      best = cycle;
    }
  }
  return best;
}

void JitterBuffer::shorten() {
  const size_t cycle = best_cycle();
  int16_t* line = line_.data() + begin_;
  // The first cycle melts into the second, whose beginning is then the line's.
  for (size_t i = 0; i < cycle; ++i)
    line[i + cycle] = blended(line[i], line[i + cycle], static_cast<float>(i + 1) / static_cast<float>(cycle + 1));
  begin_ += cycle;
  figures_.shortened_ms += cycle * 1000 / rate_;
}

void JitterBuffer::stretch() {
  const size_t cycle = best_cycle();
  (void)room(cycle);
  int16_t* line = line_.data() + begin_;
  const size_t length = waiting() - cycle;
  std::copy_backward(line, line + length, line + length + cycle);
  // line[0..cycle) still is the first cycle; between it and its repetition the second melts into the first.
  for (size_t i = 0; i < cycle; ++i)
    line[i + cycle] =
        blended(line[i + 2 * cycle], line[i + cycle], static_cast<float>(i + 1) / static_cast<float>(cycle + 1));
  figures_.stretched_ms += cycle * 1000 / rate_;
}

void JitterBuffer::correct(rtp::Instant now) {
  if (wait_ > 0 || is_pausing_) return;
  const Figures known = figures();
  const double off_ms = known.delay_ms - known.target_ms;
  if (std::abs(off_ms) <= tolerance_ms) return;
  const size_t per_ms = rate_ / 1000;
  const size_t liked = per_ms * (2 * cycle_ms_max + overlap_window_ms),
               least = per_ms * (2 * cycle_ms_min + overlap_window_ms);
  while (waiting() < liked && count_ > 0 && slots_[0].at <= decoded_to_ && decode_next(now)) {
  }
  if (waiting() < least || waiting() + per_ms * cycle_ms_max > line_.size()) return;
  if (off_ms > 0)
    shorten();
  else
    stretch();
  wait_ = size_t{rate_} / 1000 * wait_ms;
}

JitterBuffer::Content JitterBuffer::take(std::span<int16_t> out, rtp::Instant now) {
  has_concealed_ = has_voice_ = has_paused_ = false;
  const size_t wanted = resampler_ ? out.size() * rate_ / resampler_->to() : out.size();
  if (!has_begun_) {
    std::fill(out.begin(), out.end(), int16_t{0});
    return Content::nothing;
  }
  if (!is_playing_) {
    // The first packet waits like those that follow it.
    is_playing_ = is_pausing_ = true;
    decoded_to_ = slots_[0].at;
    last_sequence_ = static_cast<uint16_t>(slots_[0].sequence - 1);
  }
  frame_ms_ = 1000.0 * static_cast<double>(wanted) / rate_;
  fill(wanted, now);
  figures_.delay_ms =
      1000.0 * static_cast<double>(line_at(now) - estimate_.base() - decoded_to_ + static_cast<int64_t>(waiting())) /
      rate_;
  correct(now);
  wait_ -= std::min(wait_, wanted);
  const auto due = std::span<const int16_t>(line_).subspan(begin_, std::min(wanted, waiting()));
  if (resampler_) {
    const auto made = std::span<const int16_t>(scratch_).first(resampler_->process(due, scratch_));
    const auto taken = made.first(std::min(made.size(), out.size()));
    std::fill(std::copy(taken.begin(), taken.end(), out.begin()), out.end(), int16_t{0});
  } else {
    std::fill(std::copy(due.begin(), due.end(), out.begin()), out.end(), int16_t{0});
  }
  begin_ += due.size();
  if (begin_ == end_) begin_ = end_ = 0;
  if (has_concealed_) return Content::concealed;
  return has_paused_ && !has_voice_ ? Content::noise : Content::voice;
}

JitterBuffer::Figures JitterBuffer::figures() const {
  Figures figures = figures_;
  figures.target_ms = std::clamp(estimate_.spread_ms() + 5, double{static_cast<double>(limits_.delay_ms_min)},
                                 double{static_cast<double>(limits_.delay_ms_max)});
  return figures;
}

}  // namespace nearend::codec
