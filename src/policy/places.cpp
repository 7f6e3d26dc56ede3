#include "policy/places.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>

#include "policy/numbering.hpp"

namespace nearend::policy {
namespace {

constexpr double same_region_ms = 1, unknown_pair_ms = 100;
/// Of an area of which nothing is known, towards every region: what is measured decides then.
constexpr double unknown_area_ms = 60;
/// A round trip is about 25 ms and 15.5 µs a kilometre where no table tells it (policy of the field's round-trip
/// tables; residual 45 ms).
constexpr double rtt_base_ms = 25, rtt_ms_per_km = 0.0155;

double kilometres(const Topology::Region& a, const Topology::Region& b) {
  constexpr double earth_km = 6371, degree = std::numbers::pi / 180;
  const double half_lat = std::sin((a.latitude - b.latitude) * degree / 2);
  const double half_lon = std::sin((a.longitude - b.longitude) * degree / 2);
  const double h =
      half_lat * half_lat + std::cos(a.latitude * degree) * std::cos(b.latitude * degree) * half_lon * half_lon;
  return 2 * earth_km * std::asin(std::sqrt(std::min(h, 1.0)));
}

}  // namespace

RegionId Places::add_region(const std::string& name) {
  const auto [found, is_new] = region_ids_.try_emplace(name, static_cast<RegionId>(region_names_.size()));
  if (is_new) {
    region_names_.push_back(name);
    gateways_in_.emplace_back();
  }
  return found->second;
}

Places::Places(const Topology& topology) {
  for (const GatewayEntry& gateway : topology.gateways) {
    const RegionId region = add_region(gateway.region);
    const auto id = static_cast<GatewayId>(gateway_entries_.size());
    gateway_ids_.emplace(gateway.name, id);
    gateway_entries_.push_back(gateway);
    gateway_regions_.push_back(region);
    if (gateways_in_[region].empty()) served_.push_back(region);
    gateways_in_[region].push_back(id);
  }
  for (const RouterEntry& router : topology.routers) add_region(router.region);
  for (const auto& region : topology.regions) add_region(region.name);
  for (const auto& rtt : topology.rtts) {
    add_region(rtt.a);
    add_region(rtt.b);
  }
  for (const auto& area : topology.areas) add_region(area.region);
  add_priors(topology);
  for (const auto& each : topology.areas) {
    const AreaId id = area(each.name);
    areas_[id].home = region(each.region);
    areas_[id].access_ms = each.access_ms / 2;
    for (const std::string& prefix : each.prefixes) areas_by_prefix_[prefix] = id;
    for (const std::string& network : each.networks)
      if (const auto block = parse_cidr(network)) areas_by_network_.emplace_back(*block, id);
  }
  // The narrowest network is asked first.
  std::ranges::sort(areas_by_network_, [](const auto& x, const auto& y) {
    return std::pair(y.first.prefix, x.second) < std::pair(x.first.prefix, y.second);
  });
}

void Places::add_priors(const Topology& topology) {
  const size_t count = regions();
  region_priors_.assign(count * count, static_cast<float>(unknown_pair_ms));
  for (const auto& a : topology.regions)
    for (const auto& b : topology.regions)
      region_priors_[region(a.name) * count + region(b.name)] =
          static_cast<float>((rtt_base_ms + rtt_ms_per_km * kilometres(a, b)) / 2);
  std::vector<uint8_t> told(count * count);
  for (const auto& rtt : topology.rtts) {
    const size_t a = region(rtt.a), b = region(rtt.b);
    const size_t pair = std::min(a, b) * count + std::max(a, b);
    // A pair that is told in both directions counts by its mean.
    const double mean = told[pair] ? (region_priors_[pair] + rtt.ms / 2) / 2 : rtt.ms / 2;
    told[pair] = 1;
    region_priors_[a * count + b] = region_priors_[b * count + a] = static_cast<float>(mean);
  }
  for (size_t i = 0; i < count; ++i)
    region_priors_[i * count + i] =
        static_cast<float>(told[i * count + i] ? region_priors_[i * count + i] : same_region_ms);
}

RegionId Places::region(std::string_view name) const {
  const auto found = region_ids_.find(name);
  return found == region_ids_.end() ? no_region : found->second;
}

GatewayId Places::gateway(std::string_view name) const {
  const auto found = gateway_ids_.find(name);
  return found == gateway_ids_.end() ? no_gateway : found->second;
}

AreaId Places::find_area(std::string_view name) const {
  const auto found = area_ids_.find(name);
  return found == area_ids_.end() ? no_area : found->second;
}

AreaId Places::area(std::string_view name) {
  if (const AreaId known = find_area(name); known != no_area) return known;
  if (areas_.size() >= areas_max) return no_area;
  AreaPlace place{.name = std::string(name), .home = region(name)};
  for (size_t cut = name.size(); place.home == no_region && cut > 0; --cut)
    if (const char sign = name[cut - 1]; sign == ':' || sign == '/' || sign == '-' || sign == '.' || sign == '_')
      place.home = region(name.substr(0, cut - 1));
  const auto id = static_cast<AreaId>(areas_.size());
  areas_.push_back(std::move(place));
  area_ids_.emplace(std::string(name), id);
  return id;
}

AreaId Places::area_of_address(std::string_view address) {
  if (const auto ip = parse_ip(address)) {
    for (const auto& [block, id] : areas_by_network_)
      if (block.contains(*ip)) return id;
    return area(network_area(*ip));
  }
  const std::string_view number = number_of(address);
  for (size_t length = number.size(); length > 0; --length)
    if (const auto found = areas_by_prefix_.find(number.substr(0, length)); found != areas_by_prefix_.end())
      return found->second;
  const std::string_view country = country_code(number);
  return country.empty() ? no_area : area(country);
}

namespace {

uint8_t common_bits(const IpAddress& a, const IpAddress& b) {
  for (size_t i = 0; i < a.bytes().size(); ++i)
    if (const auto differing = static_cast<uint8_t>(a.bytes()[i] ^ b.bytes()[i]))
      return static_cast<uint8_t>(8 * i + static_cast<size_t>(std::countl_zero(differing)));
  return 128;
}

}  // namespace

Places::Network Places::network_of(const IpAddress& address, uint8_t known_bits) const {
  Network found{find_area(network_area(address)), static_cast<uint8_t>(address.is_v6() ? 32 : 16)};
  for (const auto& [block, id] : areas_by_network_)
    if (block.prefix <= known_bits && block.contains(address)) {
      found = {id, block.prefix};
      break;
    }
  // Narrower ones inside it are areas of their own: as many bits as tell this address from them.
  const Cidr whole{address, found.prefix};
  for (const auto& [block, id] : areas_by_network_)
    if (id != found.area && block.prefix > whole.prefix && block.base.family() == address.family())
      if (const uint8_t common = common_bits(block.base, address); common >= whole.prefix)
        found.prefix = std::max(found.prefix, static_cast<uint8_t>(std::min<int>(common + 1, block.prefix)));
  return found;
}

double Places::prior_ms(AreaId area, RegionId region) const {
  const AreaPlace& place = areas_[area];
  return place.access_ms + (place.home == no_region ? unknown_area_ms : prior_ms(place.home, region));
}

}  // namespace nearend::policy
