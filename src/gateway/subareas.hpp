#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "media/control.hpp"

namespace nearend::gateway {

/// Tells parts of an access area apart whose calls fare otherwise than the rest: a carrier's numbers within a country,
/// a provider's networks within a /16. Each call counts once, by what it met within the last half minute, since the
/// seconds of one call are alike; calls are compared by rank, so that a few very bad ones do not make a difference, and
/// the difference must be worth telling too. What is told apart is reported under its own name, "+4915", the rest under
/// the area's: nothing counts twice. It is put back when the difference is gone or nobody calls there. Bounded, and a
/// function of what it is given. Owner's thread.
class Subareas {
 public:
  static constexpr uint32_t none = UINT32_MAX;
  /// The area by topology that a part of this name lies in.
  using AreaOf = std::function<std::string(std::string_view name)>;
  explicit Subareas(AreaOf area_of) : area_of_(std::move(area_of)) {}

  /// What a leg keeps of it.
  struct Member {
    uint32_t area = none, slot = none;
    uint32_t version = 0;  ///< Of its area's parts when its name was asked for.
    uint64_t stamp = 0;
    std::string key;
  };
  /// `address`: the E.164 number with its plus or the IP address by which the leg belongs to the area.
  void enrol(Member& member, std::string_view area, std::string_view address);
  /// The area's name, or its part's that the leg belongs to.
  std::string name_of(Member& member) const;
  /// Whether name_of() may say something else than when it was asked.
  bool is_stale(const Member& member) const {
    return member.area != none && areas_[member.area].version != member.version;
  }
  /// A second of the leg's access side.
  void add(Member& member, const media::LegSecond& second, int64_t now_ms);
  /// Compares, every few seconds: to be called once a second.
  void look(int64_t now_ms);
  /// Parts of this area that are told apart now, by name.
  std::vector<std::string> parts_of(std::string_view area) const;

 private:
  struct Sample {
    std::string key;
    uint32_t area = none;
    uint64_t stamp = 0;  // 0: free
    int64_t at_ms = 0;
    double packets = 0, lost = 0, rtt_ms = 0, trips = 0;
  };
  struct Part {
    std::string key;
    int64_t used_ms = 0;
    int alike = 0;  // looks in a row at which it was not different
  };
  struct Area {
    std::string name;
    std::vector<Sample> samples;
    std::vector<uint32_t> free;
    std::vector<Part> parts;  // the longest keys first
    std::string suspect;      // what was different at the last look
    uint32_t version = 0;
  };
  struct Unit {
    std::string key, shared;  // as wide as can be; all that its calls have in common
    size_t calls = 0;
  };
  using Calls = std::vector<const Sample*>;
  template <class Is>
  static std::optional<double> apart(std::span<const Sample* const> calls, Is is, double sigmas, double share);
  static void find_units(std::span<const Sample* const> calls, size_t length, std::vector<Unit>& units);
  static std::string_view owner_of(const Area& area, std::string_view key);
  std::string most_different(const Calls& calls, const std::string& within, const std::string& suspect) const;
  void expire(Area& area, int64_t now_ms);
  void look_at(Area& area, int64_t now_ms);
  void put_back(Area& area, const Calls& calls, int64_t now_ms);
  static void tell_apart(Area& area, std::string key, int64_t now_ms);

  AreaOf area_of_;
  std::vector<Area> areas_;
  std::unordered_map<std::string, uint32_t> ids_;
  uint64_t stamps_ = 0;
  int64_t looked_ms_ = 0;
};

}  // namespace nearend::gateway
