#pragma once

#include <functional>
#include <memory>
#include <string>
#include <variant>

#include "call/control.hpp"
#include "call/planner.hpp"
#include "router/link_leg.hpp"
#include "router/node_anchor.hpp"

namespace nearend::router {

class Relays;

/// What the parties of a call need of their router.
struct Tools {
  Wire& wire;
  MediaDesk& desk;
  const Settings& settings;
  const Relays* relays = nullptr;  ///< Null: talks take no other way than between their gateways.
  io::Loop& loop() const { return wire.loop; }
};

/// Told each decision of the planner, to be kept as an event of the call.
using PlanNote = std::function<void(const call::Step&, const call::Decision&)>;

/// One party of a call: its leg, and where its media is. Executes the planner's decisions: runs prompts, collectors and
/// recorders at the gateway or, moving the media there and back, at the router's media node. Loop's thread only.
class Party {
 public:
  enum class Media { idle, router, bridged };
  using Work = std::variant<media::PlayRequest, media::CollectRequest, media::RecordRequest>;
  /// Nothing: the party is gone.
  using WorkEnd = std::variant<std::monostate, Error, media::event::PlayEnded, media::event::CollectEnded,
                               media::event::RecordEnded>;

  Party(Tools& tools, std::unique_ptr<LinkLeg> leg, PlanNote note);
  Party(const Party&) = delete;

  LinkLeg& leg() { return *leg_; }
  const LinkLeg& leg() const { return *leg_; }
  Media media() const { return media_; }
  NodeAnchor* anchor() { return anchor_.get(); }
  std::shared_ptr<NodeAnchor> shared_anchor() { return anchor_; }

  /// The call this is a party of hears of every event, last.
  void set_owner(LinkLeg::EventHandler owner) { owner_ = std::move(owner); }
  /// A verb that needs them hears of the events first. One at a time; {} takes it back.
  void set_observer(LinkLeg::EventHandler observer) { observer_ = std::move(observer); }
  /// The policy server's word on where something that work needs (play, local-tts, collect, record) is used best.
  struct Advice {
    std::string need;
    bool is_local = false;  ///< In the leg's region; else
    std::string region;     ///< in this one, the router's or a third one whose media node the router may use.
    std::string reason;
  };
  void set_advice(Advice advice);

  /// Answers the gateway's INVITE: without media, or, when prompts are to follow and run there, at the router.
  Task<Result<void>> answer(bool are_prompts_expected);
  /// Runs one piece of work where the planner says. `verb` is for the reason.
  Task<WorkEnd> run(std::string verb, Work work);
  void stop_work();
  /// Waits until the leg is over, but not beyond `until`. One waiter at a time.
  Task<void> wait_over(io::Instant until);

  /// Media to the router's node; answers an unanswered leg with it. Waits until the request for it is under way, not
  /// for the gateway's reply: the node's packets may travel beside it, which saves the round trip; when the gateway
  /// refuses, the anchor goes and with it what runs there.
  Task<Result<void>> to_router();
  /// The party hears the router's node: an unanswered one by its 183, any other by to_router().
  Task<Result<void>> to_early();
  /// Bridges at the gateways (C3): this leg towards `peer`.
  Task<bool> bridge_to(const Party& peer);
  /// The leg has been bridged by arming or by its answer; what the router held for it is let go.
  void set_bridged();
  /// The peer is gone: the leg is nobody's until the next verb, or until its gateway offers its media.
  void set_adrift();
  /// Ring-back to a party that has been answered. `tone` is a country, empty for the default.
  Task<void> ring_back(std::string tone);
  Task<void> ring_off();
  /// Ends a ring-back that runs; waits for nobody.
  void stop_ring();
  /// For a leg we dial whose media is to be at the router: the anchor, described after `like`.
  Task<Result<std::string>> prepare_anchor(sdp::SessionDescription like);

 private:
  void on_event(LegEvent event);
  Task<void> ask_for_media(std::string sdp);
  /// The node sends to, and takes from, where the gateway is now.
  Task<void> follow();
  Task<void> answer_offer(sip::ServerTransactionId transaction);
  Task<void> release_at_gateway();
  Task<void> let_go(std::shared_ptr<NodeAnchor> anchor);
  bool is_at(const MediaDesk& desk) const;
  Task<Result<void>> to_node(MediaDesk& desk);
  /// An anchor there, facing the gateway; one that is elsewhere is let go.
  Task<Result<void>> hold_anchor(MediaDesk& desk);
  /// Where work that needs this runs when it does not in the leg's region.
  MediaDesk& desk_for(const std::vector<std::string>& needs) const;
  const Advice* advice_on(const std::vector<std::string>& needs) const;
  void drop_lost_anchor();
  Task<void> await_offer();
  Task<WorkEnd> run_local(const Work& work);
  Task<WorkEnd> run_remote(Work work);
  void leave_third_region(std::string_view why);
  static Task<WorkEnd> run_at(std::shared_ptr<NodeAnchor> anchor, Work work);
  call::Decision plan_prompt(const std::string& verb, const Work& work) const;
  bool are_prompts_remote() const;

  /// The old path of a move is kept this long for what is in flight.
  static constexpr milliseconds overlap{300};

  Tools& tools_;
  std::unique_ptr<LinkLeg> leg_;
  PlanNote note_;
  LinkLeg::EventHandler observer_, owner_;
  Media media_ = Media::idle;
  std::shared_ptr<NodeAnchor> anchor_;    // Also held by the work that runs on it.
  std::optional<io::Reply<bool>> offer_;  ///< While adrift: set when the gateway's offer has been answered.
  bool is_ringing_ = false;               ///< Ring-back runs, at the gateway or here.
  bool is_offered_ = false;               ///< It has come since the last bridge.
  uint32_t anchors_asked_ = 0;
  std::optional<io::Reply<bool>> over_;  ///< While wait_over() waits.
  std::vector<Advice> advice_;
  bool has_left_third_region_ = false;
  io::Scope scope_;
};

}  // namespace nearend::router
