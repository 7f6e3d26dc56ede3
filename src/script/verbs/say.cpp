#include "script/audio.hpp"
#include "script/verbs/all.hpp"
#include "script/verbs/play_sources.hpp"

namespace nearend::script {

void check_audio(const markup::Element& element, std::string_view base, Notes& notes) {
  audio_sources(element, base, false, notes);
}

void need_say(const markup::Element& element, std::vector<std::string>& needs) {
  Notes silent;
  if (!say_sources(element, silent).empty()) needs.insert(needs.end(), {"play", "tts"});
}

Task<Next> run_say(Script& script, const markup::Element& element) {
  Notes silent;
  return play_to_caller(script, element, say_sources(element, silent));
}

}  // namespace nearend::script
