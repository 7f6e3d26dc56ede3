#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/loop.hpp"

namespace nearend::sim {

enum class HostId : uint32_t {};

/// What a path does to packets besides its delay. Streams feel loss as retransmission, and neither duplicates nor
/// order.
struct Quality {
  io::Duration jitter{};  ///< Added to the delay, uniform from 0 to this; above the packets' spacing it reorders.
  double loss = 0;
  double duplicate = 0;
  double reorder = 0;  ///< Share of packets held back by `held_back`.
  io::Duration held_back = std::chrono::milliseconds(25);
  bool operator==(const Quality&) const = default;
};

/// What went over a path, both protocols.
struct Counts {
  uint64_t packets = 0;  ///< Datagrams sent, also those that were lost.
  uint64_t bytes = 0;
  uint64_t lost = 0;
  uint64_t rtp_packets = 0;  ///< Datagrams that look like RTP (version 2 and not RTCP, RFC 5761 section 4).
  uint64_t stream_bytes = 0;
  Counts& operator+=(const Counts& other);
};

/// One direction between two hosts, as it is now.
struct Path {
  io::Duration delay{};
  Quality quality;
  bool is_cut = false;
  uint64_t version = 0;
  Counts counts;
};

/// The shape of the world: regions with round-trip times between them, hosts in regions, and what is different between
/// some of them. Everything may be changed while the world runs; packets under way keep the delay they left with.
class Paths {
 public:
  HostId add_host(std::string_view region);

  /// Round-trip time between two regions, or within one; before it is set, 0.2 ms within a region and 100 ms between
  /// two.
  void set_rtt(std::string_view a, std::string_view b, io::Duration rtt);
  /// One-way delay from one host to another, instead of the regions'.
  void set_delay(HostId from, HostId to, io::Duration delay);
  /// For every path that has no quality of its own.
  void set_default_quality(const Quality& quality);
  void set_quality(std::string_view from_region, std::string_view to_region, const Quality& quality);
  void set_quality(HostId from, HostId to, const Quality& quality);
  /// Cuts or heals both directions between two regions, two hosts, or one host and everybody else.
  void set_cut(std::string_view a, std::string_view b, bool is_cut);
  void set_cut(HostId a, HostId b, bool is_cut);
  void set_isolated(HostId host, bool is_isolated);

  Path& path(HostId from, HostId to);
  Counts counts(HostId from, HostId to) const;
  /// Sum over all pairs of hosts, in both directions; for one region, within it.
  Counts counts(std::string_view region_a, std::string_view region_b) const;
  /// Sum over all pairs of hosts in different regions.
  Counts counts_across_regions() const;
  const std::string& region(HostId host) const { return region_names_[regions_[static_cast<uint32_t>(host)]]; }
  size_t hosts() const { return regions_.size(); }

 private:
  using Pair = std::pair<uint32_t, uint32_t>;
  struct Settings {
    std::optional<io::Duration> delay;
    std::optional<Quality> quality;
    bool is_cut = false;
  };
  uint32_t region_index(std::string_view name);
  void refresh(Path& path, uint32_t from, uint32_t to) const;
  Settings& between_regions(std::string_view from, std::string_view to);
  Settings& between_hosts(HostId from, HostId to);

  std::vector<std::string> region_names_;
  std::vector<uint32_t> regions_;  // By host.
  std::vector<bool> isolated_;     // By host.
  std::map<Pair, Settings> region_settings_, host_settings_;
  Quality default_quality_;
  uint64_t version_ = 1;  // Grows with each change; a path of an older version is computed anew.
  boost::unordered_flat_map<uint64_t, Path> paths_;
};

}  // namespace nearend::sim
