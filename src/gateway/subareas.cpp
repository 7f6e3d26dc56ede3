#include "gateway/subareas.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <span>
#include <utility>

#include "base/ip.hpp"
#include "telemetry/log.hpp"
#include "telemetry/metrics.hpp"

namespace nearend::gateway {
namespace {

constexpr size_t areas_max = 2000, samples_max = 512, parts_max = 8;
constexpr int64_t look_every_ms = 5000;
constexpr double kept_a_look = 0.85;                       // of what a call met: half a minute of it
constexpr int64_t sample_kept_ms = 60'000;                 // after the call's end
constexpr int64_t part_kept_ms = 300'000;                  // without a call
constexpr double packets_min = 250;                        // five seconds of speech say something
constexpr size_t calls_min = 12;                           // on either side of a comparison
constexpr double apart_sigmas = 4.7, together_sigmas = 2;  // of the sum of ranks
constexpr double loss_worth = 0.01, rtt_worth_ms = 30;     // less is not worth an area of its own
constexpr int alike_looks = 12;
constexpr size_t nibbles_most = 12, digits_more = 5;  // how narrow a part may be: IPv6 /48; digits behind the plus and
                                                      // the shortest country code's

/// Addresses by their hexadecimal digits, so that parts of both kinds are prefixes of a key.
std::string key_of(std::string_view address) {
  if (address.starts_with('+')) return std::string(address.substr(0, 3 + digits_more));
  const auto ip = parse_ip(address);
  if (!ip) return {};
  std::string key(1, ip->is_v6() ? '6' : '4');
  const size_t nibbles = ip->is_v6() ? nibbles_most : 6;  // IPv4: /24
  for (size_t i = 0; i < nibbles; ++i) key += "0123456789abcdef"[ip->bytes()[i / 2] >> (i % 2 == 0 ? 4 : 0) & 0xf];
  return key;
}

std::string name_of_part(const std::string& key) {
  if (key[0] == '+') return key;
  std::array<uint8_t, 16> bytes{};
  for (size_t i = 1; i < key.size(); ++i) {
    const int nibble = key[i] <= '9' ? key[i] - '0' : key[i] - 'a' + 10;
    bytes[(i - 1) / 2] |= static_cast<uint8_t>(nibble << (i % 2 == 1 ? 4 : 0));
  }
  const auto family = key[0] == '6' ? IpAddress::Family::v6 : IpAddress::Family::v4;
  return Cidr{IpAddress::from_bytes(family, bytes.data()), static_cast<uint8_t>(4 * (key.size() - 1))}.to_string();
}

struct Difference {
  double mean = 0, sigmas = 0;
  bool is_told = false;  // there are enough to tell
};

/// Wilcoxon's sum of ranks of `some` among `some` and `others`, in standard deviations of what chance alone gives.
Difference difference_of(std::span<const double> some, std::span<const double> others) {
  Difference result;
  if (some.size() < calls_min || others.size() < calls_min) return result;
  result.is_told = true;
  struct Value {
    double value;
    bool is_some;
  };
  std::vector<Value> all;
  double sum = 0, other_sum = 0;
  for (const double value : some) all.push_back({value, true}), sum += value;
  for (const double value : others) all.push_back({value, false}), other_sum += value;
  std::ranges::sort(all, {}, &Value::value);
  const auto n = static_cast<double>(all.size()), n1 = static_cast<double>(some.size()), n2 = n - n1;
  double ranks = 0, ties = 0;
  for (size_t i = 0; i < all.size();) {
    size_t end = i;
    size_t of_some = 0;
    for (; end < all.size() && all[end].value == all[i].value; ++end) of_some += all[end].is_some;
    const auto count = static_cast<double>(end - i);
    ranks += static_cast<double>(of_some) * (static_cast<double>(i + end + 1) / 2);
    ties += count * count * count - count;
    i = end;
  }
  const double variance = n1 * n2 / 12 * (n + 1 - ties / (n * (n - 1)));
  if (variance <= 0) return result;
  result.mean = sum / n1 - other_sum / n2;
  result.sigmas = (ranks - n1 * (n + 1) / 2) / std::sqrt(variance);
  return result;
}

}  // namespace

void Subareas::enrol(Member& member, std::string_view area, std::string_view address) {
  member = {};
  std::string key = key_of(address);
  if (key.empty()) return;
  const auto found = ids_.find(std::string(area));
  if (found == ids_.end() && areas_.size() >= areas_max) return;
  member.area = found == ids_.end() ? static_cast<uint32_t>(areas_.size()) : found->second;
  if (found == ids_.end()) {
    ids_.emplace(std::string(area), member.area);
    areas_.emplace_back().name = area;
  }
  member.key = std::move(key);
}

std::string Subareas::name_of(Member& member) const {
  const Area& area = areas_[member.area];
  member.version = area.version;
  const std::string owner(owner_of(area, member.key));
  return owner.empty() ? area.name : name_of_part(owner);
}

std::vector<std::string> Subareas::parts_of(std::string_view area) const {
  std::vector<std::string> names;
  if (const auto found = ids_.find(std::string(area)); found != ids_.end())
    for (const Part& part : areas_[found->second].parts) names.push_back(name_of_part(part.key));
  std::ranges::sort(names);
  return names;
}

void Subareas::add(Member& member, const media::LegSecond& second, int64_t now_ms) {
  if (member.area == none) return;
  Area& area = areas_[member.area];
  const bool has_slot = member.slot < area.samples.size() && area.samples[member.slot].stamp == member.stamp;
  if (!has_slot) {
    // An area that is busier than that is known by some of its calls.
    if (area.free.empty() && area.samples.size() >= samples_max) return;
    if (area.free.empty()) {
      area.free.push_back(static_cast<uint32_t>(area.samples.size()));
      area.samples.emplace_back();
    }
    member.slot = area.free.back();
    area.free.pop_back();
    member.stamp = ++stamps_;
    area.samples[member.slot] = {.key = member.key, .area = member.area, .stamp = member.stamp};
  }
  Sample& sample = area.samples[member.slot];
  sample.at_ms = now_ms;
  sample.packets += second.packets + second.far_packets;
  sample.lost += std::min(second.lost + second.late, second.packets) + std::min(second.far_lost, second.far_packets);
  if (second.rtt_ms > 0) {
    sample.rtt_ms += static_cast<double>(second.rtt_ms);
    sample.trips += 1;
  }
}

void Subareas::look(int64_t now_ms) {
  if (now_ms < looked_ms_ + look_every_ms) return;
  looked_ms_ = now_ms;
  for (Area& area : areas_) {
    expire(area, now_ms);
    if (area.samples.size() > area.free.size() || !area.parts.empty()) look_at(area, now_ms);
    for (Sample& sample : area.samples)
      if (sample.at_ms + look_every_ms > now_ms)
        for (double* each : {&sample.packets, &sample.lost, &sample.rtt_ms, &sample.trips}) *each *= kept_a_look;
  }
}

/// Calls that ended go after a minute, sooner where there is no room for new ones.
void Subareas::expire(Area& area, int64_t now_ms) {
  const bool is_tight = area.free.empty() && area.samples.size() >= samples_max;
  const int64_t kept_ms = is_tight ? look_every_ms : sample_kept_ms;
  for (uint32_t i = 0; i < area.samples.size(); ++i) {
    Sample& sample = area.samples[i];
    if (sample.stamp == 0 || sample.at_ms + kept_ms > now_ms) continue;
    sample.stamp = 0;
    area.free.push_back(i);
  }
}

/// How different calls are from the others: 1 where it is enough by `sigmas` and by `share` of what is worth telling
/// apart; nothing when there are too few to say.
template <class Is>
std::optional<double> Subareas::apart(std::span<const Sample* const> calls, Is is, double sigmas, double share) {
  std::array<std::vector<double>, 2> losses, trips;
  for (const Sample* call : calls) {
    const size_t side = is(*call) ? 0 : 1;
    losses[side].push_back(call->lost / call->packets);
    if (call->trips > 0.1) trips[side].push_back(call->rtt_ms / call->trips);
  }
  const Difference loss = difference_of(losses[0], losses[1]), trip = difference_of(trips[0], trips[1]);
  if (!loss.is_told && !trip.is_told) return std::nullopt;
  const auto degree = [&](const Difference& by, double worth) {
    return std::min(std::abs(by.mean) / (share * worth), std::abs(by.sigmas) / sigmas);
  };
  return std::max(degree(loss, loss_worth), degree(trip, rtt_worth_ms));
}

/// The parts of `calls`, which are sorted by key and share `length` of it, that are of one kind each: as wide as can
/// be.
void Subareas::find_units(std::span<const Sample* const> calls, size_t length, std::vector<Unit>& units) {
  const std::string &first = calls.front()->key, &last = calls.back()->key;
  size_t shared = length;
  while (shared < std::min(first.size(), last.size()) && first[shared] == last[shared]) ++shared;
  std::vector<std::span<const Sample* const>> groups;
  if (shared < std::min(first.size(), last.size()) && calls.size() >= 2 * calls_min)
    for (size_t i = 0, end = 0; i < calls.size(); i = end) {
      while (end < calls.size() && calls[end]->key[shared] == calls[i]->key[shared]) ++end;
      groups.push_back(calls.subspan(i, end - i));
    }
  const bool is_mixed = std::ranges::any_of(groups, [&](const auto& group) {
    const auto is_in = [&](const Sample& call) { return call.key[shared] == group.front()->key[shared]; };
    return group.size() >= calls_min && apart(calls, is_in, apart_sigmas, 1).value_or(0) >= 1;
  });
  if (!is_mixed) return units.push_back({first.substr(0, length), first.substr(0, shared), calls.size()});
  for (const auto& group : groups) find_units(group, shared + 1, units);
}

void Subareas::look_at(Area& area, int64_t now_ms) {
  Calls calls;
  for (const Sample& sample : area.samples)
    if (sample.stamp != 0 && sample.packets >= packets_min) calls.push_back(&sample);
  std::ranges::sort(
      calls, [](const Sample* x, const Sample* y) { return x->key != y->key ? x->key < y->key : x->stamp < y->stamp; });
  put_back(area, calls, now_ms);
  const std::string suspect = std::exchange(area.suspect, {});
  if (area.parts.size() >= parts_max) return;
  std::vector<std::string> within{""};
  for (const Part& part : area.parts) within.push_back(part.key);
  for (const std::string& each : within) {
    Calls own;
    std::ranges::copy_if(calls, std::back_inserter(own),
                         [&](const Sample* call) { return owner_of(area, call->key) == each; });
    if (own.size() < 2 * calls_min) continue;
    area.suspect = most_different(own, each, suspect);
    if (!area.suspect.empty()) break;  // one at a time: the rest is looked at again without it
  }
  // Seen twice in a row.
  if (!area.suspect.empty() && area.suspect == suspect) tell_apart(area, std::exchange(area.suspect, {}), now_ms);
}

std::string_view Subareas::owner_of(const Area& area, std::string_view key) {
  const auto found = std::ranges::find_if(area.parts, [&](const Part& part) { return key.starts_with(part.key); });
  return found == area.parts.end() ? std::string_view() : found->key;
}

/// The part of these calls that stands out most: rather one that most are not in, since the rest goes by the wider
/// name.
std::string Subareas::most_different(const Calls& calls, const std::string& within, const std::string& suspect) const {
  std::vector<Unit> units;
  find_units(calls, within.size(), units);
  std::string best;
  double most = 0;
  if (units.size() < 2) return best;
  for (const Unit& unit : units) {
    const auto is_in = [&](const Sample& call) { return call.key.starts_with(unit.key); };
    double degree = apart(calls, is_in, apart_sigmas, 1).value_or(0);
    if (degree < 1) continue;
    if (2 * unit.calls <= calls.size()) degree += 1000;
    if (suspect.starts_with(unit.key)) degree += 2000;  // halves change sides from look to look
    if (degree <= most) continue;
    most = degree;
    best = unit.key;
    // The name must lead back to the area.
    const std::string_view home = areas_[calls.front()->area].name;
    while (best.size() < unit.shared.size() && area_of_(name_of_part(best)) != home) best += unit.shared[best.size()];
    if (area_of_(name_of_part(best)) != home || best.size() <= within.size()) best.clear(), most = 0;
  }
  return best;
}

void Subareas::tell_apart(Area& area, std::string key, int64_t now_ms) {
  static telemetry::Counter& told = telemetry::counter("nearend_gateway_areas_split_total");
  told.add();
  telemetry::info("calls of a part of an area fare otherwise", {{"part", name_of_part(key)}, {"area", area.name}});
  area.parts.push_back({std::move(key), now_ms});
  std::ranges::sort(area.parts, [](const Part& x, const Part& y) {
    return x.key.size() != y.key.size() ? x.key.size() > y.key.size() : x.key < y.key;
  });
  ++area.version;
}

void Subareas::put_back(Area& area, const Calls& calls, int64_t now_ms) {
  const auto is_over = [&](Part& part) {
    // With the calls that it would be among again.
    std::string_view around;
    for (const Part& other : area.parts)
      if (other.key != part.key && part.key.starts_with(other.key) && other.key.size() > around.size())
        around = other.key;
    Calls both;
    for (const Sample* call : calls) {
      const std::string_view owner = owner_of(area, call->key);
      if (owner == part.key) part.used_ms = now_ms;
      if (owner == part.key || owner == around) both.push_back(call);
    }
    const auto is_in = [&](const Sample& call) { return call.key.starts_with(part.key); };
    if (const auto degree = apart(both, is_in, together_sigmas, 0.5)) part.alike = *degree < 1 ? part.alike + 1 : 0;
    return part.alike >= alike_looks || part.used_ms + part_kept_ms < now_ms;
  };
  std::vector<std::string> over;
  for (Part& part : area.parts)
    if (is_over(part)) over.push_back(part.key);
  if (over.empty()) return;
  std::erase_if(area.parts, [&](const Part& part) { return std::ranges::find(over, part.key) != over.end(); });
  ++area.version;
  for (const std::string& key : over)
    telemetry::info("calls of a part of an area fare as the rest again",
                    {{"part", name_of_part(key)}, {"area", area.name}});
}

}  // namespace nearend::gateway
