#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "media/formats.hpp"

namespace nearend::media {

/// Which frames the two paths of a move have brought, by what is in them: numbers and times differ from path to path,
/// speech does not. So a frame that came by both is heard once, and one that the faster path has overtaken is known to
/// be lost. A source that repeats itself (a tone) tells nothing. No allocation.
class MovedFrames {
 public:
  /// Of a frame's payload; both laws of G.711 give the same. 0: silence, or nothing to go by.
  static uint64_t print_of(const Codec* codec, std::span<const uint8_t> payload);
  /// Silence, or the noise that we make where there is no speech: it proves a path, it beats nobody who speaks.
  static bool is_quiet(const Codec* codec, std::span<const uint8_t> payload);

  /// The old path's, while it is still heard.
  void hear_old(uint64_t print);
  /// The old path's, after the new one has taken over.
  void miss_old(uint64_t print);
  /// True when the old path had brought it: not to be heard again.
  bool is_copy(uint64_t print) const { return is_known(print) && heard_old_.contains(print); }
  /// A frame that can be told from all others.
  bool is_known(uint64_t print) const { return print != 0 && !is_repeating_; }
  void hear_new(uint64_t print);
  /// True for what is heard now for the second time.
  bool is_heard(uint64_t print) const {
    return is_known(print) && (heard_old_.contains(print) || heard_new_.contains(print));
  }
  /// All that was heard by either path, as what the next move's old path has brought: what the path before that one
  /// still has under way comes again if the talk goes back to it at once.
  MovedFrames heard() const;
  /// Frames that only the old path brought, too late.
  uint32_t lost() const { return is_repeating_ ? 0 : lost_ + (has_met_ ? 0 : missed_.count); }

 private:
  /// The last ones: half a second of them.
  struct Prints {
    std::array<uint64_t, 24> all{};
    uint8_t count = 0;
    uint64_t* end() { return all.data() + count; }
    bool contains(uint64_t print) const {
      return std::find(all.data(), all.data() + count, print) != all.data() + count;
    }
    void add(uint64_t print);
    void drop_first(size_t number);
  };
  Prints heard_old_, heard_new_, missed_;
  uint32_t lost_ = 0;
  bool is_repeating_ = false;
  bool has_met_ = false;  ///< The new path brings what the old one has brought: it is the slower one.
};

}  // namespace nearend::media
