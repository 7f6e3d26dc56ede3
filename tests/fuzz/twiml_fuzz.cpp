// links: script
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "script/position.hpp"
#include "script/verbs.hpp"

/// Whatever an application answers is a document or an error with a number, and reading it never fails otherwise.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nearend;
  using namespace nearend::script;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static constexpr std::string_view types[] = {"text/xml", "text/plain", "audio/wav", "text/html; charset=utf-8"};
  const auto document = read_document("http://app.test/voice?q", types[size % 4], text);
  if (!document) {
    if (document.error().code == 0 || document.error().text.empty()) abort();
    return 0;
  }
  for (const Dialect dialect : {Dialect::voice, Dialect::screen}) {
    size_t warnings = 0;
    Notes notes([&warnings](int code, std::string words) {
      if (code == 0 || !words.starts_with("line ")) abort();
      ++warnings;
    });
    check_document(*document, dialect, notes);
    need_of(*document, dialect);
  }
  for (size_t at = 0; at < 4; ++at) continuation_after(*document, at);
  // The capsule keeps the text: another router must read the same verbs from it.
  const auto again = read_twiml(document->url, document->text);
  if (!again || markup::to_xml(again->root) != markup::to_xml(document->root)) abort();
  const auto state = parse_verb_state(text);
  if (state && !parse_verb_state(verb_state_text(*state))) abort();
  return 0;
}
