#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "call/hooks.hpp"
#include "io/async.hpp"
#include "policy/policy.hpp"
#include "router/advance_order.hpp"
#include "router/attempt.hpp"
#include "router/bridge.hpp"
#include "router/talk_way.hpp"

namespace nearend::router {

/// What a Dial needs of the call it runs in.
struct DialContext {
  Tools& tools;
  policy::Client& policy;
  Party& caller;
  const call::CallFacts& facts;
  const call::DialHooks& hooks;
  PlanNote note_plan;
  std::function<void(std::string kind, json::object detail)> note_event;
  /// Writes the capsule; false: the call belongs to another router.
  std::function<Task<bool>()> save;
};

/// One Dial: rings its targets, gives the first that answers to a Bridge with the caller, and tells how it came out.
/// Where media goes is decided by the planner and done by the Bridge and the Party. Belongs to the coroutine of run().
class Dialing {
 public:
  Dialing(DialContext context, call::DialRequest request);
  ~Dialing();
  Dialing(const Dialing&) = delete;

  Task<call::DialResult> run();
  /// Legs that ring or talk, for the capsule and for the watch over gateways.
  std::vector<const Party*> callees() const;
  /// Legs at this gateway are lost: nothing is sent there any more.
  void lose(const std::string& gateway_uri);
  bool is_talking() const { return phase_ == Phase::talking; }

 private:
  enum class Phase { ringing, screening, joining, talking, over };
  struct Screened {
    bool is_accepted = false;
  };
  struct Happening {
    size_t from = 0;  ///< Index of the attempt, or caller_index.
    std::variant<LegEvent, Screened, Bridge::Outcome> what;
  };
  static constexpr size_t caller_index = SIZE_MAX;
  /// The platform rings a little longer than the document says (twiml.md 3.3), and its gateway counts first.
  static constexpr std::chrono::seconds ring_grace{5};
  static constexpr std::chrono::seconds limit_grace{2};
  static constexpr milliseconds bye_after_offer{1000}, continuing_within{2000}, recording_within{3000};

  // Ringing (dialing.cpp).
  Task<void> ring(size_t first, size_t last);
  Task<void> launch(Attempt& attempt);
  Task<Result<std::string>> offer_for(Attempt& attempt);
  void plan(Attempt& attempt);
  LinkLeg::EventHandler watch(size_t from);
  void on_ringing(Attempt& attempt, LegEvent event);
  void fail_attempt(Attempt& attempt, int status, std::string_view why);
  void retire(Attempt& attempt, std::string_view reason, call::Outcome outcome);
  void on_early(Attempt& attempt);
  void on_early_media(Attempt& attempt);
  Task<void> join_early(Attempt& attempt);
  static bool is_at_router(const Attempt& attempt);
  Task<void> arm(Attempt& attempt);
  void start_ring_back();
  void tell(Attempt& attempt, std::string event, std::string status);
  bool is_screened(const Attempt& attempt) const;

  // The talk (dialing_talk.cpp).
  Task<void> talk();
  Task<void> screen(Attempt& attempt);
  void join();
  void on_bridge(Bridge::Outcome outcome);
  bool is_bridged_at_gateways() const;
  void on_caller(LegEvent event);
  void on_winner(LegEvent event);
  void on_way(const LegEvent& event, bool is_caller);
  void end_talk(std::string_view reason);
  Task<void> record();

  // The end (dialing_end.cpp).
  Task<call::DialResult> conclude();
  Task<void> await_continuation(call::DialResult& result);
  call::Outcome failed_outcome(int& status) const;
  std::chrono::seconds talk_length() const;

  DialContext context_;
  call::DialRequest request_;
  std::vector<std::unique_ptr<Attempt>> attempts_;
  Phase phase_ = Phase::ringing;
  Attempt* winner_ = nullptr;
  bool is_caller_gone_ = false;
  std::string caller_reason_;
  bool is_ring_back_started_ = false;
  bool is_armed_ = false;           ///< The caller's gateway has taken the arming,
  bool is_caller_bridged_ = false;  ///< and said that the bridge is open.
  bool was_talking_ = false;        ///< The parties heard each other.
  bool is_peer_gone_ = false;       ///< So the caller's gateway says.
  bool can_gateways_meet_ = true;
  bool is_fenced_ = false;
  AdvanceOrder continuation_;
  std::optional<io::Instant> deadline_;
  std::optional<call::Outcome> outcome_;
  std::optional<media::event::RecordEnded> recording_;
  std::optional<io::Reply<bool>> recorded_;
  io::Mailbox<Happening> box_;
  std::optional<Bridge> bridge_;  ///< Once a callee has answered.
  std::optional<TalkWay> way_;    ///< While gateways are bridged to each other.
  io::Scope scope_;               // Last: its tasks use all of the above.
};

}  // namespace nearend::router
