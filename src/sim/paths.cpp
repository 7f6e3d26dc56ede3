#include "sim/paths.hpp"

#include <algorithm>

namespace nearend::sim {
namespace {

constexpr io::Duration near_delay = std::chrono::microseconds(100);
constexpr io::Duration far_delay = std::chrono::milliseconds(50);
constexpr io::Duration own_delay = std::chrono::microseconds(10);

uint64_t key_of(uint32_t from, uint32_t to) {
  return static_cast<uint64_t>(from) << 32 | to;
}

}  // namespace

Counts& Counts::operator+=(const Counts& other) {
  packets += other.packets;
  bytes += other.bytes;
  lost += other.lost;
  rtp_packets += other.rtp_packets;
  stream_bytes += other.stream_bytes;
  return *this;
}

HostId Paths::add_host(std::string_view region) {
  regions_.push_back(region_index(region));
  isolated_.push_back(false);
  return HostId{static_cast<uint32_t>(regions_.size() - 1)};
}

void Paths::set_rtt(std::string_view a, std::string_view b, io::Duration rtt) {
  between_regions(a, b).delay = rtt / 2;
  between_regions(b, a).delay = rtt / 2;
}
void Paths::set_delay(HostId from, HostId to, io::Duration delay) {
  between_hosts(from, to).delay = delay;
}

void Paths::set_default_quality(const Quality& quality) {
  default_quality_ = quality;
  ++version_;
}
void Paths::set_quality(std::string_view from_region, std::string_view to_region, const Quality& quality) {
  between_regions(from_region, to_region).quality = quality;
}
void Paths::set_quality(HostId from, HostId to, const Quality& quality) {
  between_hosts(from, to).quality = quality;
}

void Paths::set_cut(std::string_view a, std::string_view b, bool is_cut) {
  between_regions(a, b).is_cut = is_cut;
  between_regions(b, a).is_cut = is_cut;
}
void Paths::set_cut(HostId a, HostId b, bool is_cut) {
  between_hosts(a, b).is_cut = is_cut;
  between_hosts(b, a).is_cut = is_cut;
}
void Paths::set_isolated(HostId host, bool is_isolated) {
  isolated_[static_cast<uint32_t>(host)] = is_isolated;
  ++version_;
}

Path& Paths::path(HostId from, HostId to) {
  const auto from_index = static_cast<uint32_t>(from);
  const auto to_index = static_cast<uint32_t>(to);
  Path& path = paths_[key_of(from_index, to_index)];
  if (path.version != version_) refresh(path, from_index, to_index);
  return path;
}

Counts Paths::counts(HostId from, HostId to) const {
  const auto found = paths_.find(key_of(static_cast<uint32_t>(from), static_cast<uint32_t>(to)));
  return found == paths_.end() ? Counts{} : found->second.counts;
}

Counts Paths::counts(std::string_view region_a, std::string_view region_b) const {
  Counts sum;
  for (const auto& [key, path] : paths_) {
    const std::string& from = region_names_[regions_[key >> 32]];
    const std::string& to = region_names_[regions_[key & 0xffffffff]];
    if ((from == region_a && to == region_b) || (from == region_b && to == region_a)) sum += path.counts;
  }
  return sum;
}

Counts Paths::counts_across_regions() const {
  Counts sum;
  for (const auto& [key, path] : paths_)
    if (regions_[key >> 32] != regions_[key & 0xffffffff]) sum += path.counts;
  return sum;
}

uint32_t Paths::region_index(std::string_view name) {
  const auto found = std::find(region_names_.begin(), region_names_.end(), name);
  const auto index = static_cast<uint32_t>(found - region_names_.begin());
  if (found == region_names_.end()) region_names_.emplace_back(name);
  return index;
}

void Paths::refresh(Path& path, uint32_t from, uint32_t to) const {
  path.version = version_;
  path.quality = from == to ? Quality{} : default_quality_;
  path.delay = from == to ? own_delay : regions_[from] == regions_[to] ? near_delay : far_delay;
  path.is_cut = from != to && (isolated_[from] || isolated_[to]);
  if (from == to) return;
  const auto apply = [&path](const std::map<Pair, Settings>& all, const Pair& pair) {
    const auto found = all.find(pair);
    if (found == all.end()) return;
    path.delay = found->second.delay.value_or(path.delay);
    path.quality = found->second.quality.value_or(path.quality);
    path.is_cut = path.is_cut || found->second.is_cut;
  };
  apply(region_settings_, {regions_[from], regions_[to]});
  apply(host_settings_, {from, to});
}

Paths::Settings& Paths::between_regions(std::string_view from, std::string_view to) {
  ++version_;
  return region_settings_[{region_index(from), region_index(to)}];
}
Paths::Settings& Paths::between_hosts(HostId from, HostId to) {
  ++version_;
  return host_settings_[{static_cast<uint32_t>(from), static_cast<uint32_t>(to)}];
}

}  // namespace nearend::sim
