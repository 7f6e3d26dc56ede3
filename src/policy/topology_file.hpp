#pragma once

#include "config/section.hpp"
#include "policy/policy.hpp"

namespace nearend::policy {

/// The keys of a topology file, which every role of a platform reads.
void describe(config::Section& section, GatewayEntry& gateway);
void describe(config::Section& section, RouterEntry& router);
void describe(config::Section& section, Topology::Rtt& rtt);
void describe(config::Section& section, Topology::Region& region);
void describe(config::Section& section, Topology::Area& area);
void describe(config::Section& section, Topology& topology);

/// Names must be there and differ, regions be there, links be SIP URIs. The error begins with the key.
Result<void> checked(const Topology& topology);

}  // namespace nearend::policy
