// What instances of the policy server tell each other, and how it is merged.
#include <algorithm>

#include "policy/advisor.hpp"

namespace nearend::policy {
namespace {

constexpr size_t instances_max = 63;
/// What was heard within this time is told again and again: so long may everything be lost without harm.
constexpr int64_t retold_ms = 60'000;
/// A load older than that says nothing any more.
constexpr int64_t load_retold_ms = 10'000;
/// An instance that says nothing this long is no part of the fleet any more, unless the settings say so.
constexpr int64_t missed_ms = 600'000;

}  // namespace

size_t Advisor::live_instances(int64_t now_ms) const {
  size_t live = 0;
  for (size_t i = 1; i < instances_.size(); ++i)
    live += instances_[i].heard_ms >= 0 && instances_[i].heard_ms + instance_lifetime_ms >= now_ms;
  return live;
}

void Advisor::count_instances(int64_t now_ms) {
  size_t known = 1;
  for (size_t i = 1; i < instances_.size(); ++i)
    known += instances_[i].heard_ms >= 0 && instances_[i].heard_ms + missed_ms >= now_ms;
  moves_.budget().set_instances(std::max(known, settings_.instances), 1 + live_instances(now_ms));
}

Summary Advisor::summary(int64_t now_ms) {
  Summary summary;
  summary.instance = settings_.name;
  told_ = std::max(told_ + 1, static_cast<uint64_t>(std::max<int64_t>(now_ms, 1)));
  summary.seq = told_;
  if (counting_since_ms_ < 0) counting_since_ms_ = std::max<int64_t>(now_ms, 0);
  summary.moves = moves_.budget().counts();
  summary.moves->since_ms = counting_since_ms_;
  for (size_t i = 0; i < places_.gateways(); ++i) {
    const auto id = static_cast<GatewayId>(i);
    if (!loads_.is_own(id) || loads_.heard_ms(id) + load_retold_ms < now_ms) continue;
    summary.loads.push_back({places_.entry(id).name, loads_.last_report(id), loads_.counted_ms(id)});
  }
  summary.providers = book_.own(places_, now_ms - retold_ms);
  paths_.for_own(now_ms - retold_ms, [&](const SegmentKey& key, const Segment& segment) {
    const bool is_area = key.area != no_area;
    summary.segments.push_back({is_area ? places_.area_name(key.area) : "", is_area ? "" : places_.region_name(key.a),
                                places_.region_name(key.b), segment.state()});
  });
  return summary;
}

/// The number of an instance; 0, which is our own, for one that cannot be believed.
SourceId Advisor::source_of(const Summary& summary, int64_t now_ms) {
  const auto found = std::ranges::find(instances_, summary.instance, &Instance::name);
  const auto source = static_cast<SourceId>(found - instances_.begin());
  if (found == instances_.end()) {
    if (instances_.size() > instances_max) return own_source;
    instances_.push_back({summary.instance});
    std::vector<std::string> names;
    for (const Instance& each : instances_) names.push_back(each.name);
    paths_.set_sources(std::move(names));
    return source;
  }
  // It counts from below what it had reached: started anew with its clock set back, after a silence.
  if (source != own_source && summary.seq < found->seq && found->heard_ms + instance_lifetime_ms < now_ms) {
    paths_.forget(source);
    book_.forget(source);
    found->seq = 0;
  }
  return source;
}

bool Advisor::take(const SegmentSummary& segment, SourceId source, uint64_t seq, int64_t now_ms) {
  SegmentKey key{no_area, no_region, places_.region(segment.region)};
  if (key.b == no_region) return false;
  if (segment.area.empty()) {
    key.a = places_.region(segment.a);
    if (key.a == no_region) return false;
  } else {
    key.area = places_.area(segment.area);
    if (key.area == no_area) return false;
    places_.heard(key.area, now_ms);
  }
  paths_.take(key, source, seq, Segment(segment.known));
  return true;
}

Result<size_t> Advisor::take(Summary& summary, int64_t now_ms) {
  const SourceId source = source_of(summary, now_ms);
  if (source == own_source)
    return fail(Error::Kind::refused, "'{}' is this instance's own name, or there are too many", summary.instance);
  size_t taken = 0;
  for (const LoadSummary& load : summary.loads) {
    const GatewayId gateway = places_.gateway(load.name);
    if (gateway == no_gateway)
      ++summary.left_out;
    else
      taken += loads_.report(gateway, load.load, load.at_ms, now_ms, source);
  }
  for (const SegmentSummary& segment : summary.segments) {
    const bool is_known = take(segment, source, summary.seq, now_ms);
    (is_known ? taken : summary.left_out) += 1;
  }
  count_instances(now_ms);
  if (summary.moves) moves_.budget().hear(source, *summary.moves, now_ms);
  for (const ProviderSummary& provider : summary.providers) {
    const GatewayId gateway = places_.gateway(provider.gateway);
    const bool is_known = gateway != no_gateway && book_.take(gateway, provider, source, summary.seq, now_ms);
    (is_known ? taken : summary.left_out) += 1;
  }
  Instance& instance = instances_[source];
  instance.late += summary.seq <= instance.seq;
  instance.left_out += summary.left_out;
  ++instance.taken;
  if (summary.seq > instance.seq) instance.heard_ms = std::max(instance.heard_ms, now_ms);
  instance.seq = std::max(instance.seq, summary.seq);
  return taken;
}

}  // namespace nearend::policy
