#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "script/script.hpp"

namespace nearend::script {

/// One verb of the language: how it is checked before anything runs, which media it needs, and how it runs.
/// To add one: a file under verbs/, and a line in the table of verbs.cpp.
struct Verb {
  std::string_view name;
  /// Warns of all that is wrong with the element; `base` is the document's URL.
  void (*check)(const markup::Element& element, std::string_view base, Notes& notes);
  /// Adds the media resources it needs ("play", "tts", "record", "collect", "bridge"), as in media::AllocateRequest.
  void (*need)(const markup::Element& element, std::vector<std::string>& needs);
  Task<Next> (*run)(Script& script, const markup::Element& element);
  bool is_last = false;       ///< Nothing after it in the document is reached.
  bool is_in_screen = false;  ///< Also in Dialect::screen.
};

/// The verb of that name, or null.
const Verb* find_verb(std::string_view name, Dialect dialect);

/// Warns of all that is wrong in a document: every verb's own checks, unknown verbs with the nearest spelling, verbs
/// that exist but are not supported, text between verbs.
void check_document(const Document& document, Dialect dialect, Notes& notes);

/// What one verb of a document needs.
struct VerbNeed {
  size_t at = 0;
  std::string verb;
  std::vector<std::string> needs;
};
/// The media that a document needs, read off it before the call is answered (F1.5).
struct MediaNeed {
  std::vector<VerbNeed> verbs;   ///< Those that are reached unless an action leads away, in order.
  bool is_media_needed = false;  ///< False: no media is opened anywhere (Reject, Redirect, Hangup, Message).
};
MediaNeed need_of(const Document& document, Dialect dialect = Dialect::voice);

/// What the gateway can do by itself when a Dial at `dial` is over: Say and Play up to the next other verb, and whether
/// the call ends then. None when the Dial has an action.
call::Continuation continuation_after(const Document& document, size_t dial);

}  // namespace nearend::script
