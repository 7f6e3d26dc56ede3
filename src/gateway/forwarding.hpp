#pragma once

#include <string>

#include "gateway/parts.hpp"

namespace nearend::gateway {

/// Calls to numbers that only forward: bridged here, no router has to run (M17, M18). Gateway's loop only.
class Forwarding {
 public:
  struct Order {
    std::string to, from_header;
    sip::ExtraHeaders passed_on;
  };
  explicit Forwarding(Parts& parts) : parts_(parts) {}

  void start(Leg& caller, Order order);
  void on_ringing(Leg& callee);
  /// The callee speaks before it answers; its media is known.
  void on_early_media(Leg& callee);
  void on_answered(Leg& callee);

 private:
  Task<void> run(Leg& callee, Order order);
  Leg* caller_of(const Leg& callee);
  void failed(Leg& callee, int status, std::string_view reason);

  Parts& parts_;
};

}  // namespace nearend::gateway
