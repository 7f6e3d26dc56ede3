#pragma once

#include <array>
#include <chrono>
#include <string_view>

#include "script/parameters.hpp"
#include "script/script.hpp"

namespace nearend::script {

inline constexpr std::array<std::string_view, 2> trims{"trim-silence", "do-not-trim"};
inline constexpr std::array<std::string_view, 3> recording_events{"in-progress", "completed", "absent"};

/// Warns of what is wrong with an element's recordingStatusCallback attributes.
void check_recording_callback(const markup::Element& element, Notes& notes);

/// Sends the event to the element's recordingStatusCallback, when it has one and wants that event.
void tell_recording(Script& script, const markup::Element& element, RecordingFacts facts, std::string_view event);

/// Rounded up, so that a recording that holds something never counts as empty.
std::chrono::seconds whole_seconds(std::chrono::milliseconds length);

}  // namespace nearend::script
