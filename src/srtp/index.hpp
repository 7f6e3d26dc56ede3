#pragma once

#include <cstdint>
#include <optional>

namespace nearend::srtp {

/// What has been seen of a line of indices: the highest, and which of the 128 below it (RFC 3711 3.3.2 asks for 64 at
/// least). A value.
class ReplayWindow {
 public:
  static constexpr uint64_t size = 128;

  bool has_begun() const { return has_begun_; }
  uint64_t highest() const { return highest_; }
  /// True where the index is new and not too old to be told from one that was there.
  bool is_new(uint64_t index) const;
  void note(uint64_t index);

 private:
  bool has_begun_ = false;
  uint64_t highest_ = 0;
  uint64_t seen_[2] = {0, 0};  // bit n: highest - n
};

/// The index (ROC and sequence) that a sequence number most likely means (RFC 3711 3.3.1 and appendix A). Nothing where
/// that would lie before the first of all, or after the last.
std::optional<uint64_t> estimate_index(const ReplayWindow& window, uint16_t sequence);

inline constexpr uint64_t rtp_index_max = (uint64_t{1} << 48) - 1;
inline constexpr uint32_t rtcp_index_max = 0x7fffffff;

}  // namespace nearend::srtp
