#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "policy/advisor.hpp"

namespace nearend::policy_server {

/// A gateway that a new call may come to.
struct FirstHopPick {
  policy::GatewayId gateway = policy::no_gateway;
  uint16_t rank = 0;  ///< Of its region by nearness: 0 is the nearest.
  double room = 0;    ///< Calls that it can still take, at least 1.
};

/// Which gateways a call from an area comes to first: those of the nearest regions that are open and not full, by what
/// the advisor believes of ways and loads. If none is, the least bad: full ones, then those that drain, then silent
/// ones; in the order of `from`. Of an area that is not known, near is what is near to `home`. Nothing only when `from`
/// is empty. Advisor's thread.
std::vector<FirstHopPick> first_hops(const policy::Advisor& advisor, std::span<const policy::GatewayId> from,
                                     policy::AreaId area, policy::RegionId home, int64_t now_ms);

/// `count` of them, the nearer regions' first; within a region by chance, as their room is. The order is theirs.
std::vector<FirstHopPick> drawn(std::span<const FirstHopPick> picks, size_t count, uint64_t random);

}  // namespace nearend::policy_server
