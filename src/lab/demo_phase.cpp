#include "lab/demo_phase.hpp"

#include <algorithm>
#include <unordered_map>

namespace nearend::lab {
namespace {

double rtt(const std::vector<DemoRegion>& regions, const std::string& a, const std::string& b) {
  const auto region = std::ranges::find(regions, a, &DemoRegion::name);
  return a == b || region == regions.end() ? 0 : region->rtt_ms.at(b);
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  return values[values.size() / 2];
}

// Where a payload was, hop by hop, before it came to the ear; most payloads of a phase tell the same way.
struct Way {
  std::vector<SiteId> path;
  std::vector<double> delays_ms;
};

Way way_to(const CallTrace& trace, SiteId ear, int64_t begin_ns, int64_t end_ns) {
  std::unordered_map<uint64_t, std::vector<RtpSeen>> hops;
  for (const Captured& packet : trace.packets) {
    if (packet.left_ns < begin_ns || packet.entered_ns > end_ns || !packet.has_arrived()) continue;
    auto rtp = rtp_in(packet);
    if (rtp && rtp->payload.size() >= 80 && !is_silence(*rtp)) hops[rtp->content].push_back(std::move(*rtp));
  }
  std::map<std::vector<SiteId>, Way> ways;
  for (const auto& [content, seen] : hops) {
    const auto last = std::ranges::find(seen, ear, &RtpSeen::to);
    if (last == seen.end()) continue;
    std::vector<SiteId> path{ear};
    const RtpSeen* hop = &*last;
    const RtpSeen* first = hop;
    while (hop != nullptr && path.size() < 6) {
      path.insert(path.begin(), hop->from);
      first = hop;
      const auto before = std::ranges::find_if(seen, [&](const RtpSeen& other) {
        return other.to == hop->from && other.left_ns <= hop->entered_ns &&
               hop->entered_ns - other.left_ns < 500'000'000;
      });
      hop = before == seen.end() ? nullptr : &*before;
    }
    Way& way = ways[path];
    way.path = path;
    way.delays_ms.push_back(static_cast<double>(last->left_ns - first->entered_ns) / 1e6);
  }
  Way best;
  for (auto& [path, way] : ways) {
    if (way.delays_ms.size() > best.delays_ms.size()) best = std::move(way);
  }
  return best;
}

}  // namespace

std::vector<Mark> DemoResult::marks() const {
  std::vector<Mark> out;
  for (const DemoPhase& phase : phases) out.push_back({phase.begin_ns, phase.name});
  return out;
}

void measure_phases(DemoResult& result, const std::vector<DemoRegion>& regions) {
  const CallSites& sites = result.trace.sites;
  for (DemoPhase& phase : result.phases) {
    // The first moments belong to the path before.
    const int64_t settled_ns = std::min<int64_t>((phase.end_ns - phase.begin_ns) / 4, 400'000'000);
    const Way way =
        way_to(result.trace, phase.is_talk ? sites.callee : sites.caller, phase.begin_ns + settled_ns, phase.end_ns);
    phase.path = way.path;
    phase.mouth_to_ear_ms = median(way.delays_ms);
    if (!phase.is_talk) continue;
    const DemoCall& call = result.call;
    phase.trombone_ms = 2 * Platform::access_ms + (rtt(regions, call.caller_region, call.router_region) +
                                                   rtt(regions, call.router_region, call.callee_region)) /
                                                      2;
  }
}

}  // namespace nearend::lab
