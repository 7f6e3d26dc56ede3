#include "rtp/receiver.hpp"

#include <cstdlib>

namespace nearend::rtp {
namespace {
constexpr uint16_t max_dropout = 3000;
constexpr uint16_t max_misorder = 100;
}  // namespace

void Receiver::restart() {
  *this = Receiver();
}

void Receiver::begin(const Packet& packet) {
  restart();
  has_begun_ = true;
  base_ = highest_ = packet.sequence;
  window_ = 1;
}

Receiver::Verdict Receiver::on_packet(const Packet& packet, uint32_t clock_rate, Instant now) {
  Verdict verdict = Verdict::good;
  if (!has_begun_) begin(packet);
  const uint16_t ahead = static_cast<uint16_t>(packet.sequence - highest_);
  if (ahead == 0) {
    if (received_ > 0) return Verdict::doubled;
  } else if (ahead < max_dropout) {
    if (packet.sequence < highest_) cycles_ += 0x10000;
    highest_ = packet.sequence;
    window_ = ahead >= 64 ? 1 : window_ << ahead | 1;
  } else if (ahead <= 0xffff - max_misorder) {
    if (packet.sequence != bad_) {
      bad_ = static_cast<uint16_t>(packet.sequence + 1);
      return Verdict::implausible;
    }
    begin(packet);
    verdict = Verdict::restarted;
  } else {
    const uint16_t behind = static_cast<uint16_t>(highest_ - packet.sequence);
    if (behind >= 64 || window_ >> behind & 1) return Verdict::doubled;
    window_ |= uint64_t{1} << behind;
  }
  bad_ = 0x10000;
  ++received_;
  add_jitter(packet, clock_rate, now);
  return verdict;
}

uint32_t Receiver::transit_of(uint32_t timestamp, uint32_t clock_rate, Instant now) {
  const uint64_t arrival = static_cast<uint64_t>(now.time_since_epoch().count()) / 1000 * clock_rate / 1'000'000;
  return static_cast<uint32_t>(arrival) - timestamp;
}

void Receiver::resume(const State& state, uint64_t more, uint32_t timestamp, uint32_t clock_rate, Instant last) {
  cycles_ = state.extended_highest & 0xffff0000;
  highest_ = static_cast<uint16_t>(state.extended_highest);
  window_ = state.window;
  jitter_ = state.jitter_ticks;
  received_ += more;
  bad_ = 0x10000;
  transit_ = transit_of(timestamp, clock_rate, last);
  has_transit_ = true;
}

void Receiver::add_jitter(const Packet& packet, uint32_t clock_rate, Instant now) {
  const uint32_t transit = transit_of(packet.timestamp, clock_rate, now);
  if (has_transit_) {
    const double difference = std::abs(static_cast<double>(static_cast<int32_t>(transit - transit_)));
    // A source that lets its clock stand during silence would poison the figure for minutes.
    if (difference < clock_rate) jitter_ += (difference - jitter_) / 16;
  }
  transit_ = transit;
  has_transit_ = true;
}

int64_t Receiver::lost() const {
  if (!has_begun_) return 0;
  const int64_t expected = static_cast<int64_t>(extended_highest()) - base_ + 1;
  return expected - static_cast<int64_t>(received_);
}

uint8_t Receiver::take_fraction_lost() {
  if (!has_begun_) return 0;
  const uint32_t expected = extended_highest() - base_ + 1;
  const uint32_t expected_now = expected - expected_prior_;
  const uint64_t received_now = received_ - received_prior_;
  expected_prior_ = expected;
  received_prior_ = received_;
  if (expected_now == 0 || received_now >= expected_now) return 0;
  return static_cast<uint8_t>(((expected_now - received_now) << 8) / expected_now);
}

}  // namespace nearend::rtp
