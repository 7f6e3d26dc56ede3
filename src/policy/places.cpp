#include "policy/places.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "policy/numbering.hpp"

namespace nearend::policy {
namespace {

constexpr double same_region_ms = 1, unknown_pair_ms = 100;
/// Of an area of which nothing is known, towards every region: what is measured decides then.
constexpr double unknown_area_ms = 60;
/// A round trip is about 25 ms and 15.5 µs a kilometre where no table tells it (policy of the field's round-trip
/// tables; residual 45 ms).
constexpr double rtt_base_ms = 25, rtt_ms_per_km = 0.0155;
constexpr double fibre_ms_per_km = 1 / 204.2;  // one way; nothing is faster

std::optional<Cidr> parsed_block(std::string_view name) {
  if (name.find('/') == std::string_view::npos) return std::nullopt;
  const auto block = parse_cidr(name);
  return block ? std::optional(*block) : std::nullopt;
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

Places::Places(const Topology& topology) : networks_(topology.networks) {
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
  for (const auto& area : topology.areas)
    if (!area.region.empty()) add_region(area.region);
  add_priors(topology);
  for (const auto& each : topology.areas) {
    const AreaId known = find_area(each.name);
    const AreaId id = known == no_area ? add_area({.name = each.name}) : known;
    AreaPlace& named = areas_[id];
    named.home = region(each.region);
    named.access_ms = each.access_ms / 2;
    if (each.latitude && each.longitude)
      place(named, {*each.latitude, *each.longitude});
    else if (const auto at = Atlas::carried().country(each.country))
      place(named, *at);
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
      region_priors_[region(a.name) * count + region(b.name)] = static_cast<float>(
          (rtt_base_ms + rtt_ms_per_km * kilometres({a.latitude, a.longitude}, {b.latitude, b.longitude})) / 2);
  region_places_.resize(count);
  for (const auto& each : topology.regions) region_places_[region(each.name)] = {each.latitude, each.longitude};
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

RegionId Places::region_in(std::string_view name) const {
  RegionId found = region(name);
  for (size_t cut = name.size(); found == no_region && cut > 0; --cut)
    if (const char sign = name[cut - 1]; sign == ':' || sign == '/' || sign == '-' || sign == '.' || sign == '_')
      found = region(name.substr(0, cut - 1));
  return found;
}

RegionId Places::nearest(const Position& at) const {
  RegionId nearest = no_region;
  double least_km = 0;
  for (size_t i = 0; i < region_places_.size(); ++i) {
    if (!region_places_[i]) continue;
    const double km = kilometres(at, *region_places_[i]);
    if (nearest != no_region && km >= least_km) continue;
    nearest = static_cast<RegionId>(i);
    least_km = km;
  }
  return nearest;
}

/// By what the name says: of a number, of a network, or of networks that were put together for being at one place.
std::optional<Position> Places::place_of(std::string_view name) const {
  if (name.starts_with('+')) {
    const auto numbers = Atlas::carried().number(name);
    return numbers ? std::optional(numbers->at) : std::nullopt;
  }
  if (name.starts_with("AS") && name.find(':') != std::string_view::npos) {
    const std::string_view where = name.substr(name.find(':') + 1);
    const size_t comma = where.find(',');
    if (comma == std::string_view::npos) return Atlas::carried().country(where);
    double latitude = 0, longitude = 0;
    std::from_chars(where.data(), where.data() + comma, latitude);
    std::from_chars(where.data() + comma + 1, where.data() + where.size(), longitude);
    return position_of(latitude, longitude);
  }
  if (const auto block =
          name.find('/') == std::string_view::npos ? Result<Cidr>(fail(Error::Kind::invalid, "")) : parse_cidr(name)) {
    const NetworkTable::Network* network = networks_ ? networks_->find(block->base, block->prefix).network : nullptr;
    return network ? std::optional(network->at) : std::nullopt;
  }
  return Atlas::carried().country(name);
}

/// Between the ways of its home and the distance: what the home has towards another region, longer or shorter as the
/// area is farther from there than its home or nearer.
void Places::place(AreaPlace& area, const Position& at) const {
  area.home = nearest(at);
  if (area.home == no_region) return;
  constexpr double ms_per_km = rtt_ms_per_km / 2;
  if (area.access_ms == 0) area.access_ms = rtt_base_ms / 2;
  const Position& home = *region_places_[area.home];
  for (size_t i = 0; i < regions(); ++i) {
    const double home_ms = prior_ms(area.home, static_cast<RegionId>(i));
    const auto& there = region_places_[i];
    const double km = there ? kilometres(at, *there) : 0, home_km = there ? kilometres(home, *there) : 0;
    const double farther_km = there ? km - home_km : kilometres(at, home);
    area.ways_ms.push_back(
        static_cast<float>(area.access_ms + std::max(km * fibre_ms_per_km, home_ms + ms_per_km * farther_km)));
  }
}

AreaId Places::add_area(AreaPlace&& made) {
  auto id = static_cast<AreaId>(areas_.size());
  if (free_.empty()) {
    areas_.emplace_back();
  } else {
    id = free_.back();
    free_.pop_back();
  }
  area_ids_.emplace(made.name, id);
  areas_[id] = std::move(made);
  return id;
}

/// The area that a prefix or a network is a part of, or none; the network in `block`.
AreaId Places::root_of(std::string_view name, std::optional<Cidr>& block) {
  AreaId root = no_area;
  std::string told;
  if (name.starts_with('+')) {
    root = named_area_of(name);
    if (root == no_area) told = told_area_of(name);
  } else if (const auto network = parsed_block(name)) {
    // What is wider than areas are is no part of one.
    if (network->prefix < (network->base.is_v6() ? 32 : 16)) return no_area;
    block = *network;
    root = named_area_of(network->base, network->prefix);
    if (root == no_area)
      told = network_name(networks_ ? networks_->find(network->base, network->prefix).network : nullptr, network->base);
  }
  if (!told.empty() && told != name) root = area(told);
  return root != no_area && areas_[root].name == name ? no_area : root;
}

AreaId Places::area(std::string_view name) {
  if (const AreaId known = find_area(name); known != no_area) return known;
  if (areas_.size() >= areas_max && free_.empty()) return no_area;
  AreaPlace made{.name = std::string(name), .home = region_in(name)};
  if (made.home != no_region) return add_area(std::move(made));
  const AreaId root = root_of(name, made.block);
  if (root == no_area) {
    if (const auto at = place_of(name)) place(made, *at);
    return add_area(std::move(made));
  }
  made.whole = made.block ? part_of(root, made.block->base, made.block->prefix) : part_of(root, name);
  made.home = areas_[root].home;
  made.access_ms = areas_[root].access_ms;
  made.ways_ms = areas_[root].ways_ms;
  const AreaId id = add_area(std::move(made));
  std::vector<AreaId>& parts = areas_[root].parts;
  if (parts.size() >= parts_max) return id;
  parts.push_back(id);
  const auto width = [&](AreaId part) {
    const AreaPlace& place = areas_[part];
    return std::pair(place.block ? 128 - place.block->prefix : 128 - static_cast<int>(place.name.size()),
                     std::string_view(place.name));
  };
  std::ranges::sort(parts, {}, width);
  // Parts that are within the new one are its own now.
  for (const AreaId part : parts)
    if (part != id && areas_[part].whole == areas_[id].whole &&
        (areas_[id].block ? areas_[part].block && areas_[id].block->contains(areas_[part].block->base) &&
                                areas_[part].block->prefix > areas_[id].block->prefix
                          : areas_[part].name.starts_with(areas_[id].name)))
      areas_[part].whole = id;
  return id;
}

AreaId Places::part_of(AreaId whole, std::string_view number) const {
  for (const AreaId part : areas_[whole].parts)
    if (number.starts_with(areas_[part].name)) return part;
  return whole;
}

AreaId Places::part_of(AreaId whole, const IpAddress& address, uint8_t known_bits) const {
  for (const AreaId part : areas_[whole].parts)
    if (areas_[part].block && areas_[part].block->prefix <= known_bits && areas_[part].block->contains(address))
      return part;
  return whole;
}

std::string Places::area_around(std::string_view name) {
  std::optional<Cidr> block;
  if (find_area(name) != no_area && areas_[find_area(name)].whole == no_area) return std::string(name);
  const AreaId root = root_of(name, block);
  return root == no_area ? std::string() : areas_[root].name;
}

std::vector<AreaId> Places::forget_parts(int64_t before_ms) {
  std::vector<AreaId> forgotten;
  for (AreaPlace& root : areas_)
    std::erase_if(root.parts, [&](AreaId part) {
      const bool is_old = areas_[part].heard_ms < before_ms;
      if (is_old) forgotten.push_back(part);
      return is_old;
    });
  for (const AreaId part : forgotten) {
    for (AreaPlace& other : areas_)
      if (other.whole == part) other.whole = areas_[part].whole;
    area_ids_.erase(areas_[part].name);
    areas_[part] = {};
    free_.push_back(part);
  }
  return forgotten;
}

/// Networks of one AS at one place are one: they come by the same ways.
std::string Places::network_name(const NetworkTable::Network* network, const IpAddress& address) const {
  if (!network) return network_area(address);
  if (network->as_number != 0 && network->country[0] != 0)
    return fmt::format("AS{}:{}", network->as_number, std::string_view(network->country, 2));
  if (network->as_number != 0)
    return fmt::format("AS{}:{:.0f},{:.0f}", network->as_number, network->at.latitude, network->at.longitude);
  const bool is_wide = network->block.prefix < (address.is_v6() ? 32 : 16);
  return is_wide ? network_area(address) : network->block.to_string();
}

AreaId Places::named_area_of(const IpAddress& address, uint8_t known_bits) const {
  for (const auto& [block, id] : areas_by_network_)
    if (block.prefix <= known_bits && block.contains(address)) return id;
  return no_area;
}

AreaId Places::named_area_of(std::string_view number) const {
  for (size_t length = number.size(); length > 0; --length)
    if (const auto found = areas_by_prefix_.find(number.substr(0, length)); found != areas_by_prefix_.end())
      return found->second;
  return no_area;
}

/// By the number alone; empty: it is none.
std::string_view Places::told_area_of(std::string_view number) {
  const std::string_view country = country_code(number);
  if (country.empty()) return country;
  const auto placed = Atlas::carried().number(number);
  return number.substr(0, std::max(country.size(), placed ? placed->length : 0));
}

AreaId Places::area_of_address(std::string_view address) {
  if (const auto ip = parse_ip(address)) {
    AreaId root = named_area_of(*ip, 128);
    if (root == no_area) root = area(network_name(networks_ ? networks_->find(*ip).network : nullptr, *ip));
    return root == no_area ? root : part_of(root, *ip, 128);
  }
  const std::string_view number = number_of(address);
  AreaId root = named_area_of(number);
  if (root == no_area)
    if (const std::string_view told = told_area_of(number); !told.empty()) root = area(told);
  return root == no_area ? root : part_of(root, number);
}

Places::Network Places::network_of(const IpAddress& address, uint8_t known_bits) const {
  Network found{.prefix = static_cast<uint8_t>(address.is_v6() ? 32 : 16)};
  std::string name;
  for (const auto& [block, id] : areas_by_network_)
    if (block.prefix <= known_bits && block.contains(address)) {
      found = {id, areas_[id].home, block.prefix};
      break;
    }
  if (found.area == no_area) {
    const NetworkTable::Found told = networks_ ? networks_->find(address, known_bits) : NetworkTable::Found{};
    name = network_name(told.network, address);
    found.area = find_area(name);
    found.home = found.area == no_area ? home_by(name) : areas_[found.area].home;
    const bool is_by_block =
        told.network && (told.network->as_number != 0 || told.network->block.prefix >= found.prefix);
    found.prefix = is_by_block ? told.prefix : std::max(found.prefix, told.prefix);
  }
  // Narrower ones inside it are areas of their own: as many bits as tell this address from them.
  const Cidr whole{address, found.prefix};
  const auto tell_from = [&](const Cidr& block) {
    if (block.prefix > whole.prefix && block.base.family() == address.family())
      if (const uint8_t common = common_bits(block.base, address); common >= whole.prefix)
        found.prefix = std::max(found.prefix, static_cast<uint8_t>(std::min<int>(common + 1, block.prefix)));
  };
  for (const auto& [block, id] : areas_by_network_)
    if (id != found.area) tell_from(block);
  if (found.area == no_area) return found;
  for (const AreaId part : areas_[found.area].parts)
    if (areas_[part].block) tell_from(*areas_[part].block);
  found.area = part_of(found.area, address, known_bits);
  return found;
}

RegionId Places::home_by(std::string_view name) const {
  const auto at = place_of(name);
  return at ? nearest(*at) : no_region;
}

double Places::prior_ms(AreaId area, RegionId region) const {
  const AreaPlace& place = areas_[area];
  if (!place.ways_ms.empty()) return place.ways_ms[region];
  return place.access_ms + (place.home == no_region ? unknown_area_ms : prior_ms(place.home, region));
}

}  // namespace nearend::policy
