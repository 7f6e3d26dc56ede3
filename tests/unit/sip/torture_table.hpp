#pragma once

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
  refused,  ///< A problem with a status that is among `statuses`; answerable.
  dropped,  ///< A problem with a response, which is not answered.
};

/// What must come back over the wire from a user agent server that is no registrar. Both RFCs leave choices: every
/// status that their text allows is in the set.
enum class Outcome {
  answered,  ///< One of `statuses`, the final response; provisional ones may come before.
  accepted,  ///< Any final response but 400 (and 500, 505): the request is well formed and reaches the user agent.
  ignored,   ///< Nothing may come back.
};

struct Entry {
  std::string_view file;     ///< Below ../shared/data/sip-torture.
  std::string_view section;  ///< Of the RFC.
  Reading reading;
  Outcome outcome;
  std::vector<int> statuses;  ///< For refused and answered.
  std::string_view why;
  /// Over TCP and TLS, where it differs: a body that never comes is waited for, a length that is missing ends the
  /// connection.
  std::optional<Outcome> on_stream = {};
};

/// Every message of RFC 4475 and RFC 5118, as their texts judge it.
inline const std::vector<Entry>& table() {
  using enum Reading;
  using enum Outcome;
  static const std::vector<Entry> entries{
      {"rfc4475/wsinv.dat", "3.1.1.1", good, accepted, {}, "folds, blanks and compact names everywhere, all legal"},
      {"rfc4475/intmeth.dat", "3.1.1.2", good, answered, {405, 501}, "well formed; the method is unknown"},
      {"rfc4475/esc01.dat", "3.1.1.3", good, accepted, {}, "escapes in URIs"},
      {"rfc4475/escnull.dat", "3.1.1.4", good, accepted, {}, "escaped NULs in URIs"},
      {"rfc4475/esc02.dat",
       "3.1.1.5",
       good,
       answered,
       {405, 501},
       "a percent sign in a method or header name escapes nothing"},
      {"rfc4475/lwsdisp.dat", "3.1.1.6", good, accepted, {}, "no blank between display name and '<'"},
      {"rfc4475/longreq.dat", "3.1.1.7", good, accepted, {}, "long values in many fields"},
      {"rfc4475/dblreq.dat", "3.1.1.8", good, accepted, {}, "octets after the body of a datagram are dropped"},
      {"rfc4475/semiuri.dat", "3.1.1.9", good, accepted, {}, "a semicolon in the user part"},
      {"rfc4475/transports.dat", "3.1.1.10", good, accepted, {}, "Via with unknown transports"},
      {"rfc4475/mpart01.dat", "3.1.1.11", good, accepted, {}, "a multipart body with binary parts"},
      {"rfc4475/unreason.dat",
       "3.1.1.12",
       good,
       ignored,
       {},
       "a response with UTF-8 in its reason; belongs to nothing"},
      {"rfc4475/noreason.dat", "3.1.1.13", good, ignored, {}, "a response without reason; belongs to nothing"},

      {"rfc4475/badinv01.dat", "3.1.2.1", refused, answered, {400}, "separators without values in Via and Contact"},
      {"rfc4475/clerr.dat",
       "3.1.2.2",
       refused,
       answered,
       {400},
       "Content-Length is larger than the datagram; a stream waits",
       ignored},
      {"rfc4475/ncl.dat", "3.1.2.3", refused, answered, {400}, "negative Content-Length"},
      {"rfc4475/scalar02.dat", "3.1.2.4", refused, answered, {400}, "CSeq and others beyond their range"},
      {"rfc4475/scalarlg.dat", "3.1.2.5", dropped, ignored, {}, "a response with numbers beyond their range"},
      {"rfc4475/quotbal.dat", "3.1.2.6", refused, answered, {400}, "quotes of a display name are not closed"},
      {"rfc4475/ltgtruri.dat", "3.1.2.7", refused, answered, {400}, "Request-URI in angle brackets"},
      {"rfc4475/lwsruri.dat", "3.1.2.8", refused, answered, {400}, "a blank in the Request-URI"},
      {"rfc4475/lwsstart.dat",
       "3.1.2.9",
       refused,
       answered,
       {400},
       "two blanks in the request line; liberality is allowed"},
      {"rfc4475/trws.dat",
       "3.1.2.10",
       refused,
       answered,
       {400},
       "blanks at the end of the request line; liberality is allowed"},
      {"rfc4475/escruri.dat", "3.1.2.11", refused, answered, {400}, "headers in the Request-URI"},
      {"rfc4475/baddate.dat", "3.1.2.12", good, accepted, {}, "a Date that is not GMT, which we do not use"},
      {"rfc4475/regbadct.dat", "3.1.2.13", refused, answered, {400}, "a Contact with '?' outside of angle brackets"},
      {"rfc4475/badaspec.dat", "3.1.2.14", good, accepted, {}, "blanks inside angle brackets; ignored, as allowed"},
      {"rfc4475/baddn.dat", "3.1.2.15", refused, answered, {400}, "a display name with a comma but no quotes"},
      {"rfc4475/badvers.dat", "3.1.2.16", refused, answered, {505}, "SIP/7.0"},
      {"rfc4475/mismatch01.dat", "3.1.2.17", refused, answered, {400}, "CSeq names another method"},
      {"rfc4475/mismatch02.dat", "3.1.2.18", refused, answered, {400, 501}, "the same with an unknown method"},
      {"rfc4475/bigcode.dat", "3.1.2.19", dropped, ignored, {}, "a status code beyond 699"},

      {"rfc4475/badbranch.dat",
       "3.2.1",
       good,
       accepted,
       {},
       "a branch with nothing but the magic cookie: matched as in RFC 2543"},

      {"rfc4475/insuf.dat", "3.3.1", refused, answered, {400}, "no Call-ID, From and To; ideally 400"},
      {"rfc4475/unkscm.dat", "3.3.2", refused, answered, {416}, "an unknown scheme in the Request-URI"},
      {"rfc4475/novelsc.dat",
       "3.3.3",
       refused,
       answered,
       {416},
       "a known scheme that SIP does not use in the Request-URI"},
      {"rfc4475/unksm2.dat",
       "3.3.4",
       good,
       answered,
       {400, 403, 404, 405, 416, 501},
       "other schemes in To, From, Contact: must not break"},
      {"rfc4475/bext01.dat", "3.3.5", good, answered, {420}, "Require and Proxy-Require name what nobody supports"},
      {"rfc4475/invut.dat", "3.3.6", good, answered, {415}, "a body of an unknown type"},
      {"rfc4475/regaut01.dat", "3.3.7", good, answered, {401, 403, 405, 407, 501}, "an unknown authorization scheme"},
      {"rfc4475/multi01.dat", "3.3.8", refused, answered, {400}, "fields stand twice that may stand once"},
      {"rfc4475/mcl01.dat", "3.3.9", refused, answered, {400}, "two different Content-Length"},
      {"rfc4475/bcast.dat", "3.3.10", good, ignored, {}, "a response with a broadcast address in its second Via"},
      {"rfc4475/zeromf.dat", "3.3.11", good, accepted, {}, "Max-Forwards 0 does not matter to who it is for"},
      {"rfc4475/cparam01.dat",
       "3.3.12",
       good,
       accepted,
       {},
       "a Contact parameter without angle brackets is the field's"},
      {"rfc4475/cparam02.dat", "3.3.13", good, accepted, {}, "inside angle brackets it is the URI's"},
      {"rfc4475/regescrt.dat", "3.3.14", good, accepted, {}, "a Contact URI with an escaped Route header"},
      {"rfc4475/sdp01.dat",
       "3.3.15",
       good,
       answered,
       {200, 406, 488},
       "Accept does not list SDP: 406, or answered all the same"},
      {"rfc4475/inv2543.dat",
       "3.4.1",
       good,
       accepted,
       {400},
       "RFC 2543: no branch, no From tag, no Max-Forwards, no length",
       answered},

      {"rfc5118/ipv6-good.dat", "4.1", good, accepted, {}, "IPv6 references in Request-URI and Via"},
      {"rfc5118/ipv6-bad.dat", "4.2", refused, answered, {400}, "an IPv6 address without brackets in the Request-URI"},
      {"rfc5118/port-ambiguous.dat", "4.3", good, accepted, {}, "what looks like a port belongs to the address"},
      {"rfc5118/port-unambiguous.dat", "4.4", good, accepted, {}, "a port after the bracket"},
      {"rfc5118/via-received-param-with-delim.dat", "4.5", good, accepted, {}, "received with brackets"},
      {"rfc5118/via-received-param-no-delim.dat", "4.5", good, accepted, {}, "received without"},
      {"rfc5118/ipv6-in-sdp.dat", "4.6", good, accepted, {}, "IPv6 in the session description"},
      {"rfc5118/mult-ip-in-header.dat", "4.7", good, accepted, {}, "both families in Via"},
      {"rfc5118/mult-ip-in-sdp.dat", "4.8", good, accepted, {}, "both families in the session description"},
      {"rfc5118/ipv4-mapped-ipv6.dat", "4.9", good, accepted, {}, "IPv4-mapped addresses"},
      {"rfc5118/ipv6-bug-abnf-3-colons.dat",
       "4.10",
       good,
       accepted,
       {},
       "three colons, which RFC 3261's grammar let pass"},
      {"rfc5118/ipv6-correct-abnf-2-colons.dat", "4.10", good, accepted, {}, "the correct form of it"},
  };
  return entries;
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
