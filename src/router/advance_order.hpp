#pragma once

#include <optional>

#include "call/control.hpp"
#include "router/link_leg.hpp"

namespace nearend::router {

/// What the caller's gateway has been told in advance to do once the talk is over (`continuation`,
/// docs/sip-profile.md), and how far it has come with it. Belongs to the Dialing; the leg outlives it. Loop's thread
/// only.
class AdvanceOrder {
 public:
  AdvanceOrder(LinkLeg& leg, call::Continuation what) : leg_(leg), what_(std::move(what)) {}

  /// Gives the order, if there is one.
  Task<void> give();
  bool is_given() const { return is_given_; }
  /// What the gateway says of it.
  void on_event(const LegEvent& event);
  bool has_begun() const { return has_begun_ || done_.has_value(); }
  bool is_done() const { return done_.has_value(); }
  /// Sources heard to their end, as far as the gateway has said.
  size_t sources_done() const { return done_.value_or(0); }
  /// Stops it; gives how many sources were heard to their end.
  Task<size_t> take_back();

 private:
  LinkLeg& leg_;
  call::Continuation what_;
  bool is_given_ = false;
  bool has_begun_ = false;
  std::optional<size_t> done_;
};

}  // namespace nearend::router
