#pragma once

#include "config/section.hpp"
#include "media/node_settings.hpp"

namespace nearend::media {

/// The keys of table [media].
void describe(config::Section& section, NodeSettings& node);

}  // namespace nearend::media
