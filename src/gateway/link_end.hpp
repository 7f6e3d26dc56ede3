#pragma once

#include <string>
#include <vector>

#include "gateway/parts.hpp"
#include "link/profile.hpp"

namespace nearend::gateway {

/// Speaks the platform's dialect (docs/sip-profile.md) on the dialogs with routers, and NOTIFY to other gateways: adds
/// the headers, signs, checks what comes in. Knows no meaning. Gateway's loop only.
class LinkEnd {
 public:
  using Items = std::vector<link::Item>;
  explicit LinkEnd(Parts& parts);

  /// Platform headers of a message received, when it is one of ours: present, signed if there is a key, and of the
  /// newest epoch. `status` is what to answer otherwise.
  /// What the region offers from now on, for new calls; settings.features at first.
  void offer(const std::vector<std::string>& features);

  struct Refusal {
    int status = 400;
    std::string reason;
  };
  std::expected<link::Headers, Refusal> read(const sip::Message& message);

  /// Calls a router with the leg's inner side as the offer.
  Result<void> invite(Leg& leg, const std::string& router_uri, std::string_view called, std::string_view from,
                      std::string offer, sip::ExtraHeaders passed_on);
  void progress(Leg& leg, int status, std::string sdp, Items actions = {});
  void accept(Leg& leg, std::string sdp, Items actions, sip::ExtraHeaders passed_on = {});
  void refuse(Leg& leg, int status, std::string_view reason);
  /// Gives the cookie of the request, 0 when it could not be sent.
  uint64_t info(Leg& leg, link::Item action, std::string json = {});
  /// Asks whether the router is there; any response says so.
  uint64_t probe(Leg& leg);
  bool reinvite(Leg& leg, link::Item action, std::string sdp);
  void respond(Leg& leg, const sip::event::Requested& to, int status, sip::Body body = {},
               std::string_view reason = {});
  /// BYE, CANCEL or a refusal, with the cause.
  void end(Leg& leg, const EndCause& cause);
  /// NOTIFY to the gateway at `uri`, about a leg of `about`'s call.
  void notify(const std::string& uri, const Leg& about, link::Item action, std::string sdp = {});

 private:
  link::Headers headers(const Leg& leg, Items actions) const;
  sip::ExtraHeaders dress(const Leg& leg, Items actions, sip::Method method, std::string_view body,
                          bool has_features = false) const;
  int64_t unix_seconds() const { return parts_.world.loop.wall_ms() / 1000; }

  Parts& parts_;
  Items features_;
};

/// "sip:host:port;transport=tcp" as a place to send to; nothing when the host is a name.
std::vector<sip::Target> link_targets(std::string_view uri);

}  // namespace nearend::gateway
