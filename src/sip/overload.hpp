#pragma once

#include <chrono>
#include <cstddef>
#include <unordered_map>
#include <vector>

#include "base/ip.hpp"
#include "io/loop.hpp"
#include "sip/transport.hpp"

namespace nearend::sip {

/// Counts INVITEs that wait for a final response, in all and per source, so that new ones can be shed while calls in
/// progress go on (threat TH7).
class Overload {
 public:
  Overload(size_t pending_max, size_t per_source_max) : pending_max_(pending_max), per_source_max_(per_source_max) {}
  bool is_full_for(const IpAddress& source) const {
    if (pending_ >= pending_max_) return true;
    const auto found = per_source_.find(source);
    return found != per_source_.end() && found->second >= per_source_max_;
  }
  void add(const IpAddress& source) {
    ++pending_;
    ++per_source_[source];
  }
  void remove(const IpAddress& source) {
    --pending_;
    if (const auto found = per_source_.find(source); found != per_source_.end() && --found->second == 0)
      per_source_.erase(found);
  }
  size_t pending() const { return pending_; }

 private:
  size_t pending_max_;
  size_t per_source_max_;
  size_t pending_ = 0;
  std::unordered_map<IpAddress, size_t> per_source_;
};

/// Targets that failed lately; they are tried last for a while (RFC 3263 4.3).
class RestingTargets {
 public:
  explicit RestingTargets(io::Loop& loop) : loop_(loop) {}
  void rest(const Target& target, std::chrono::seconds length = rest_default);
  bool is_resting(const Target& target) const;
  void wake(const Target& target) { until_.erase(Key{target.protocol, target.address}); }
  /// Puts those that rest behind the others; otherwise the order stays.
  void put_last(std::vector<Target>& targets) const;
  static constexpr std::chrono::seconds rest_default{30};

 private:
  static constexpr size_t targets_max = 4096;
  struct Key {
    Protocol protocol;
    Endpoint address;
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    size_t operator()(const Key& key) const { return std::hash<Endpoint>{}(key.address) * 4 + size_t(key.protocol); }
  };
  io::Loop& loop_;
  std::unordered_map<Key, io::Instant, Hash> until_;
};

}  // namespace nearend::sip
