#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/json.hpp"
#include "call/inner_sdp.hpp"
#include "call/planner.hpp"
#include "io/async.hpp"
#include "router/wire.hpp"

namespace nearend::router {

using std::chrono::milliseconds;

/// Whom a leg's dialog is with, as the gateway states in its Features.
struct GatewayFacts {
  std::string name, region, uri;
  std::vector<std::string> features;
  bool reanchors = false;  ///< It brings media back by itself when a peer is gone.
  bool has(std::string_view feature) const;
};

/// What happens on a leg, in order.
namespace leg_event {
struct Early {};       ///< The gateway's inner side is known (183 with SDP).
struct Ringing {};     ///< 180
struct EarlyMedia {};  ///< The endpoint sends audio, and has not answered.
struct Answered {
  bool is_bridged = false;                                   ///< The gateway has opened the armed bridge by itself.
  std::string sip_call_id;                                   ///< Of the outside dialog.
  std::vector<std::pair<std::string, std::string>> headers;  ///< X-… of the endpoint's answer.
};
struct Failed {
  int status = 0;
  std::string reason;
};
/// The leg is over, whoever ended it. Always the last event, except Failed.
struct Over {
  enum class By { endpoint, cancelled, lost, fenced, ours };
  By by = By::endpoint;
  std::string reason;
  std::optional<milliseconds> duration;  ///< By the gateway's clock.
};
struct Silent {
  milliseconds since{0};
};
/// `*`: the gateway asks to end the peer, and offers this leg's media (F5.2). Answer with answer_media().
struct HangupPeer {
  sip::ServerTransactionId transaction;
};
/// The peer is gone, the gateway offers this leg's media (M38). Answer with answer_media().
struct AnchorOffered {
  sip::ServerTransactionId transaction;
};
/// The gateway's inner side is elsewhere (theirs() says where): its media node was lost.
struct Moved {};
struct Bridged {
  std::string peer;
};
/// The gateway suffers, and the policy server has given it another way for the talk.
struct WayOffered {
  std::vector<std::string> gateways, regions;  ///< From the caller's to the callee's, whichever of them asked.
  json::object seen;                           ///< What it suffers, and what is expected there.
};
struct Continuing {};
struct Continued {
  size_t done = 0;
};
}  // namespace leg_event
using LegEvent =
    std::variant<leg_event::Early, leg_event::Ringing, leg_event::EarlyMedia, leg_event::Answered, leg_event::Failed,
                 leg_event::Over, leg_event::Silent, leg_event::HangupPeer, leg_event::AnchorOffered, leg_event::Moved,
                 leg_event::Bridged, leg_event::WayOffered, leg_event::Continuing, leg_event::Continued>;

/// What a gateway's INVITE, or ours to it, is about.
struct DialOrder {
  std::string uri;   ///< Request-URI at the gateway.
  std::string from;  ///< name-addr
  std::string sdp;   ///< The offer, already written for this leg's dialog by its speaker.
  link::Item dial;   ///< Action: dial;timeout=...
  std::vector<link::Item> features;
  sip::ExtraHeaders headers;        ///< For the endpoint.
  bool is_bridge_required = false;  ///< Require: local-bridge
  std::chrono::milliseconds answer_timeout{180'000};
};

/// One dialog with a gateway: one party's side of a call as the router sees it. Sends the profile's requests and waits
/// for their replies, runs jobs at the gateway, and tells its owner what the gateway says. Knows no other leg and no
/// media node. Destroying it ends the dialog. Loop's thread only.
class LinkLeg {
 public:
  enum class State { fresh, invited, calling, confirmed, over };
  struct Reply {
    int status = 0;
    std::string body;
    bool is_good() const { return status >= 200 && status < 300; }
  };
  /// How a job at the gateway came out: the JSON of `done`, or why there is none.
  struct JobEnd {
    enum class Why { done, unsupported, failed, gone };
    Why why = Why::done;
    json::value outcome;
    std::string text;
  };
  using EventHandler = std::function<void(LegEvent)>;

  /// A leg to be dialled.
  LinkLeg(Wire& wire, link::CallContext context);
  /// The leg of a gateway's INVITE. `headers` are those of the request.
  LinkLeg(Wire& wire, sip::DialogId dialog, const link::Headers& headers, const sip::Message& invite);
  ~LinkLeg();
  LinkLeg(const LinkLeg&) = delete;

  void set_handler(EventHandler handler) { handler_ = std::move(handler); }
  void set_epoch(uint64_t epoch) { context_.epoch = epoch; }
  /// What the leg needs of its gateway, said with every message: hangup-on-star.
  void set_wanted(std::vector<link::Item> features) { wanted_ = std::move(features); }

  const link::CallContext& context() const { return context_; }
  const std::string& id() const { return context_.leg; }
  const GatewayFacts& gateway() const { return gateway_; }
  void set_gateway(GatewayFacts facts) { gateway_ = std::move(facts); }
  call::LegPlace place() const;
  State state() const { return state_; }
  bool is_over() const { return state_ == State::over; }
  bool is_answered() const { return state_ == State::confirmed; }
  sip::DialogId dialog() const { return dialog_; }
  /// A re-INVITE would not leave at once.
  bool is_changing() const { return wire_.stack.is_changing(dialog_); }
  /// The gateway's inner side, once it is known.
  const std::optional<sdp::SessionDescription>& theirs() const { return theirs_; }
  call::LinkSpeaker& speaker() { return speaker_; }

  // The gateway's INVITE.
  void ring();
  /// 183: let the endpoint hear the router's node, which `sdp` describes, though it is not answered.
  void offer_early(std::string sdp);
  /// 183: be ready to bridge to `peer`, and to answer when it answers.
  void arm_unanswered(const LinkLeg& peer, std::string sdp);
  Result<void> answer(std::string sdp, std::vector<link::Item> actions = {});
  void refuse(int status, std::string_view reason = {}, sip::ExtraHeaders more = {});

  // Our INVITE.
  Result<void> dial(DialOrder order);

  // In the dialog.
  Task<Reply> info(link::Item action, std::string type = {}, std::string body = {});
  /// The answer's description becomes the gateway's inner side, except where it is the endpoint's own (`direct`).
  Task<Reply> reinvite(link::Item action, std::string sdp);
  /// Runs a job at the gateway: `kind` is play, gather or record.
  Task<JobEnd> run_job(std::string kind, json::object request,
                       std::vector<std::pair<std::string, std::string>> parameters = {});
  /// Ends the jobs that run; their outcomes still come.
  void stop_jobs();
  /// Answers HangupPeer and AnchorOffered.
  void answer_media(sip::ServerTransactionId transaction, std::string sdp);
  /// BYE, CANCEL or 480. Over follows at once.
  void end(std::string_view reason = {});
  /// The gateway cannot be reached any more: the leg is over for us, and nothing is sent.
  void lose();

  /// From the stack.
  void on_event(sip::DialogEvent event);

  /// `bridge;peer=<this>;gateway="<its>"`, for the other leg.
  link::Item joined_to_this(std::string name) const;

 private:
  sip::ExtraHeaders headers(std::vector<link::Item> actions, sip::Method method, std::string_view body,
                            std::vector<link::Item> features = {}) const;
  void tell(LegEvent event);
  void finish(leg_event::Over over);
  void read_facts(const sip::Message& message);
  void take_description(std::string_view body);

  void on(sip::event::Progress& event);
  void on(sip::event::Accepted& event);
  void on(sip::event::Refused& event);
  void on(sip::event::Requested& event);
  void on(sip::event::Responded& event);
  void on(sip::event::Ended& event);
  void on(sip::event::Cancelled& event);
  void on(sip::event::NotAcknowledged& event);
  void on_info(sip::event::Requested& event, const link::Headers& headers);
  void on_reinvite(sip::event::Requested& event, const link::Headers& headers);
  void on_done(const link::Item& action, const std::string& body);
  void fail_all(int status);

  Wire& wire_;
  sip::DialogId dialog_ = sip::DialogId::none;
  link::CallContext context_;
  GatewayFacts gateway_;
  std::vector<link::Item> wanted_;
  State state_ = State::fresh;
  std::optional<sdp::SessionDescription> theirs_;
  call::LinkSpeaker speaker_;
  std::string ours_;  ///< The description we said last.
  EventHandler handler_;
  std::map<uint64_t, io::Reply<Reply>> requests_;  ///< By the stack's cookie.
  struct Reinvite {
    io::Reply<Reply> reply;
    bool is_inner_answered = true;
  };
  std::deque<Reinvite> reinvites_;              ///< In the order sent; the stack keeps it.
  std::map<uint64_t, io::Reply<JobEnd>> jobs_;  ///< By our number.
  uint64_t last_job_ = 0;
};

}  // namespace nearend::router
