#include "policy/provider_choice.hpp"

#include <algorithm>
#include <tuple>

#include "base/result.hpp"

namespace nearend::policy {
namespace {

using Standing = KnownProvider::Standing;

constexpr double equal_points = 1;  // so near are equal ones that share
/// A gateway whose best provider is not well, or none takes the number, is behind any other that has one.
constexpr double last_resort_points = 40;
constexpr double loaded_from = 0.75, loaded_points = 10;
constexpr double best_score = 4.4, usual_delay_ms = 2000;

uint64_t hash_of(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;  // FNV-1a: the same on every machine, so that a record can be replayed
  for (const char sign : text) hash = (hash ^ static_cast<unsigned char>(sign)) * 0x100000001b3;
  hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9;
  hash = (hash ^ (hash >> 27)) * 0x94d049bb133111eb;
  return hash ^ (hash >> 31);
}

bool is_before(const RatedProvider& x, const RatedProvider& y) {
  const auto rank = [](const RatedProvider& each) {
    return std::tuple(each.standing, -static_cast<long>(each.prefix), each.provider->facts.priority, -each.points,
                      each.provider);
  };
  return rank(x) < rank(y);
}

/// As the gateway does it: who rests comes last, then prefix, priority, cost.
bool is_before_by_rules(const RatedProvider& x, const RatedProvider& y) {
  const auto rank = [](const RatedProvider& each) {
    const ProviderFacts& facts = each.provider->facts;
    return std::tuple(!facts.is_healthy, -static_cast<long>(each.prefix), facts.priority, facts.cost, each.provider);
  };
  return rank(x) < rank(y);
}

/// Of the first `count`, the emptier of two taken at random goes to the front: with loads that are a second old, the
/// emptiest of all would get everything.
template <class Share>
void share_out(std::vector<RatedProvider>& all, size_t count, std::string_view call, Share share) {
  const uint64_t hash = hash_of(call);
  const size_t one = hash % count;
  const size_t other = (one + 1 + (hash >> 32) % (count - 1)) % count;
  const size_t chosen = share(all[other]) < share(all[one]) ? other : one;
  const auto at = all.begin() + static_cast<std::ptrdiff_t>(chosen);
  std::rotate(all.begin(), at, at + 1);
}

ProviderWhy why_of(const RatedProvider& first, bool is_shared) {
  if (first.is_probe) return ProviderWhy::probe;
  if (first.standing != Standing::open) return ProviderWhy::last_resort;
  return is_shared ? ProviderWhy::shared : ProviderWhy::best;
}

}  // namespace

std::string_view to_string(ProviderWhy why) {
  constexpr std::string_view names[] = {"nothing", "rules", "best", "shared", "probe", "last_resort"};
  return names[static_cast<size_t>(why)];
}

void ProviderChoice::survey(const ProviderWish& wish) {
  found_.clear();
  lost_.clear();
  if (book_.size() == 0) return;
  lost_.assign(places_.gateways(), 0);
  for (size_t i = 0; i < places_.gateways(); ++i) {
    const auto gateway = static_cast<GatewayId>(i);
    bool are_all_told = !book_.of(gateway).empty(), is_any = false;
    const auto is_excluded = [&](std::string_view name) {
      return std::ranges::any_of(wish.exclude, [&](const auto& each) {
        return each.first == gateway && (each.second.empty() || each.second == name);
      });
    };
    for (KnownProvider& each : book_.of(gateway)) {
      are_all_told &= each.has_prefixes;
      if (!each.is_current(wish.now_ms) || is_excluded(each.name)) continue;
      const auto prefix = each.match(wish.number);
      if (!prefix) continue;
      is_any = true;
      found_.push_back({.gateway = gateway, .provider = &each, .prefix = *prefix, .estimate = {}});
    }
    if (are_all_told && !is_any) lost_[i] = static_cast<float>(last_resort_points);
  }
  rate(wish);
  compare_gateways();
}

void ProviderChoice::rate(const ProviderWish& wish) {
  double least = 1e18, most = 0;
  for (const RatedProvider& each : found_) {
    least = std::min(least, each.provider->facts.cost);
    most = std::max(most, each.provider->facts.cost);
  }
  for (RatedProvider& each : found_) {
    const KnownProvider& provider = *each.provider;
    each.standing = provider.standing(wish.now_ms);
    each.estimate = provider.estimate(wish.now_ms);
    each.is_probe = each.standing == Standing::suspect && provider.is_probe_due(wish.now_ms);
    if (each.is_probe) each.standing = Standing::open;
    const double delivered = each.is_probe ? provider_prior.delivered : each.estimate.delivered;
    const double share = provider.share(wish.now_ms);
    each.points = -rules_.failures * (1 - delivered) -
                  rules_.delay * std::max(0.0, each.estimate.delay_ms - usual_delay_ms) / 1000;
    if (most > 0) each.points -= rules_.cost * (provider.facts.cost - least) / most;
    if (wish.mode == Mode::quality) each.points -= rules_.score * std::max(0.0, best_score - each.estimate.score);
    if (share > loaded_from) each.points -= loaded_points * std::min(1.0, (share - loaded_from) / (1 - loaded_from));
  }
}

void ProviderChoice::compare_gateways() {
  double best = -1e18;
  std::vector<std::pair<GatewayId, double>> firsts;
  for (size_t begin = 0; begin < found_.size();) {
    size_t end = begin, first = begin;
    for (; end < found_.size() && found_[end].gateway == found_[begin].gateway; ++end)
      if (is_before(found_[end], found_[first])) first = end;
    const double points = found_[first].points - (found_[first].standing == Standing::open ? 0 : last_resort_points);
    firsts.emplace_back(found_[begin].gateway, points);
    best = std::max(best, points);
    begin = end;
  }
  for (const auto& [gateway, points] : firsts) lost_[gateway] = static_cast<float>(best - points);
}

ProviderOrder ProviderChoice::order(const ProviderWish& wish, GatewayId gateway) const {
  ProviderOrder order;
  auto& all = order.providers;
  for (const RatedProvider& each : found_)
    if (each.gateway == gateway) all.push_back(each);
  if (all.empty()) return order;
  if (wish.mode == Mode::static_rules) {
    std::ranges::sort(all, is_before_by_rules);
    order.why = ProviderWhy::rules;
    return order;
  }
  std::ranges::sort(all, is_before);
  const RatedProvider& best = all.front();
  const auto is_equal = [&](const RatedProvider& each) {
    return each.standing == best.standing && each.prefix == best.prefix &&
           each.provider->facts.priority == best.provider->facts.priority && each.points >= best.points - equal_points;
  };
  const auto count = static_cast<size_t>(std::ranges::find_if_not(all, is_equal) - all.begin());
  const bool is_shared = count > 1 && best.standing == Standing::open && !best.is_probe;
  if (is_shared)
    share_out(all, count, wish.call, [&](const RatedProvider& each) { return each.provider->share(wish.now_ms); });
  order.why = why_of(all.front(), is_shared);
  return order;
}

double ProviderChoice::way_points(const ProviderWish& wish, GatewayId gateway) const {
  if (wish.near == no_region) return 0;
  return points_per_ms * paths_.between(wish.near, places_.region_of(gateway), wish.now_ms).delay_ms;
}

ProviderOrder ProviderChoice::all(const ProviderWish& wish) const {
  std::vector<ProviderOrder> lists;
  for (size_t i = 0; i < places_.gateways(); ++i) {
    const auto gateway = static_cast<GatewayId>(i);
    if (!loads_.is_open(gateway, wish.now_ms)) continue;
    ProviderOrder list = order(wish, gateway);
    if (list.providers.empty()) continue;
    // Whose room is short comes behind, too.
    const double share = loads_.share(gateway, wish.now_ms);
    const double less =
        way_points(wish, gateway) + loads_.penalty(share) + (loads_.is_full(share) ? last_resort_points : 0);
    for (RatedProvider& each : list.providers) each.points -= less;
    std::ranges::reverse(list.providers);
    lists.push_back(std::move(list));
  }
  // Each gateway's own order stands; whose next is best is next.
  ProviderOrder merged;
  const auto is_next = [&](const ProviderOrder& x, const ProviderOrder& y) {
    const RatedProvider &a = x.providers.back(), &b = y.providers.back();
    const auto nearness = [&](const RatedProvider& each) { return -way_points(wish, each.gateway); };
    if (wish.mode == Mode::static_rules)
      return std::tuple(!a.provider->facts.is_healthy, b.prefix, nearness(b)) <
             std::tuple(!b.provider->facts.is_healthy, a.prefix, nearness(a));
    return std::tuple(a.standing, b.prefix, b.points) < std::tuple(b.standing, a.prefix, a.points);
  };
  while (!lists.empty()) {
    const auto next = std::ranges::min_element(lists, is_next);
    if (merged.providers.empty()) merged.why = next->why;
    merged.providers.push_back(std::move(next->providers.back()));
    next->providers.pop_back();
    if (next->providers.empty()) lists.erase(next);
  }
  auto& found = merged.providers;
  if (wish.mode == Mode::static_rules || found.size() < 2 || found.front().is_probe) return merged;
  const auto is_equal = [&](const RatedProvider& each) {
    return each.standing == found.front().standing && each.prefix == found.front().prefix && !each.is_probe &&
           each.points >= found.front().points - equal_points && each.gateway != found.front().gateway;
  };
  // Equal ones at another gateway: this one or that.
  const auto other = std::ranges::find_if(found, is_equal);
  if (other == found.end() || found.front().standing != Standing::open) return merged;
  std::rotate(found.begin() + 1, other, other + 1);
  share_out(found, 2, wish.call, [&](const RatedProvider& each) {
    return std::max(each.provider->share(wish.now_ms), loads_.share(each.gateway, wish.now_ms));
  });
  merged.why = ProviderWhy::shared;
  return merged;
}

void ProviderChoice::commit(const ProviderOrder& order, int64_t now_ms) {
  if (!order.providers.empty()) book_.give(*order.providers.front().provider, order.providers.front().is_probe, now_ms);
}

std::string described(const RatedProvider& rated) {
  const ProviderEstimate& estimate = rated.estimate;
  std::string text = fmt::format("{}: {:.0f} % delivered, rings after {:.1f} s, cost {:g}", rated.provider->name,
                                 100 * estimate.delivered, estimate.delay_ms / 1000, rated.provider->facts.cost);
  if (rated.is_probe)
    text += ", suspect, tried again";
  else if (rated.standing != Standing::open)
    text += fmt::format(", {}", to_string(rated.standing));
  return text;
}

}  // namespace nearend::policy
