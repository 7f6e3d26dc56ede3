#pragma once

#include <string>
#include <vector>

#include "gateway/parts.hpp"
#include "sip/message.hpp"

namespace nearend::gateway {

/// Calls that come in from a provider: admission, limits, whose number it is, and then to a router or, for numbers that
/// only forward, straight on. Gateway's loop only.
class Inbound {
 public:
  explicit Inbound(Parts& parts) : parts_(parts) {}

  void on_invited(sip::DialogId dialog, sip::event::Invited event);
  /// What the router said to our INVITE.
  void on_router_progress(Leg& leg, const sip::event::Progress& event);
  void on_router_accepted(Leg& leg, const sip::event::Accepted& event);
  void on_router_refused(Leg& leg, const sip::event::Refused& event);

 private:
  struct Order {
    std::string called, from_header, forward_to;
    sip::ExtraHeaders passed_on;
    std::string offer;
    std::vector<media::StreamKind> streams;
  };
  struct Refusal {
    int status = 0;
    sip::ExtraHeaders headers;
  };
  Refusal check(const sip::Message& request, const IpAddress& source, size_t provider);
  Result<Order> order_of(const sip::Message& request, const Provider& provider) const;
  Task<void> set_up(Leg& leg, Order order);
  Task<void> ask_routers(Leg& leg, Order order);
  Task<AttemptOutcome> ask_router(Leg& leg, const policy::RouterChoice& router, const Order& order);
  Task<void> pick_routers(Leg& leg, io::Reply<policy::RouterAnswer> reply);
  void hear_early(Leg& leg, const sip::Body& body);
  void give_up(Leg& leg, int status, std::string_view text, std::string_view by);

  Parts& parts_;
};

/// Header fields of an INVITE that travel across us: X-… and the like; all others stay on their side (topology hiding,
/// S32).
sip::ExtraHeaders headers_to_pass_on(const sip::Message& request, bool is_from_router = false);

}  // namespace nearend::gateway
