#pragma once

#include <chrono>
#include <string_view>

#include "gateway/parts.hpp"

namespace nearend::gateway {

/// Legs whose media node is gone (S38): each gets an anchor on another node, the endpoint a re-INVITE with its address,
/// the far side word of the inner one, and goes on as before. A leg for which that fails ends with the reason. What
/// moved, why and how long nobody was heard is a call event. Gateway's loop only.
class NodeLoss {
 public:
  /// A leg that no node takes ends after this.
  static constexpr std::chrono::seconds patience{5};

  explicit NodeLoss(Parts& parts) : parts_(parts) {}

  void on_lost(Leg& leg, const media::event::Lost& lost);
  /// The endpoint is heard by its media node.
  void on_heard(Leg& leg);
  /// The leg ends: the move, if it was not heard of, is noted as it stands.
  void settle(Leg& leg);

 private:
  Task<void> go_elsewhere(Leg& leg);
  Task<Result<void>> allocate(Leg& leg);
  void take_up(Leg& leg);
  void give_up(Leg& leg, std::string_view why);

  Parts& parts_;
};

}  // namespace nearend::gateway
