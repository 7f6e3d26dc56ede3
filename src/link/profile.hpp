#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "media/control.hpp"
#include "sip/message.hpp"
#include "sip/stack.hpp"

namespace nearend::link {

/// The dialect that gateways and routers speak over SIP; docs/sip-profile.md is its description. Pure functions, any
/// thread.

/// A token with parameters, as in `arm;peer=LG2;gateway="sip:198.51.100.7:5070"`. Values that are no token are quoted.
struct Item {
  std::string name;
  std::vector<std::pair<std::string, std::string>> parameters;
  std::string_view parameter(std::string_view key) const;  ///< Empty when absent.
  bool has(std::string_view key) const;
  std::string to_string() const;
};
/// A comma-separated list of items: the values of Action and Features.
Result<std::vector<Item>> parse_items(std::string_view value);
std::string to_string(const std::vector<Item>& items);

/// A zone path, most general part first: "eu/ie1". Parts are tokens of letters, digits and '-'.
struct Region {
  std::string path;
  std::string_view zone() const;  ///< "eu"
  auto operator<=>(const Region&) const = default;
};
Result<Region> parse_region(std::string_view value);

/// Whom a message is about: the Call header, `CA…;account=AC…;leg=LG…;epoch=3`. Every platform message carries it, so
/// that any router can take the call.
struct CallContext {
  std::string call_sid, account_sid, leg;
  std::string parent_leg;  ///< The leg that had this one dialled.
  uint64_t epoch = 0;      ///< Of the router that owns the call; an older one is refused with 412.
};
Result<CallContext> parse_context(std::string_view value);
std::string to_string(const CallContext& context);

/// All platform headers of one message.
struct Headers {
  Region region;
  CallContext context;
  std::vector<Item> actions;
  std::vector<Item> features;
  const Item* action(std::string_view name) const;
  const Item* feature(std::string_view name) const;
};
/// Errors name the header and what would be right. Region and Call are required, Action and Features may be absent.
Result<Headers> read_headers(const sip::Message& message);
sip::ExtraHeaders to_sip(const Headers& headers);
/// Takes Region, Call, Action, Features and Platform-Signature out of a message of an outsider, after parsing (threat
/// TH11). Gives how many were there.
size_t strip_platform_headers(sip::Message& message);

/// Platform-Signature: `t=<unix seconds>;h=<hex HMAC-SHA256>` over the method (of a response: that of its request), the
/// platform headers and the body, where peers share a key instead of mutual TLS. `verify` accepts clocks 120 s apart.
std::string sign(std::string_view key, std::string_view method, const sip::ExtraHeaders& platform_headers,
                 std::string_view body, int64_t unix_seconds);
/// The platform headers of one message, with the signature when there is a key. Ready to be given to sip::Stack.
sip::ExtraHeaders signed_headers(const Headers& headers, std::string_view key, sip::Method method,
                                 std::string_view body, int64_t unix_seconds);
Result<void> verify(std::string_view key, const sip::Message& message, int64_t unix_seconds);

/// JSON bodies of the actions play, gather, record and done.
json::object to_json(const media::PlayRequest& request);
json::object to_json(const media::CollectRequest& request);
json::object to_json(const media::RecordRequest& request);
Result<media::PlayRequest> play_from_json(const json::value& value);
Result<media::CollectRequest> collect_from_json(const json::value& value);
Result<media::RecordRequest> record_from_json(const json::value& value);

}  // namespace nearend::link
