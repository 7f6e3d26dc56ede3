#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "gateway/way_blame.hpp"
#include "media/control.hpp"
#include "policy/report.hpp"

namespace nearend::gateway {

/// A way that is watched: between this region and an access area or another region.
using WayId = uint32_t;
inline constexpr WayId no_way = UINT32_MAX;

/// Adds up, way by way, what legs and echoes met in a second. One addition a leg and side, so that thousands of legs
/// cost little. Gateway's loop only.
class WaySums {
 public:
  static constexpr size_t ways_max = 20'000;

  /// The way to it, made when it is new; no_way when there are too many.
  WayId area(std::string_view name) { return way(areas_, name, true); }
  WayId region(std::string_view name) { return way(regions_, name, false); }

  /// What came over the access network: the holes in the numbering, and what the far end's RTCP says of ours.
  void add_access(WayId way, const media::LegSecond& second);
  /// What came from another region: its holes may be of the ways before, so the verdict says what this one has lost.
  void add_between(WayId way, const media::LegSecond& second, const WayVerdict& verdict);
  /// An echo's round trip, or nothing: it did not come back.
  void add_echo(WayId way, std::optional<double> rtt_ms);
  /// Stands for the round trip of an access way whose far ends send no RTCP: what SIP took there and back.
  void set_signalling_trip(WayId way, double rtt_ms, int64_t now_ms);

  /// What was met since the last time, of ways where anything was. Of a way that has begun to lose, what came before
  /// that is told first, on its own.
  std::vector<policy::SegmentReport> take(int64_t now_ms);

 private:
  struct Sums {
    std::string name;
    bool is_area = false, is_touched = false;
    uint64_t packets = 0, lost = 0, late = 0, streams = 0;
    int64_t missing = 0;  // of `packets`; may be below 0 for a while
    uint64_t earlier_packets = 0, earlier_lost = 0;
    double jitter_ms = 0, rtt_ms = 0;
    uint32_t trips = 0;
    double signalling_ms = 0;
    int64_t trip_at_ms = 0, signalling_at_ms = 0;
  };
  using Index = std::unordered_map<std::string, WayId>;
  WayId way(Index& index, std::string_view name, bool is_area);
  void add_common(Sums& sums, const media::LegSecond& second);
  void touch(WayId way);
  policy::Measurement measured(Sums& sums, int64_t now_ms) const;

  Index areas_, regions_;
  std::vector<Sums> sums_;
  std::vector<WayId> touched_;
};

}  // namespace nearend::gateway
