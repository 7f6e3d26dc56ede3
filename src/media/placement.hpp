#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "media/control.hpp"

namespace nearend::media {

/// Which media thread holds which anchor. Legs of one call begin on one thread, a new call on the one with the fewest
/// anchors. Anchors that work together (a bridge, a recording of two legs) are a group from then on, for as long as
/// they live, and a group is on one thread: no packet passes between threads. One caller's thread; no state with one
/// thread.
class Placement {
 public:
  explicit Placement(uint32_t threads) : anchors_on_(threads) {}

  /// Takes in a new anchor; the thread it begins on.
  uint32_t place(AnchorId anchor, const std::string& call);
  uint32_t thread_of(AnchorId anchor) const;
  void remove(AnchorId anchor);

  struct Move {
    uint32_t from = 0, to = 0;
    std::vector<AnchorId> anchors;
  };
  /// Makes one group of both anchors' groups; the move that brings them together, where they are apart: of the smaller
  /// group, and of the second one where they are alike.
  std::optional<Move> join(AnchorId first, AnchorId second);

 private:
  struct Placed {
    uint32_t thread = 0;
    uint32_t group = 0;
    std::string call;
  };
  struct Call {
    uint32_t thread = 0;
    uint32_t anchors = 0;
  };
  bool is_single() const { return anchors_on_.size() == 1; }

  std::vector<uint32_t> anchors_on_;  // by thread
  std::unordered_map<AnchorId, Placed> placed_;
  std::unordered_map<uint32_t, std::vector<AnchorId>> groups_;
  std::unordered_map<std::string, Call> calls_;
  uint32_t last_group_ = 0;
};

}  // namespace nearend::media
