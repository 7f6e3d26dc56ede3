#pragma once

#include <vector>

#include "script/script.hpp"

namespace nearend::script {

/// What Say and Play have in common: answers, leaves out what the gateway has played already, plays the rest. A source
/// that fails is a warning; the next verb runs.
Task<Next> play_to_caller(Script& script, const markup::Element& element, std::vector<media::Source> sources);

}  // namespace nearend::script
