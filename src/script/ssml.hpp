#pragma once

#include <vector>

#include "media/control.hpp"
#include "script/notes.hpp"

namespace nearend::script {

/// The sources of a Say: its text, parted where SSML asks for a pause. Honoured: break, p, s, sub, and say-as for what
/// is spelled out. Of every other element the text is read and one warning says that its effect is missing.
std::vector<media::Source> spoken_sources(const markup::Element& say, const media::Source& voice, Notes& notes);

}  // namespace nearend::script
