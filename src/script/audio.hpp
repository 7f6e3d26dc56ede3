#pragma once

#include <string_view>
#include <vector>

#include "media/control.hpp"
#include "script/notes.hpp"

namespace nearend::script {

/// What is heard when a Say, Play or Pause element runs, as sources for a player. One that cannot be heard at all (no
/// text, no valid URL) gives none and a warning. Loops of several sources are written out, 1000 sources at most.
/// `base` is the document's URL; digits are not allowed inside a Gather.
std::vector<media::Source> say_sources(const markup::Element& say, Notes& notes);
std::vector<media::Source> play_sources(const markup::Element& play, std::string_view base, bool is_in_gather,
                                        Notes& notes);
std::vector<media::Source> pause_sources(const markup::Element& pause, Notes& notes);

bool is_audio(const markup::Element& element);
std::vector<media::Source> audio_sources(const markup::Element& element, std::string_view base, bool is_in_gather,
                                         Notes& notes);

}  // namespace nearend::script
