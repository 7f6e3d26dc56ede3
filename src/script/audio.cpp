#include "script/audio.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "script/attributes.hpp"
#include "script/ssml.hpp"
#include "script/url.hpp"

namespace nearend::script {
namespace {

using media::Source;

constexpr size_t sources_max = 1000;
constexpr uint32_t loop_max = 1000;
constexpr uint32_t pause_max_s = 14400;
constexpr size_t language_max = 35;
constexpr std::array<std::string_view, 3> voices{"man", "woman", "alice"};
constexpr std::array<std::string_view, 3> say_attributes{"voice", "language", "loop"};
constexpr std::array<std::string_view, 2> play_attributes{"loop", "digits"};
constexpr std::array<std::string_view, 1> pause_attributes{"length"};

uint32_t loop_of(const markup::Element& element, Notes& notes) {
  return std::min(attribute_number(element, "loop", 1, {}, notes), loop_max);
}

bool is_language(std::string_view text) {
  const auto is_tag_character = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
  };
  return text.size() >= 2 && text.size() <= language_max && std::ranges::all_of(text, is_tag_character);
}

/// A speech source without its text.
Source voice_of(const markup::Element& say, Notes& notes) {
  Source voice{.kind = Source::Kind::speech};
  if (std::string name = attribute_text(say, "voice"); !name.empty()) {
    if (std::ranges::find(voices, name) == voices.end())
      notes.warn_once(
          "voice " + name, say, code::schema,
          fmt::format("voice '{}' of <Say> is not there: the language's own voice is used", name.substr(0, 64)));
    voice.voice = std::move(name);
  }
  if (std::string language = attribute_text(say, "language"); !language.empty()) {
    if (is_language(language))
      voice.language = std::move(language);
    else
      notes.warn(say, code::schema,
                 fmt::format("language of <Say> is '{}' but must be a language tag like en-US; en-US is used",
                             language.substr(0, 64)));
  }
  return voice;
}

/// `loop` rounds of the sources; 0 is until hang-up or 1000 rounds. A single source carries the count itself.
std::vector<Source> looped(std::vector<Source> sources, uint32_t loop) {
  if (sources.size() == 1) {
    sources.front().loop = loop;
    return sources;
  }
  const size_t round = sources.size();
  if (round == 0) return sources;
  const size_t rounds = std::min<size_t>(loop == 0 ? sources_max : loop, std::max<size_t>(1, sources_max / round));
  sources.reserve(round * rounds);
  for (size_t i = 1; i < rounds; ++i)
    sources.insert(sources.end(), sources.begin(), sources.begin() + static_cast<long>(round));
  return sources;
}

}  // namespace

bool is_audio(const markup::Element& element) {
  return element.name == "Say" || element.name == "Play" || element.name == "Pause";
}

std::vector<Source> say_sources(const markup::Element& say, Notes& notes) {
  check_attributes(say, say_attributes, {}, notes);
  const Source voice = voice_of(say, notes);
  const uint32_t loop = loop_of(say, notes);
  std::vector<Source> sources = spoken_sources(say, voice, notes);
  if (sources.empty()) notes.warn(say, code::schema, "<Say> has no text and is skipped");
  return looped(std::move(sources), loop);
}

std::vector<Source> play_sources(const markup::Element& play, std::string_view base, bool is_in_gather, Notes& notes) {
  check_attributes(play, play_attributes, {}, notes);
  check_no_children(play, notes);
  const uint32_t loop = loop_of(play, notes);
  const std::string digits = attribute_digits(play, "digits", dtmf_with_waits, "", notes);
  if (!digits.empty() && is_in_gather)
    notes.warn(play, code::schema, "digits of <Play> is not allowed inside <Gather> and is ignored");
  else if (!digits.empty())
    return looped({Source{.kind = Source::Kind::digits, .value = digits}}, loop);
  const std::string text = inner_text(play);
  if (text.empty()) {
    notes.warn(play, code::schema, "<Play> has neither a URL nor digits and is skipped");
    return {};
  }
  auto url = resolve_url(base, text);
  if (!url) {
    notes.warn(play, code::invalid_url, "URL of <Play>: " + url.error().text);
    return {};
  }
  return looped({Source{.kind = Source::Kind::url, .value = std::move(*url)}}, loop);
}

std::vector<Source> pause_sources(const markup::Element& pause, Notes& notes) {
  check_attributes(pause, pause_attributes, {}, notes);
  check_no_children(pause, notes);
  check_no_text(pause, notes);
  const auto length = attribute_seconds(pause, "length", 1, {1, pause_max_s}, notes);
  return {Source{.kind = Source::Kind::silence, .length = length}};
}

std::vector<Source> audio_sources(const markup::Element& element, std::string_view base, bool is_in_gather,
                                  Notes& notes) {
  if (element.name == "Say") return say_sources(element, notes);
  if (element.name == "Play") return play_sources(element, base, is_in_gather, notes);
  return pause_sources(element, notes);
}

}  // namespace nearend::script
