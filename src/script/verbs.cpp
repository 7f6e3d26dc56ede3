#include "script/verbs.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "script/attributes.hpp"
#include "script/audio.hpp"
#include "script/verbs/all.hpp"

namespace nearend::script {
namespace {

constexpr size_t name_shown_max = 64;

constexpr std::array<Verb, 9> verbs{{
    {"Dial", check_dial, need_dial, run_dial},
    {"Gather", check_gather, need_gather, run_gather, false, true},
    {"Hangup", check_hangup, need_nothing, run_hangup, true, true},
    {"Pause", check_audio, need_nothing, run_pause, false, true},
    {"Play", check_audio, need_play, run_play, false, true},
    {"Record", check_record, need_record, run_record},
    {"Redirect", check_redirect, need_nothing, run_redirect, true, true},
    {"Reject", check_reject, need_nothing, run_reject, true},
    {"Say", check_audio, need_say, run_say, false, true},
}};

/// Of the language, but not ours yet.
constexpr std::array<std::string_view, 13> later{"Connect", "Echo",   "Enqueue",     "Leave", "Message",
                                                 "Pay",     "Prompt", "Queue",       "Refer", "Sms",
                                                 "Start",   "Stop",   "VirtualAgent"};

std::vector<std::string_view> verb_names(Dialect dialect) {
  std::vector<std::string_view> names;
  for (const Verb& verb : verbs)
    if (dialect == Dialect::voice || verb.is_in_screen) names.push_back(verb.name);
  return names;
}

std::string explain_unknown(std::string_view name, Dialect dialect) {
  const std::vector<std::string_view> known = verb_names(dialect);
  const std::string shown(name.substr(0, name_shown_max));
  if (std::ranges::find(later, name) != later.end())
    return fmt::format("<{}> is not supported yet; the next verb is run", shown);
  if (dialect == Dialect::screen && find_verb(name, Dialect::voice))
    return fmt::format("<{}> cannot run on a called party before it is connected; the next verb is run", shown);
  const std::string_view nearest = nearest_name(name, known);
  const std::string hint = nearest.empty() ? "known are " + joined(known) : fmt::format("did you mean <{}>?", nearest);
  return fmt::format("there is no verb <{}>: {}", shown, hint);
}

}  // namespace

const Verb* find_verb(std::string_view name, Dialect dialect) {
  const auto found = std::ranges::find(verbs, name, &Verb::name);
  if (found == verbs.end() || (dialect == Dialect::screen && !found->is_in_screen)) return nullptr;
  return &*found;
}

void check_document(const Document& document, Dialect dialect, Notes& notes) {
  check_attributes(document.root, {}, {}, notes);
  check_no_text(document.root, notes);
  for (const markup::Element& child : document.root.children) {
    if (child.is_text()) continue;
    if (const Verb* verb = find_verb(child.name, dialect))
      verb->check(child, document.url, notes);
    else
      notes.warn(child, code::schema, explain_unknown(child.name, dialect));
  }
}

MediaNeed need_of(const Document& document, Dialect dialect) {
  MediaNeed need;
  const markup::Element* element = nullptr;
  for (size_t at = 0; (element = document.verb(at)) != nullptr; ++at) {
    const Verb* verb = find_verb(element->name, dialect);
    if (!verb) continue;
    VerbNeed one{.at = at, .verb = element->name};
    verb->need(*element, one.needs);
    need.is_media_needed = need.is_media_needed || !one.needs.empty();
    need.verbs.push_back(std::move(one));
    if (verb->is_last) break;
  }
  return need;
}

call::Continuation continuation_after(const Document& document, size_t dial) {
  call::Continuation continuation;
  const markup::Element* element = document.verb(dial);
  if (!element || !attribute_text(*element, "action").empty()) return continuation;
  Notes silent;
  for (size_t at = dial + 1; (element = document.verb(at)) != nullptr; ++at) {
    if (element->name != "Say" && element->name != "Play") break;
    for (media::Source& source : audio_sources(*element, document.url, false, silent))
      continuation.sources.push_back(std::move(source));
  }
  continuation.is_hangup_after = !element || element->name == "Hangup";
  if (!continuation.sources.empty())
    continuation.kind = call::Continuation::Kind::play;
  else if (continuation.is_hangup_after)
    continuation.kind = call::Continuation::Kind::hangup;
  return continuation;
}

}  // namespace nearend::script
