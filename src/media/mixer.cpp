#include "media/mixer.hpp"

#include <algorithm>
#include <cstdlib>

namespace nearend::media {
namespace {
constexpr uint32_t speech_level = 300;   // mean of a frame's samples, about -40 dBFS
constexpr uint8_t speech_frames = 10;    // 200 ms
constexpr size_t announced_max = 16000;  // two seconds

int16_t clipped(int32_t value) {
  return static_cast<int16_t>(std::clamp(value, -32768, 32767));
}
}  // namespace

Mixer::Seat Mixer::enter() {
  const auto free =
      std::find_if(members_.begin(), members_.end(), [](const Member& member) { return !member.is_here; });
  const auto seat = static_cast<Seat>(free - members_.begin());
  if (seat == members_max) return no_seat;
  if (free == members_.end()) members_.emplace_back();
  members_[seat] = Member();
  members_[seat].is_here = true;
  ++count_;
  return seat;
}

void Mixer::leave(Seat seat) {
  if (seat >= members_.size() || !members_[seat].is_here) return;
  members_[seat] = Member();
  --count_;
  if (speaker_ == seat) speaker_ = no_seat;
  // Who coached the one that went whispers to nobody rather than being heard by all of a sudden, or by the next there.
  for (Member& member : members_)
    if (member.coached == seat) member.coached = nobody;
}

void Mixer::speak(Seat seat, std::span<const int16_t> samples) {
  Member& member = members_[seat];
  const size_t count = std::min(samples.size(), frame_samples);
  std::copy_n(samples.begin(), count, member.said.begin());
  std::fill(member.said.begin() + static_cast<ptrdiff_t>(count), member.said.end(), int16_t{0});
  member.has_said = true;
}

void Mixer::announce(std::span<const int16_t> samples) {
  announced_.assign(samples.begin(), samples.begin() + static_cast<ptrdiff_t>(std::min(samples.size(), announced_max)));
  announced_at_ = 0;
}

void Mixer::note_level(Member& member) {
  uint32_t level = 0;
  if (member.has_said && !member.is_muted && !member.is_held) {
    uint32_t sum = 0;
    for (int16_t sample : member.said) sum += static_cast<uint32_t>(std::abs(int32_t{sample}));
    level = sum / frame_samples;
  }
  member.level = (member.level * 7 + level) / 8;
  if (level > speech_level)
    member.spoken_frames = speech_frames;
  else if (member.spoken_frames > 0)
    --member.spoken_frames;
}

void Mixer::choose_speaker() {
  Seat loudest = no_seat;
  for (Seat seat = 0; seat < members_.size(); ++seat) {
    const Member& member = members_[seat];
    if (!member.is_here || member.spoken_frames == 0 || member.coached != no_seat) continue;
    if (loudest == no_seat || member.level > members_[loudest].level) loudest = seat;
  }
  const bool has_stopped = speaker_ == no_seat || members_[speaker_].spoken_frames == 0;
  if (has_stopped || (loudest != no_seat && members_[loudest].level > members_[speaker_].level * 2)) speaker_ = loudest;
}

void Mixer::mix() {
  sum_.fill(0);
  coaches_ = 0;
  for (Member& member : members_) {
    if (!member.is_here) continue;
    note_level(member);
    if (member.has_said && member.coached != no_seat && !member.is_muted && !member.is_held) ++coaches_;
    if (!member.is_in_sum()) continue;
    for (size_t i = 0; i < frame_samples; ++i) sum_[i] += member.said[i];
  }
  const size_t left = std::min(announced_.size() - announced_at_, frame_samples);
  for (size_t i = 0; i < left; ++i) sum_[i] += announced_[announced_at_ + i];
  announced_at_ += left;
  for (size_t i = 0; i < frame_samples; ++i) common_[i] = clipped(sum_[i]);
  choose_speaker();
}

void Mixer::end_frame() {
  for (Member& member : members_) member.has_said = false;
}

bool Mixer::hear(Seat seat, Frame& out) const {
  const Member& member = members_[seat];
  if (member.is_held) {
    out.fill(0);
    return false;
  }
  const bool is_in_sum = member.is_in_sum();
  if (coaches_ == 0) {
    if (!is_in_sum) {
      out = common_;
      return true;
    }
    for (size_t i = 0; i < frame_samples; ++i) out[i] = clipped(sum_[i] - member.said[i]);
    return false;
  }
  std::array<int32_t, frame_samples> own = sum_;
  bool is_common = !is_in_sum;
  if (is_in_sum)
    for (size_t i = 0; i < frame_samples; ++i) own[i] -= member.said[i];
  for (const Member& coach : members_) {
    if (coach.coached != seat || !coach.is_here || !coach.has_said || coach.is_muted || coach.is_held) continue;
    is_common = false;
    for (size_t i = 0; i < frame_samples; ++i) own[i] += coach.said[i];
  }
  for (size_t i = 0; i < frame_samples; ++i) out[i] = clipped(own[i]);
  return is_common;
}

}  // namespace nearend::media
