#include "sip/headers.hpp"

#include <array>

#include "base/text.hpp"

namespace nearend::sip {
namespace {

struct Known {
  HeaderId id;
  std::string_view name;
  char compact = 0;
  bool is_list = false;
  bool is_single = false;
};

constexpr bool list = true;
constexpr bool single = true;

constexpr std::array known = std::to_array<Known>({
    {HeaderId::accept, "Accept", 0, list},
    {HeaderId::action, "Action", 0, list},
    {HeaderId::alert_info, "Alert-Info", 0, list},
    {HeaderId::allow, "Allow", 0, list},
    {HeaderId::allow_events, "Allow-Events", 'u', list},
    {HeaderId::authentication_info, "Authentication-Info"},
    {HeaderId::authorization, "Authorization"},
    {HeaderId::call_id, "Call-ID", 'i', !list, single},
    {HeaderId::call_info, "Call-Info", 0, list},
    {HeaderId::contact, "Contact", 'm', list},
    {HeaderId::content_disposition, "Content-Disposition", 0, !list, single},
    {HeaderId::content_encoding, "Content-Encoding", 'e', list},
    {HeaderId::content_language, "Content-Language", 0, list},
    {HeaderId::content_length, "Content-Length", 'l', !list, single},
    {HeaderId::content_type, "Content-Type", 'c', !list, single},
    {HeaderId::cseq, "CSeq", 0, !list, single},
    {HeaderId::date, "Date"},
    {HeaderId::diversion, "Diversion", 0, list},
    {HeaderId::event, "Event", 'o', !list, single},
    {HeaderId::expires, "Expires", 0, !list, single},
    {HeaderId::features, "Features", 0, list},
    {HeaderId::from, "From", 'f', !list, single},
    {HeaderId::geolocation, "Geolocation", 0, list},
    {HeaderId::history_info, "History-Info", 0, list},
    {HeaderId::identity, "Identity", 'y'},
    {HeaderId::identity_info, "Identity-Info", 'n'},
    {HeaderId::in_reply_to, "In-Reply-To", 0, list},
    {HeaderId::max_forwards, "Max-Forwards", 0, !list, single},
    {HeaderId::mime_version, "MIME-Version"},
    {HeaderId::min_expires, "Min-Expires", 0, !list, single},
    {HeaderId::min_se, "Min-SE", 0, !list, single},
    {HeaderId::organization, "Organization"},
    {HeaderId::p_asserted_identity, "P-Asserted-Identity", 0, list},
    {HeaderId::p_called_party_id, "P-Called-Party-ID"},
    {HeaderId::p_preferred_identity, "P-Preferred-Identity", 0, list},
    {HeaderId::path, "Path", 0, list},
    {HeaderId::priority, "Priority"},
    {HeaderId::privacy, "Privacy"},
    {HeaderId::proxy_authenticate, "Proxy-Authenticate"},
    {HeaderId::proxy_authorization, "Proxy-Authorization"},
    {HeaderId::proxy_require, "Proxy-Require", 0, list},
    {HeaderId::rack, "RAck", 0, !list, single},
    {HeaderId::reason, "Reason", 0, list},
    {HeaderId::record_route, "Record-Route", 0, list},
    {HeaderId::refer_to, "Refer-To", 'r', !list, single},
    {HeaderId::referred_by, "Referred-By", 'b', !list, single},
    {HeaderId::region, "Region"},
    {HeaderId::remote_party_id, "Remote-Party-ID", 0, list},
    {HeaderId::replaces, "Replaces", 0, !list, single},
    {HeaderId::require, "Require", 0, list},
    {HeaderId::retry_after, "Retry-After"},
    {HeaderId::route, "Route", 0, list},
    {HeaderId::rseq, "RSeq", 0, !list, single},
    {HeaderId::server, "Server"},
    {HeaderId::service_route, "Service-Route", 0, list},
    {HeaderId::session_expires, "Session-Expires", 'x', !list, single},
    {HeaderId::subject, "Subject", 's'},
    {HeaderId::subscription_state, "Subscription-State", 0, !list, single},
    {HeaderId::supported, "Supported", 'k', list},
    {HeaderId::timestamp, "Timestamp"},
    {HeaderId::to, "To", 't', !list, single},
    {HeaderId::unsupported, "Unsupported", 0, list},
    {HeaderId::user_agent, "User-Agent"},
    {HeaderId::via, "Via", 'v', list},
    {HeaderId::warning, "Warning", 0, list},
    {HeaderId::www_authenticate, "WWW-Authenticate"},
});

constexpr bool is_in_order() {
  for (size_t i = 0; i < known.size(); ++i)
    if (static_cast<size_t>(known[i].id) != i + 1) return false;
  return true;
}
static_assert(is_in_order(), "the table follows HeaderId, so that an id is an index");

constexpr size_t name_length_max = 20;

/// Positions in `known` by length of the name, so that a look-up compares with a few names only.
struct ByLength {
  std::array<uint8_t, name_length_max + 2> start{};
  std::array<uint8_t, known.size()> index{};
  constexpr ByLength() {
    uint8_t next = 0;
    for (size_t length = 0; length <= name_length_max; ++length) {
      start[length] = next;
      for (uint8_t i = 0; i < known.size(); ++i)
        if (known[i].name.size() == length) index[next++] = i;
    }
    start[name_length_max + 1] = next;
  }
};
constexpr ByLength by_length;
static_assert(by_length.start[name_length_max + 1] == known.size(), "name_length_max is the longest name's");

const Known* entry(HeaderId id) {
  return id == HeaderId::other ? nullptr : &known[static_cast<size_t>(id) - 1];
}

HeaderId compact_id(char letter) {
  const char lower = ascii_lower(letter);
  for (const Known& header : known)
    if (header.compact == lower) return header.id;
  return HeaderId::other;
}

constexpr std::array method_names =
    std::to_array<std::string_view>({"INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "INFO", "UPDATE", "PRACK", "REGISTER",
                                     "NOTIFY", "MESSAGE", "REFER", "SUBSCRIBE", "PUBLISH"});

struct Phrase {
  int status;
  std::string_view text;
};

constexpr std::array phrases = std::to_array<Phrase>({
    {100, "Trying"},
    {180, "Ringing"},
    {181, "Call Is Being Forwarded"},
    {182, "Queued"},
    {183, "Session Progress"},
    {199, "Early Dialog Terminated"},
    {200, "OK"},
    {202, "Accepted"},
    {204, "No Notification"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Moved Temporarily"},
    {305, "Use Proxy"},
    {380, "Alternative Service"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {410, "Gone"},
    {412, "Conditional Request Failed"},
    {413, "Request Entity Too Large"},
    {414, "Request-URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Unsupported URI Scheme"},
    {420, "Bad Extension"},
    {421, "Extension Required"},
    {422, "Session Interval Too Small"},
    {423, "Interval Too Brief"},
    {428, "Use Identity Header"},
    {429, "Provide Referrer Identity"},
    {433, "Anonymity Disallowed"},
    {436, "Bad Identity Info"},
    {437, "Unsupported Credential"},
    {438, "Invalid Identity Header"},
    {480, "Temporarily Unavailable"},
    {481, "Call/Transaction Does Not Exist"},
    {482, "Loop Detected"},
    {483, "Too Many Hops"},
    {484, "Address Incomplete"},
    {485, "Ambiguous"},
    {486, "Busy Here"},
    {487, "Request Terminated"},
    {488, "Not Acceptable Here"},
    {489, "Bad Event"},
    {491, "Request Pending"},
    {493, "Undecipherable"},
    {500, "Server Internal Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Server Time-out"},
    {505, "Version Not Supported"},
    {513, "Message Too Large"},
    {580, "Precondition Failure"},
    {600, "Busy Everywhere"},
    {603, "Decline"},
    {604, "Does Not Exist Anywhere"},
    {606, "Not Acceptable"},
    {607, "Unwanted"},
    {608, "Rejected"},
});

}  // namespace

std::string_view to_string(Method method) {
  return method == Method::other ? std::string_view{} : method_names[static_cast<size_t>(method)];
}

Method parse_method(std::string_view name) {
  for (size_t i = 0; i < method_names.size(); ++i)
    if (method_names[i] == name) return static_cast<Method>(i);
  return Method::other;
}

HeaderId header_id(std::string_view name) {
  if (name.size() == 1) return compact_id(name.front());
  if (name.size() > name_length_max) return HeaderId::other;
  for (size_t i = by_length.start[name.size()]; i < by_length.start[name.size() + 1]; ++i) {
    const Known& header = known[by_length.index[i]];
    if (equal_ignoring_case(header.name, name)) return header.id;
  }
  return HeaderId::other;
}

std::string_view header_name(HeaderId id) {
  const Known* header = entry(id);
  return header ? header->name : std::string_view{};
}

bool is_list(HeaderId id) {
  const Known* header = entry(id);
  return header && header->is_list;
}

bool is_single(HeaderId id) {
  const Known* header = entry(id);
  return header && header->is_single;
}

std::string_view reason_phrase(int status) {
  for (const Phrase& phrase : phrases)
    if (phrase.status == status) return phrase.text;
  switch (status / 100) {
    case 1:
      return "Progress";
    case 2:
      return "OK";
    case 3:
      return "Redirection";
    case 4:
      return "Request Failure";
    case 5:
      return "Server Failure";
    default:
      return "Global Failure";
  }
}

}  // namespace nearend::sip
