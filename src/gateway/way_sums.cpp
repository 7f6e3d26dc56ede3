#include "gateway/way_sums.hpp"

#include <algorithm>

namespace nearend::gateway {
namespace {

/// So long after the last RTCP the far ends count as those that send none; so long SIP's round trip stands for theirs.
constexpr int64_t trip_kept_ms = 30'000, signalling_kept_ms = 120'000;
constexpr double jitter_ms_max = 2000, rtt_ms_max = 10'000;  // what a report may hold

}  // namespace

WayId WaySums::way(Index& index, std::string_view name, bool is_area) {
  if (name.empty()) return no_way;
  const auto found = index.find(std::string(name));
  if (found != index.end()) return found->second;
  if (sums_.size() >= ways_max) return no_way;
  const auto id = static_cast<WayId>(sums_.size());
  sums_.push_back({.name = std::string(name), .is_area = is_area});
  index.emplace(std::string(name), id);
  return id;
}

void WaySums::touch(WayId way) {
  if (!std::exchange(sums_[way].is_touched, true)) touched_.push_back(way);
}

void WaySums::add_common(Sums& sums, const media::LegSecond& second) {
  if (second.packets > 0) {
    ++sums.streams;
    sums.jitter_ms += static_cast<double>(second.jitter_ms);
  }
  if (second.rtt_ms > 0) {
    sums.rtt_ms += static_cast<double>(second.rtt_ms);
    ++sums.trips;
  }
}

void WaySums::add_access(WayId way, const media::LegSecond& second) {
  touch(way);
  Sums& sums = sums_[way];
  add_common(sums, second);
  sums.packets += second.packets + second.far_packets;
  sums.lost += std::min(second.lost, second.packets) + std::min(second.far_lost, second.far_packets);
  sums.late += second.late;
}

void WaySums::add_between(WayId way, const media::LegSecond& second, const WayVerdict& verdict) {
  touch(way);
  Sums& sums = sums_[way];
  add_common(sums, second);
  sums.packets += verdict.now.packets;
  sums.missing += verdict.now.missing;
  sums.earlier_packets += verdict.earlier.packets;
  sums.earlier_lost += static_cast<uint64_t>(std::max(0, verdict.earlier.missing));
}

void WaySums::add_echo(WayId way, std::optional<double> rtt_ms) {
  touch(way);
  Sums& sums = sums_[way];
  ++sums.packets;
  if (!rtt_ms) {
    ++sums.lost;
    return;
  }
  sums.rtt_ms += *rtt_ms;
  ++sums.trips;
}

void WaySums::set_signalling_trip(WayId way, double rtt_ms, int64_t now_ms) {
  sums_[way].signalling_ms = rtt_ms;
  sums_[way].signalling_at_ms = now_ms;
}

policy::Measurement WaySums::measured(Sums& sums, int64_t now_ms) const {
  policy::Measurement measured;
  const auto lost = static_cast<uint64_t>(std::max<int64_t>(0, static_cast<int64_t>(sums.lost) + sums.missing));
  measured.packets = static_cast<uint32_t>(sums.packets);
  measured.lost = static_cast<uint32_t>(std::min(lost, sums.packets));
  measured.late = static_cast<uint32_t>(std::min(sums.late, sums.packets - measured.lost));
  measured.streams = static_cast<uint32_t>(sums.streams);
  if (sums.streams > 0)
    measured.jitter_ms = std::min(sums.jitter_ms / static_cast<double>(sums.streams), jitter_ms_max);
  if (sums.trips > 0) {
    measured.rtt_ms = std::min(sums.rtt_ms / sums.trips, rtt_ms_max);
    sums.trip_at_ms = now_ms;
  } else if (sums.signalling_at_ms > 0 && now_ms - sums.trip_at_ms > trip_kept_ms &&
             now_ms - sums.signalling_at_ms < signalling_kept_ms) {
    measured.rtt_ms = std::min(sums.signalling_ms, rtt_ms_max);
  }
  return measured;
}

std::vector<policy::SegmentReport> WaySums::take(int64_t now_ms) {
  std::vector<policy::SegmentReport> reports;
  reports.reserve(touched_.size());
  for (const WayId way : std::exchange(touched_, {})) {
    Sums& sums = sums_[way];
    policy::SegmentReport report{.measured = measured(sums, now_ms)};
    (sums.is_area ? report.area : report.region) = sums.name;
    if (sums.earlier_packets > 0) {
      policy::SegmentReport earlier = report;
      earlier.measured = {.packets = static_cast<uint32_t>(sums.earlier_packets),
                          .lost = static_cast<uint32_t>(std::min(sums.earlier_lost, sums.earlier_packets)),
                          .jitter_ms = report.measured.jitter_ms,
                          .streams = 0};
      reports.push_back(std::move(earlier));
    }
    const bool has_told = report.measured.packets > 0 || report.measured.rtt_ms > 0;
    sums.is_touched = false;
    sums.earlier_packets = sums.earlier_lost = 0;
    sums.packets = sums.lost = sums.late = sums.streams = 0;
    // Where more came than the senders' counts said, the next of them say less.
    sums.missing = std::min<int64_t>(sums.missing, 0);
    sums.jitter_ms = sums.rtt_ms = 0;
    sums.trips = 0;
    if (has_told) reports.push_back(std::move(report));
  }
  return reports;
}

}  // namespace nearend::gateway
