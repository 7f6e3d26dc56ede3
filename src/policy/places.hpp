#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/ip.hpp"
#include "policy/geography.hpp"
#include "policy/network_table.hpp"
#include "policy/policy.hpp"

namespace nearend::policy {

using RegionId = uint16_t;
using GatewayId = uint16_t;
using AreaId = uint32_t;
inline constexpr RegionId no_region = 0xffff;
inline constexpr GatewayId no_gateway = 0xffff;
inline constexpr AreaId no_area = 0xffffffff;

/// Looks names up by string_view.
struct NameHash {
  using is_transparent = void;
  size_t operator()(std::string_view name) const { return std::hash<std::string_view>{}(name); }
};
template <class Id>
using IdsByName = std::unordered_map<std::string, Id, NameHash, std::equal_to<>>;

/// The topology by number: regions, gateways and access areas, and what is known of the ways between them before
/// anything is measured. Areas that the topology does not name come to be when they are first heard of. Owner's thread.
class Places {
 public:
  static constexpr size_t areas_max = 20'000, parts_max = 64;

  explicit Places(const Topology& topology);

  size_t regions() const { return region_names_.size(); }
  size_t gateways() const { return gateway_entries_.size(); }
  size_t areas() const { return areas_.size(); }
  RegionId region(std::string_view name) const;
  GatewayId gateway(std::string_view name) const;
  const std::string& region_name(RegionId region) const { return region_names_[region]; }
  const GatewayEntry& entry(GatewayId gateway) const { return gateway_entries_[gateway]; }
  RegionId region_of(GatewayId gateway) const { return gateway_regions_[gateway]; }
  std::span<const GatewayId> gateways_in(RegionId region) const { return gateways_in_[region]; }
  /// Regions that have gateways.
  std::span<const RegionId> served() const { return served_; }

  /// The area of this name, made when it is new: then it is near the region whose name it begins with
  /// ("eu/de1:mobile"), or nearest to the place that its name tells: a number's ("+4930"), a network's
  /// ("203.0.0.0/16"), a country's ("DE"). No area when there are too many.
  AreaId area(std::string_view name);
  /// No area when it has never been heard of.
  AreaId find_area(std::string_view name) const;
  /// The area that a number or an address belongs to by the topology; otherwise by what can be told from it alone: a
  /// number's longest prefix that says where it is, at least its country code; an address's network by the topology's
  /// table, all of one AS at one place being one ("AS64500:DE"), else its /16 (IPv6: /32).
  AreaId area_of_address(std::string_view address);
  /// The area of an address of which only the first `known_bits` are told, without making one, and for how many of its
  /// bits that is true: no address that shares them belongs to another area.
  struct Network {
    AreaId area = no_area;      ///< None when nobody was heard from there yet; then
    RegionId home = no_region;  ///< the nearest region, as far as that is known.
    uint8_t prefix = 0;
  };
  Network network_of(const IpAddress& address, uint8_t known_bits) const;
  const std::string& area_name(AreaId area) const { return areas_[area].name; }
  RegionId home_of(AreaId area) const { return areas_[area].home; }
  /// The area that this one is a part of, or none.
  AreaId whole_of(AreaId area) const { return areas_[area].whole; }
  std::span<const AreaId> parts_of(AreaId area) const { return areas_[area].parts; }
  /// The area of the topology or of the world's numbers and networks that a prefix or a network of this name lies in,
  /// by name; empty: none.
  std::string area_around(std::string_view name);
  /// A part that was measured: it is kept.
  void heard(AreaId area, int64_t now_ms) { areas_[area].heard_ms = now_ms; }
  /// Parts of areas that nobody measured since; their numbers will be used again.
  std::vector<AreaId> forget_parts(int64_t before_ms);

  /// One way in ms, as far as it can be known without measuring.
  double prior_ms(RegionId a, RegionId b) const { return region_priors_[a * regions() + b]; }
  double prior_ms(AreaId area, RegionId region) const;

 private:
  struct AreaPlace {
    std::string name;
    RegionId home = no_region;
    double access_ms = 0;  // one way
    AreaId whole = no_area;
    std::vector<AreaId> parts = {};  // and theirs, the narrowest first
    std::optional<Cidr> block = {};  // of a part that is a network
    int64_t heard_ms = 0;
    std::vector<float> ways_ms = {};  // to each region, by its place; empty: as its home has them
  };
  void place(AreaPlace& area, const Position& at) const;
  std::optional<Position> place_of(std::string_view name) const;
  AreaId part_of(AreaId whole, std::string_view number) const;
  AreaId part_of(AreaId whole, const IpAddress& address, uint8_t known_bits) const;
  AreaId named_area_of(std::string_view number) const;
  AreaId named_area_of(const IpAddress& address, uint8_t known_bits) const;
  static std::string_view told_area_of(std::string_view number);
  AreaId root_of(std::string_view name, std::optional<Cidr>& block);
  AreaId add_area(AreaPlace&& made);
  RegionId home_by(std::string_view name) const;
  RegionId region_in(std::string_view name) const;
  RegionId nearest(const Position& at) const;
  std::string network_name(const NetworkTable::Network* network, const IpAddress& address) const;
  RegionId add_region(const std::string& name);
  void add_priors(const Topology& topology);

  IdsByName<RegionId> region_ids_;
  IdsByName<GatewayId> gateway_ids_;
  IdsByName<AreaId> area_ids_;
  std::vector<std::string> region_names_;
  std::vector<GatewayEntry> gateway_entries_;
  std::vector<RegionId> gateway_regions_, served_;
  std::vector<std::vector<GatewayId>> gateways_in_;
  std::vector<float> region_priors_;
  std::vector<std::optional<Position>> region_places_;
  std::shared_ptr<const NetworkTable> networks_;
  std::vector<AreaPlace> areas_;
  std::vector<AreaId> free_;  // of parts that are no more
  IdsByName<AreaId> areas_by_prefix_;
  std::vector<std::pair<Cidr, AreaId>> areas_by_network_;
};

}  // namespace nearend::policy
