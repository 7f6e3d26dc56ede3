#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace nearend::media {

/// The samples of a conference room: everybody hears all others and not himself (N-1). Integers throughout, one pass to
/// sum and one to take away; 20 ms at 8 kHz at a time. One thread; a frame takes no memory.
///
///   for each member that says something: speak(seat, samples);  mix();  for each member: hear(seat, out);  end_frame()
class Mixer {
 public:
  static constexpr size_t frame_samples = 160;
  static constexpr size_t members_max = 1000;
  using Frame = std::array<int16_t, frame_samples>;
  using Seat = uint32_t;
  static constexpr Seat no_seat = ~Seat{0};
  static constexpr Seat nobody = no_seat - 1;  ///< As a coach's listener: one who is not there.

  /// A place in the room, the lowest that is free; no_seat when it is full.
  Seat enter();
  void leave(Seat seat);

  /// Is not heard. Hears.
  void set_muted(Seat seat, bool is_muted) { members_[seat].is_muted = is_muted; }
  /// Neither hears nor is heard: silence, for music on hold of the leg's own.
  void set_held(Seat seat, bool is_held) { members_[seat].is_held = is_held; }
  /// A coach hears the room and is heard by `listener` alone; no_seat: by all again.
  void set_coached(Seat coach, Seat listener) { members_[coach].coached = listener; }

  /// What the member says in this frame. At most one frame's samples; who says nothing in a frame is not summed.
  void speak(Seat seat, std::span<const int16_t> samples);
  /// Something that all hear besides: the beep of somebody who comes or goes. From the next frame on.
  void announce(std::span<const int16_t> samples);
  /// After the last speak() and before the first hear() of a frame.
  void mix();
  /// What the member hears. True where it is just what everybody hears: one encoding serves all who listen only.
  bool hear(Seat seat, Frame& out) const;
  /// What all hear who say nothing.
  const Frame& common() const { return common_; }
  /// What was said is over.
  void end_frame();

  /// Who speaks: the loudest of the last half second, who stays until another is clearly louder or it is quiet.
  Seat speaker() const { return speaker_; }
  /// Says something above the level of speech now, or did within 200 ms.
  bool is_speaking(Seat seat) const { return members_[seat].spoken_frames > 0; }
  size_t count() const { return count_; }

 private:
  struct Member {
    Frame said{};
    uint32_t level = 0;  // mean of the last frames, smoothed
    Seat coached = no_seat;
    uint8_t spoken_frames = 0;
    bool is_here = false, is_muted = false, is_held = false, has_said = false;
    bool is_in_sum() const { return has_said && !is_muted && !is_held && coached == no_seat; }
  };
  void note_level(Member& member);
  void choose_speaker();

  std::vector<Member> members_;
  size_t count_ = 0;
  size_t coaches_ = 0;  // in this frame
  alignas(64) std::array<int32_t, frame_samples> sum_{};
  Frame common_{};
  std::vector<int16_t> announced_;
  size_t announced_at_ = 0;
  Seat speaker_ = no_seat;
};

}  // namespace nearend::media
