#pragma once

#include "config/section.hpp"
#include "media/node.hpp"

namespace nearend::media {

/// The keys of table [media].
void describe(config::Section& section, NodeSettings& node);

}  // namespace nearend::media
