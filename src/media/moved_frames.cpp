#include "media/moved_frames.hpp"

#include "rtp/g711.hpp"

namespace nearend::media {
namespace {

constexpr uint8_t quiet_steps = 2;  // of the lowest segment: 16 of 32768

bool is_law(const Codec* codec, Codec::Kind kind) {
  return codec != nullptr && codec->kind == kind;
}

}  // namespace

uint64_t MovedFrames::print_of(const Codec* codec, std::span<const uint8_t> payload) {
  if (payload.empty() || is_quiet(codec, payload)) return 0;
  const bool is_alaw = is_law(codec, Codec::Kind::pcma);
  uint64_t print = 1469598103934665603u;  // FNV-1a
  for (uint8_t byte : payload) print = (print ^ (is_alaw ? rtp::ulaw_of_alaw(byte) : byte)) * 1099511628211u;
  return print;
}

bool MovedFrames::is_quiet(const Codec* codec, std::span<const uint8_t> payload) {
  if (is_law(codec, Codec::Kind::comfort_noise)) return true;
  if (is_law(codec, Codec::Kind::pcmu))
    return std::all_of(payload.begin(), payload.end(),
                       [](uint8_t byte) { return (byte | 0x80) >= 0xff - quiet_steps; });
  if (is_law(codec, Codec::Kind::pcma))
    return std::all_of(payload.begin(), payload.end(),
                       [](uint8_t byte) { return ((byte ^ 0x55) & 0x7f) <= quiet_steps; });
  return std::all_of(payload.begin(), payload.end(), [&](uint8_t byte) { return byte == payload[0]; });
}

void MovedFrames::Prints::add(uint64_t print) {
  if (count == all.size()) drop_first(1);
  all[count++] = print;
}

void MovedFrames::Prints::drop_first(size_t number) {
  std::copy(all.data() + number, end(), all.data());
  count = static_cast<uint8_t>(count - number);
}

void MovedFrames::hear_old(uint64_t print) {
  if (print == 0) return;
  is_repeating_ = is_repeating_ || heard_old_.contains(print);
  heard_old_.add(print);
}

MovedFrames MovedFrames::heard() const {
  MovedFrames all;
  for (const Prints* one : {&heard_old_, &heard_new_})
    for (size_t i = 0; i < one->count; ++i) all.heard_old_.add(one->all[i]);
  return all;
}

void MovedFrames::miss_old(uint64_t print) {
  if (print != 0 && !heard_new_.contains(print)) missed_.add(print);
}

void MovedFrames::hear_new(uint64_t print) {
  if (print == 0) return;
  heard_new_.add(print);
  const auto met = std::find(missed_.all.data(), missed_.end(), print);
  if (met == missed_.end()) return;
  has_met_ = true;
  lost_ += static_cast<uint32_t>(met - missed_.all.data());
  missed_.drop_first(static_cast<size_t>(met - missed_.all.data()) + 1);
}

}  // namespace nearend::media
