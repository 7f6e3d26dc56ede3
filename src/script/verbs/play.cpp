#include "script/audio.hpp"
#include "script/verbs/all.hpp"
#include "script/verbs/play_sources.hpp"

namespace nearend::script {

Task<Next> play_to_caller(Script& script, const markup::Element& element, std::vector<media::Source> sources) {
  const size_t played = std::min(script.sources_played, sources.size());
  script.sources_played -= played;
  sources.erase(sources.begin(), sources.begin() + static_cast<long>(played));
  if (sources.empty()) co_return Next::verb();
  const bool is_up = co_await script.answer();
  if (!is_up) co_return Next::end();
  media::PlayRequest request{.sources = std::move(sources)};
  const call::PlayResult result = co_await script.control.play(std::move(request));
  if (result.is_caller_gone) co_return Next::end();
  if (result.error)
    script.note(code::play_failed, fmt::format("line {}, column {}: <{}> was not heard: {}", element.line,
                                               element.column, element.name, result.error->text));
  co_return Next::verb();
}

void need_play(const markup::Element& element, std::vector<std::string>& needs) {
  // Any base will do here: what counts is whether something is played at all.
  Notes silent;
  if (!play_sources(element, "http://localhost/", false, silent).empty()) needs.emplace_back("play");
}

Task<Next> run_play(Script& script, const markup::Element& element) {
  Notes silent;
  return play_to_caller(script, element, play_sources(element, script.document->url, false, silent));
}

}  // namespace nearend::script
