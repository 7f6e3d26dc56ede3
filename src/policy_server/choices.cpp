// Which router: by live delays and loads.
#include <algorithm>

#include "policy_server/server.hpp"

namespace nearend::policy_server {
namespace {

/// Share from which a router is less wanted, as long as others are below.
constexpr double router_loaded_from = 0.8;
/// An account stays at its router unless another is nearer by more; as much as routes of calls stay.
constexpr double sticky_ms = 25;
constexpr size_t last_routers_max = 20'000;

}  // namespace

double Server::load_of(const std::string& name, int64_t now_ms) const {
  const auto found = loads_.find(name);
  const int64_t lifetime_ms = std::chrono::milliseconds(settings_.load_lifetime).count();
  if (found == loads_.end() || now_ms - found->second.seen_ms > lifetime_ms) return 0;
  return found->second.share();
}

double Server::rtt_ms(std::string_view a, std::string_view b, int64_t now_ms) const {
  const policy::RegionId from = advisor_.places().region(a), to = advisor_.places().region(b);
  if (from == policy::no_region || to == policy::no_region) return topology_.rtt_ms(a, b);
  return 2 * advisor_.paths().between(from, to, now_ms).delay_ms;
}

size_t Server::guard(std::vector<policy::RouterChoice>& routers, std::string& reason, int64_t now_ms) const {
  std::vector<policy::RouterChoice> free, loaded, full;
  for (policy::RouterChoice& router : routers) {
    const double share = load_of(router.name, now_ms);
    auto& where = share >= settings_.exclude_from ? full : share >= router_loaded_from ? loaded : free;
    if (share >= router_loaded_from) reason += fmt::format("; {} is {:.0f} % full", router.name, share * 100);
    where.push_back(std::move(router));
  }
  const size_t count = free.size();
  routers = std::move(free);
  std::ranges::move(loaded, std::back_inserter(routers));
  if (routers.empty()) routers = std::move(full);
  return count;
}

policy::RouterAnswer Server::pick_routers(const policy::RouterQuery& query, int64_t now_ms) {
  policy::RouterAnswer picked = policy::static_routers(topology_, query);
  const bool is_live = advisor_.mode_of(query.account) != policy::Mode::static_rules;
  const auto far_ms = [&](const policy::RouterChoice& router) { return rtt_ms(query.region, router.region, now_ms); };
  if (is_live && !picked.routers.empty()) {
    std::ranges::sort(picked.routers, {}, [&](const auto& router) { return std::pair(far_ms(router), router.name); });
    const policy::RouterChoice& nearest = picked.routers.front();
    picked.reason = fmt::format("nearest router of {}: {} at {:.0f} ms", query.region, nearest.region, far_ms(nearest));
  }
  const size_t free = guard(picked.routers, picked.reason, now_ms);
  if (is_live && free > 0) {
    if (last_routers_.size() >= last_routers_max) last_routers_.clear();
    std::string& last = last_routers_[{query.account, query.region}];
    const auto end = picked.routers.begin() + static_cast<std::ptrdiff_t>(free);
    const auto before = std::find_if(picked.routers.begin(), end, [&](const auto& each) { return each.name == last; });
    if (before != end && before != picked.routers.begin() &&
        far_ms(*before) <= far_ms(picked.routers.front()) + sticky_ms) {
      picked.reason += fmt::format("; {} as before", last);
      std::rotate(picked.routers.begin(), before, before + 1);
    }
    last = picked.routers.front().name;
  }
  remember(fmt::format("router for {}", query.region), picked.reason, now_ms);
  return picked;
}

}  // namespace nearend::policy_server
