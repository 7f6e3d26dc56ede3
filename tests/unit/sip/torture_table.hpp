#pragma once

#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nearend::sip::torture {

/// What the parser must make of a message.
enum class Reading {
  good,     ///< Parsed without a problem.
  refused,  ///< A problem with the status of the first answer; answerable.
  dropped,  ///< A problem with a response, which is not answered.
};

/// One final response, and a field that it must have; with a value, exactly that one.
struct Answer {
  int status = 0;
  std::string_view field = {};
  std::string_view value = {};
};

/// All final responses that come back, in order; nothing else may.
struct Outcome {
  std::vector<Answer> answers;
  bool is_closed = false;  ///< The connection ends after it.
};

/// A message, what its RFC asks of a user agent server that is no registrar, and which of the answers that it allows
/// we give. The peer of the test answers calls and OPTIONS with 200 and anything else outside dialogs with 405.
struct Entry {
  std::string_view file;     ///< Below ../shared/data/sip-torture.
  std::string_view section;  ///< Of the RFC.
  Reading reading;
  std::string_view asked;
  Outcome udp;
  std::optional<Outcome> tcp = {};  ///< Where a stream differs.
};

/// Every message of RFC 4475 and RFC 5118. docs/sip-torture.md has a row for each; a test compares.
inline const std::vector<Entry>& table() {
  using enum Reading;
  static const Outcome silence{};
  static const Outcome taken{{{200}}};
  static const Outcome malformed{{{400}}};
  static const Outcome malformed_and_closed{{{400}}, true};
  static const Outcome no_dialog{{{481}}};
  static const Outcome no_such_method{{{501, "Allow"}}};
  static const Outcome not_allowed{{{405, "Allow"}}};
  static const Outcome no_such_scheme{{{416}}};
  static const std::vector<Entry> entries{
      {"rfc4475/wsinv.dat", "3.1.1.1", good, "taken as well formed; its To tag names a call that is not here",
       no_dialog},
      {"rfc4475/intmeth.dat", "3.1.1.2", good, "501 with the methods that are understood", no_such_method},
      {"rfc4475/esc01.dat", "3.1.1.3", good, "taken; escapes are undone once and only in URIs", taken},
      {"rfc4475/escnull.dat", "3.1.1.4", good, "taken as well formed; 405 from who is no registrar", not_allowed},
      {"rfc4475/esc02.dat", "3.1.1.5", good, "501: a percent sign escapes nothing in a method", no_such_method},
      {"rfc4475/lwsdisp.dat", "3.1.1.6", good, "taken, though no blank stands before `<`", taken},
      {"rfc4475/longreq.dat", "3.1.1.7", good, "taken; long and many values", taken},
      {"rfc4475/dblreq.dat", "3.1.1.8", good,
       "what follows the body is ignored, but is a message of its own in a stream (here without the Contact it owes)",
       not_allowed, Outcome{{{405, "Allow"}, {400}}}},
      {"rfc4475/semiuri.dat", "3.1.1.9", good, "taken; the semicolon belongs to the user part", taken},
      {"rfc4475/transports.dat", "3.1.1.10", good, "taken, whatever the lower Via fields name", taken},
      {"rfc4475/mpart01.dat", "3.1.1.11", good, "taken as well formed; what the agent does with MESSAGE is its own",
       not_allowed},
      {"rfc4475/unreason.dat", "3.1.1.12", good, "read; it answers nothing of ours", silence},
      {"rfc4475/noreason.dat", "3.1.1.13", good, "read; it answers nothing of ours", silence},

      {"rfc4475/badinv01.dat", "3.1.2.1", refused, "400", malformed},
      {"rfc4475/clerr.dat", "3.1.2.2", refused, "400; on a stream wait for the rest, then close", malformed,
       malformed_and_closed},
      {"rfc4475/ncl.dat", "3.1.2.3", refused, "an error; a stream cannot go on and is closed", malformed,
       malformed_and_closed},
      {"rfc4475/scalar02.dat", "3.1.2.4", refused, "400 for the CSeq", malformed},
      {"rfc4475/scalarlg.dat", "3.1.2.5", dropped, "dropped", silence},
      {"rfc4475/quotbal.dat", "3.1.2.6", refused, "400", malformed},
      {"rfc4475/ltgtruri.dat", "3.1.2.7", refused, "400, or the brackets are overlooked", malformed},
      {"rfc4475/lwsruri.dat", "3.1.2.8", refused, "400, or the blank is overlooked", malformed},
      {"rfc4475/lwsstart.dat", "3.1.2.9", refused, "400, or the blanks are overlooked", malformed},
      {"rfc4475/trws.dat", "3.1.2.10", refused, "400, or the blanks are overlooked", malformed},
      {"rfc4475/escruri.dat", "3.1.2.11", refused, "400, or the headers are overlooked; never used", malformed},
      {"rfc4475/baddate.dat", "3.1.2.12", good, "overlooked by who does not use Date", taken},
      {"rfc4475/regbadct.dat", "3.1.2.13", refused, "400, or brackets are inferred", malformed},
      {"rfc4475/badaspec.dat", "3.1.2.14", good, "400, or the blanks are overlooked", taken},
      {"rfc4475/baddn.dat", "3.1.2.15", refused, "400, or quotes are inferred", malformed},
      {"rfc4475/badvers.dat", "3.1.2.16", refused, "505", Outcome{{{505}}}},
      {"rfc4475/mismatch01.dat", "3.1.2.17", refused, "400", malformed},
      {"rfc4475/mismatch02.dat", "3.1.2.18", refused, "501 rather than 400", no_such_method},
      {"rfc4475/bigcode.dat", "3.1.2.19", dropped, "dropped", silence},

      {"rfc4475/badbranch.dat", "3.2.1", good, "400, or matched as RFC 2543 does", taken},

      {"rfc4475/insuf.dat", "3.3.1", refused, "ideally 400", malformed},
      {"rfc4475/unkscm.dat", "3.3.2", refused, "416", no_such_scheme},
      {"rfc4475/novelsc.dat", "3.3.3", refused, "416 from who never takes that scheme", no_such_scheme},
      {"rfc4475/unksm2.dat", "3.3.4", good, "parsed; 405 from who is no registrar (400 from a registrar)", not_allowed},
      {"rfc4475/bext01.dat", "3.3.5", good, "420 that lists what Require names; Proxy-Require is for proxies",
       Outcome{{{420, "Unsupported", "nothingSupportsThis, nothingSupportsThisEither"}}}},
      {"rfc4475/invut.dat", "3.3.6", good, "415 with the types that are understood",
       Outcome{{{415, "Accept", "application/sdp"}}}},
      {"rfc4475/regaut01.dat", "3.3.7", good, "405 from who is no registrar", not_allowed},
      {"rfc4475/multi01.dat", "3.3.8", refused, "400", malformed},
      {"rfc4475/mcl01.dat", "3.3.9", refused, "an error; a stream cannot go on and is closed", malformed,
       malformed_and_closed},
      {"rfc4475/bcast.dat", "3.3.10", good, "dropped by an endpoint", silence},
      {"rfc4475/zeromf.dat", "3.3.11", good, "an endpoint takes it as if it were not zero", taken},
      {"rfc4475/cparam01.dat", "3.3.12", good,
       "parameters outside brackets are the field's; 405 from who is no registrar", not_allowed},
      {"rfc4475/cparam02.dat", "3.3.13", good, "inside brackets they are the URI's; 405 from who is no registrar",
       not_allowed},
      {"rfc4475/regescrt.dat", "3.3.14", good, "parsed, its Route never used; 405 from who is no registrar",
       not_allowed},
      {"rfc4475/sdp01.dat", "3.3.15", good, "406 (or 400): no answer may hold SDP", Outcome{{{406, "Warning"}}}},
      {"rfc4475/inv2543.dat", "3.4.1", good, "taken for old peers' sake; a stream needs Content-Length", taken,
       malformed_and_closed},

      {"rfc5118/ipv6-good.dat", "4.1", good, "taken as well formed; 405 from who is no registrar", not_allowed},
      {"rfc5118/ipv6-bad.dat", "4.2", refused, "400", malformed},
      {"rfc5118/port-ambiguous.dat", "4.3", good, "the last group is part of the address; 405 from who is no registrar",
       not_allowed},
      {"rfc5118/port-unambiguous.dat", "4.4", good, "taken, with a port; 405 from who is no registrar", not_allowed},
      {"rfc5118/via-received-param-with-delim.dat", "4.5", good, "must be read; its call is not here", no_dialog},
      {"rfc5118/via-received-param-no-delim.dat", "4.5", good, "must be read", taken},
      {"rfc5118/ipv6-in-sdp.dat", "4.6", good, "taken", taken},
      {"rfc5118/mult-ip-in-header.dat", "4.7", good, "must be read; its call is not here", no_dialog},
      {"rfc5118/mult-ip-in-sdp.dat", "4.8", good, "taken", taken},
      {"rfc5118/ipv4-mapped-ipv6.dat", "4.9", good, "taken", taken},
      {"rfc5118/ipv6-bug-abnf-3-colons.dat", "4.10", good, "must be borne, never written", taken},
      {"rfc5118/ipv6-correct-abnf-2-colons.dat", "4.10", good, "taken", taken},
  };
  return entries;
}

/// The outcome as docs/sip-torture.md words it.
inline std::string in_words(const Outcome& outcome) {
  std::string words;
  for (const Answer& answer : outcome.answers) {
    words += fmt::format("{}{}", words.empty() ? "" : " and ", answer.status);
    if (!answer.field.empty()) words += fmt::format(" with `{}`", answer.field);
  }
  if (words.empty()) words = "nothing";
  return outcome.is_closed ? words + ", closed" : words;
}

/// The message's row in docs/sip-torture.md.
inline std::string row(const Entry& entry) {
  const std::string_view name = entry.file.substr(entry.file.find('/') + 1);
  return fmt::format("| `{}` | {} | {} | {} | {} |", name.substr(0, name.find(".dat")), entry.section, entry.asked,
                     in_words(entry.udp), in_words(entry.tcp.value_or(entry.udp)));
}

/// The folder of the messages, or nothing (the caller says so loudly) where it is not at hand.
inline std::optional<std::string> folder() {
  std::string path = NEAREND_SOURCE_DIR "/../shared/data/sip-torture/";
  if (!std::ifstream(path + "rfc4475/wsinv.dat")) return std::nullopt;
  return path;
}

inline std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace nearend::sip::torture
