#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "media/control.hpp"

namespace nearend::gateway {

/// What of `features` (Settings::features) the region can offer at this moment: without those for which the media node
/// has no capability, or no room left. A node that states nothing is believed to have all.
std::vector<std::string> offered_features(const std::vector<std::string>& features, const media::NodeState& node);

}  // namespace nearend::gateway
