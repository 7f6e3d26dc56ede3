#pragma once

#include <cstdint>
#include <string_view>

namespace nearend::sip {

/// Methods we know. Anything else is `other`; Message::method_name() has its spelling. Methods compare with case (RFC
/// 3261 7.1).
enum class Method : uint8_t {
  invite,
  ack,
  bye,
  cancel,
  options,
  info,
  update,
  prack,
  register_,
  notify,
  message,
  refer,
  subscribe,
  publish,
  other
};
std::string_view to_string(Method method);  ///< "INVITE"; "" for other.
Method parse_method(std::string_view name);

/// Header fields known by number; `other` for the rest, which are found by name.
enum class HeaderId : uint8_t {
  other,
  accept,
  action,
  alert_info,
  allow,
  allow_events,
  authentication_info,
  authorization,
  call_id,
  call_info,
  contact,
  content_disposition,
  content_encoding,
  content_language,
  content_length,
  content_type,
  cseq,
  date,
  diversion,
  event,
  expires,
  features,
  from,
  geolocation,
  history_info,
  identity,
  identity_info,
  in_reply_to,
  max_forwards,
  mime_version,
  min_expires,
  min_se,
  organization,
  p_asserted_identity,
  p_called_party_id,
  p_preferred_identity,
  path,
  priority,
  privacy,
  proxy_authenticate,
  proxy_authorization,
  proxy_require,
  rack,
  reason,
  record_route,
  refer_to,
  referred_by,
  region,
  remote_party_id,
  replaces,
  require,
  retry_after,
  route,
  rseq,
  server,
  service_route,
  session_expires,
  subject,
  subscription_state,
  supported,
  timestamp,
  to,
  unsupported,
  user_agent,
  via,
  warning,
  www_authenticate,
};

/// By full or compact name, without case.
HeaderId header_id(std::string_view name);
/// The usual spelling, "Call-ID"; "" for other.
std::string_view header_name(HeaderId id);
/// True for fields whose commas part values that may as well stand in fields of their own (RFC 3261 7.3.1). The
/// authentication fields, Subject, Date and the like are not lists.
bool is_list(HeaderId id);
/// True for fields that may stand only once in a message.
bool is_single(HeaderId id);

/// The usual phrase for a status, "Busy Here"; for unknown codes the phrase of the class.
std::string_view reason_phrase(int status);

}  // namespace nearend::sip
