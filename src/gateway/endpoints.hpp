#pragma once

#include <string>

#include "gateway/parts.hpp"

namespace nearend::gateway {

/// The dialog with a leg's endpoint once it is there: ringing, answering, its re-INVITEs and UPDATEs. All are settled
/// here; the other side learns of them only when it must (a new codec). An endpoint is never re-INVITEd because media
/// moved. Gateway's loop only.
class Endpoints {
 public:
  explicit Endpoints(Parts& parts) : parts_(parts) {}

  /// Readies the leg's outer side for descriptions.
  void begin(Leg& leg);
  /// New keys as the leg's provider has them: once with each that is tried. False: there are none to be had.
  bool secure(Leg& leg);
  /// Which packets we take from the endpoint.
  SourcePolicy source_of(const Leg& leg) const;
  /// Tells the media node what was agreed with the endpoint.
  void apply(Leg& leg);

  void ring(Leg& caller);
  /// 183 with our description to a caller that has not been answered: it hears what its path gives. `peer` as for
  /// answer().
  void early_media(Leg& caller, const Leg* peer = nullptr);
  /// Answers an inbound leg once its answer event is durable; a second call changes nothing. `peer` is the leg it is to
  /// talk to, if that is here: its codec is taken, so that nothing need be transcoded, and what it refused is refused.
  void answer(Leg& caller, const Leg* peer = nullptr);

  void on_acknowledged(Leg& leg, const sip::event::Acknowledged& event);
  void on_requested(Leg& leg, const sip::event::Requested& event);
  /// A re-INVITE of ours came out.
  void on_reoffer_accepted(Leg& leg, const sip::event::Accepted& event);
  void on_reoffer_refused(Leg& leg, const sip::event::Refused& event);
  /// Offers the endpoint our own address again, with these codecs first; used for codec changes and to leave DIRECT.
  void reoffer(Leg& leg, std::vector<sdp::Codec> codecs);
  /// The leg has another anchor: what is said to the endpoint from now on says so, and an answered one is re-INVITEd.
  /// False: no keys for it.
  bool readdress(Leg& leg);
  /// Tells the endpoint of another address as soon as nothing else is under way with it.
  void settle_address(Leg& leg);

 private:
  void on_offer(Leg& leg, const sip::event::Requested& event);
  void follow_codec(Leg& leg);
  std::string answer_for(Leg& caller, const Leg* peer);
  void watch(Leg& leg);

  Parts& parts_;
};

}  // namespace nearend::gateway
