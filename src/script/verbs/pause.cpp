#include "script/audio.hpp"
#include "script/verbs/all.hpp"

namespace nearend::script {

/// Before the call is answered a Pause lets it ring on for that long; it never answers by itself.
Task<Next> run_pause(Script& script, const markup::Element& element) {
  Notes silent;
  const media::milliseconds length = pause_sources(element, silent).front().length;
  script.sources_played = 0;
  const call::PlayResult result = co_await script.control.pause(length);
  co_return result.is_caller_gone ? Next::end() : Next::verb();
}

}  // namespace nearend::script
