#pragma once

#include <vector>

#include "base/json.hpp"
#include "media/control.hpp"

namespace nearend::media {

/// The streams of a leg as an operator reads them (docs/gateway-api.md): the figures, and what they mean for who
/// listens.
json::array report_of(const std::vector<StreamStats>& stats);

}  // namespace nearend::media
