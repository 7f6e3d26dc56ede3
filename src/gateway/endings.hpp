#pragma once

#include "gateway/parts.hpp"

namespace nearend::gateway {

/// The header that says why a 488 was given (RFC 3261 20.43). `text` is ours, without quotes.
sip::ExtraHeaders why_no_media(std::string_view text);

/// How a leg ends, whoever ends it: both dialogs are closed with the cause, the bill is written, the peer is told,
/// ports and timers go (invariants I3, I7, I8). Gateway's loop only.
class Endings {
 public:
  explicit Endings(Parts& parts) : parts_(parts) {}

  /// We end the leg: BYE, CANCEL or a refusal to both sides.
  void end(Leg& leg, const EndCause& cause);
  /// The endpoint has ended its dialog, or it is lost; the router is told.
  void endpoint_gone(Leg& leg, const EndCause& cause, io::Callback on_durable = {});
  /// The router has ended its dialog: so does the leg.
  void router_ended(Leg& leg, std::string_view reason);
  /// The router's dialog is lost without a word: a talk goes on; a leg that depends on the router waits a little, then
  /// ends.
  void router_lost(Leg& leg);
  /// The leg needs its router now; unless the router is heard from in time, the leg ends (fault FT4).
  void await_router(Leg& leg);
  /// The router was heard from.
  void router_heard(Leg& leg) { leg.grace.stop(); }

  /// A recording of an ended leg is written; the last one lets the leg go.
  void recording_done(Leg& leg);

 private:
  void close(Leg& leg, const EndCause& cause, bool is_outer_alive, io::Callback on_durable = {});
  bool stop_recordings(Leg& leg);
  void close_outer(Leg& leg, const EndCause& cause);
  void let_go(Leg& leg);

  Parts& parts_;
};

}  // namespace nearend::gateway
