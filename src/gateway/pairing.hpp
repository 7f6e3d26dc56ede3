#pragma once

#include <string>
#include <string_view>

#include "gateway/parts.hpp"
#include "link/profile.hpp"

namespace nearend::gateway {

/// Which leg hears which: joins two legs of this gateway outer to outer, or one of them to a leg of another gateway by
/// its inner side; arms joints before the answer and opens them at it (call-flows.md C3 to C5); decides who goes on
/// when one goes (FT4, M38). Gateway's loop only.
class Pairing {
 public:
  explicit Pairing(Parts& parts) : parts_(parts) {}

  /// Where a peer is: the gateway's link URI; empty or our own: here.
  struct PeerPlace {
    std::string leg;
    std::string gateway;
    std::string relay;  ///< Gateway in whose region a media node is in between; empty: none.
  };
  PeerPlace place_of(const link::Item& item) const;

  /// A callee's leg is to open its joint by itself when its endpoint answers.
  void arm_callee(Leg& callee, PeerPlace peer);
  /// A caller's leg is to be ready; `sdp` is the peer's inner side, empty when the peer is here.
  Result<void> arm_caller(Leg& caller, PeerPlace peer, std::string_view sdp);
  /// The endpoint of a callee's leg has answered. True when its joint opened.
  bool on_callee_answered(Leg& callee);
  /// Another gateway says that `peer` has answered. False when it means nothing to us.
  bool on_peer_answered(Leg& caller, std::string_view peer);
  /// The endpoint of a callee's leg sends audio before it has answered: the caller hears it, here or by word to its
  /// gateway; where the joint is not armed it goes to the inner side, for the router's node.
  void on_early_audio(Leg& callee);
  /// Another gateway says that `peer` sends audio already. False when it means nothing to us.
  bool on_peer_early(Leg& caller, std::string_view peer);
  /// Joins now. Inner remotes of a peer elsewhere have been set by who calls this.
  void join(Leg& leg, PeerPlace peer);
  /// The leg, whose media node was lost, has another anchor: joined as it was before, when its peer here has one too.
  void rejoin(Leg& leg);
  /// Its inner side is elsewhere: the peer's gateway and the router are told.
  void readdress(Leg& leg);
  /// Tells the router, as soon as nothing else is under way with it.
  void settle_address(Leg& leg);
  /// Another gateway says that `peer` is reached elsewhere. False when it means nothing to us.
  bool on_peer_moved(Leg& leg, std::string_view peer, std::string_view sdp);
  /// The leg goes elsewhere by command: its joint is forgotten, a peer here falls silent until it is told what next.
  void part(Leg& leg);

  /// The leg has ended: tells the peer, ends what was dialled by it.
  void on_leg_over(Leg& leg, const EndCause& cause);
  /// Another gateway says that `peer` is gone. False when it means nothing to us.
  bool on_peer_gone_elsewhere(Leg& leg, std::string_view peer);

  /// The caller pressed `*`.
  void on_star(Leg& caller);
  /// Another gateway says that the caller of this callee's leg pressed `*`.
  void on_star_elsewhere(Leg& callee);

 private:
  void listen(Leg& caller);
  void rejoin_here(Leg& leg, Leg& peer);
  void disarm(Leg& leg);
  void connect_here(Leg& leg, Leg& peer);
  void opened(Leg& leg);
  void hear_early(Leg& caller, const Leg* callee);
  void forwarded_leg_over(Leg& leg, const EndCause& cause);
  void peer_gone(Leg& leg);
  void ask_router_on(Leg& leg);

  Parts& parts_;
};

}  // namespace nearend::gateway
