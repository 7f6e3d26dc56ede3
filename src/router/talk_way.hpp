#pragma once

#include <functional>
#include <memory>
#include <string>

#include "router/party.hpp"

namespace nearend::router {

/// The way that a talk's media takes between its two gateways: from one to the other, or by a relay, a media node of a
/// third region. Gateways that suffer ask for another; the talk goes there make-before-break, both gateways sending to
/// and hearing both ways for a moment. Belongs to a Dialing; loop's thread only.
class TalkWay {
 public:
  using Note = std::function<void(std::string kind, json::object detail)>;

  TalkWay(Tools& tools, Party& caller, Party& callee, Note note);
  TalkWay(const TalkWay&) = delete;

  /// A gateway has been given this way by the policy server. One change at a time; what comes meanwhile is refused.
  void take(leg_event::WayOffered offered);
  /// A gateway's inner side is elsewhere now.
  void face_again();
  bool is_relayed() const { return relay_ != nullptr; }

 private:
  /// Two joined anchors on a node elsewhere.
  struct Relay {
    std::string gateway;
    std::shared_ptr<NodeAnchor> near, far;
  };
  Task<void> change(leg_event::WayOffered offered);
  Task<Result<std::shared_ptr<Relay>>> prepare(std::string gateway, std::string region);
  /// Both gateways at once to the relay, or to each other where it is null; whether both went.
  Task<bool> send_to(std::shared_ptr<Relay> relay);
  Task<void> send_one(Party& party, const Party& peer, std::shared_ptr<NodeAnchor> anchor, std::string way,
                      io::Reply<bool> done);
  Task<void> let_go(std::shared_ptr<Relay> relay);
  void leave_lost();
  std::string name_of(const Relay* relay) const;
  Task<void> face(std::shared_ptr<Relay> relay);

  /// The old way is kept this long for what is in flight.
  static constexpr milliseconds overlap{600};

  Tools& tools_;
  Party& caller_;
  Party& callee_;
  Note note_;
  std::shared_ptr<Relay> relay_;
  bool is_changing_ = false;
  uint32_t changes_ = 0;
  io::Scope scope_;  // Last: its tasks use all of the above.
};

}  // namespace nearend::router
