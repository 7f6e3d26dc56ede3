#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/attempt.hpp"
#include "gateway/leg_tally.hpp"
#include "gateway/media_end.hpp"
#include "gateway/negotiation.hpp"
#include "gateway/subareas.hpp"
#include "gateway/way_sums.hpp"
#include "io/async.hpp"
#include "io/loop.hpp"
#include "link/profile.hpp"
#include "media/control.hpp"
#include "sip/stack.hpp"

namespace nearend::gateway {

/// The two dialogs of a leg: with the endpoint, and with the router. Either may be none.
struct Dialogs {
  sip::DialogId outer = sip::DialogId::none;
  sip::DialogId link = sip::DialogId::none;
  bool is_outer_answered = false;
  bool is_link_answered = false;
  bool is_reoffer_out = false;        ///< A re-INVITE of ours to the endpoint has no answer yet.
  bool is_address_owed = false;       ///< The endpoint is to be told that its media goes elsewhere,
  bool is_address_out = false;        ///< and is being told.
  bool is_link_address_owed = false;  ///< The same for the router and our inner side.
  bool is_link_address_out = false;
  bool is_direct = false;  ///< The endpoint was given its peer's address (M26).
  sip::ServerTransactionId direct = sip::ServerTransactionId::none;  ///< The router's wish for that, not answered yet.
};

/// Whom a leg is joined to, or is to be joined to when the callee answers.
struct Joint {
  enum class State : uint8_t { none, armed, open };
  State state = State::none;
  std::string peer;                ///< Leg id.
  std::string peer_gateway;        ///< Link URI of the gateway that has it; empty: this one.
  bool opens_on_answer = false;    ///< Callee's leg: open when its endpoint answers, without asking the router (C5).
  bool has_peer_answered = false;  ///< The peer's answer came before the arming.
  bool is_listening = false;  ///< Caller's leg, armed: already connected to the peer's gateway, which is silent yet.
  bool is_early = false;      ///< The callee is heard by the caller, though it has not answered.
  std::string relay;          ///< Gateway whose region's media node is in between; empty: none.
};

/// What the router said in advance for this leg, and what it has running.
struct Orders {
  struct Continuation {
    bool is_hangup_after = false;
    bool is_running = false;
    uint32_t done = 0;
    std::vector<media::Source> sources;
    media::JobId job = media::JobId::none;
  };
  struct Job {
    uint32_t number = 0;  ///< The router's.
    media::JobId id = media::JobId::none;
    enum class Kind : uint8_t { play, gather, record } kind = Kind::play;
    media::PlayRequest play{};        ///< What it does, to do it again on another media node.
    media::CollectRequest collect{};  ///< Of gather.
    std::string recording{};          ///< Its SID.
  };
  std::unique_ptr<Continuation> continuation;
  std::vector<Job> jobs;
  media::JobId ring = media::JobId::none;
  std::string ring_tone;  ///< Of the ring-back that is to be heard; empty: none.
  bool is_star_watched = false;
  bool is_early_wanted = false;  ///< Callee's leg: what its endpoint sends before the answer is for the caller's ears.
  bool is_reanchor_out = false;  ///< We asked the router to take the media back.
  bool is_overtaken = false;     ///< The router commanded something since.
  bool is_star_out = false;      ///< We asked the router to end the other side.
  bool is_silent = false;        ///< We told the router that the endpoint is silent.
};

/// A leg whose media node was lost, until its endpoint is heard by another one.
struct Reanchoring {
  std::string why, from, to;  ///< Nodes by their URLs.
  io::Instant silent_since{};
};

/// What the moves of a leg's media have cost so far; each of them is an event of the call.
struct MoveTotals {
  uint32_t count = 0, unproven = 0;
  uint64_t lost = 0, doubled = 0;  ///< Frames.
  double gap_ms_max = 0;
};

/// What billing needs of a leg.
struct Bill {
  int64_t started_ms = 0;
  io::Instant answered{};
  bool is_started = false;  ///< The start event is written.
  bool is_answered = false;
  bool is_closed = false;
  int status = 200;
  std::string cause, more;              ///< As in EndCause.
  std::chrono::milliseconds talked{0};  ///< Once closed.
  MoveTotals moves;
};

/// What a leg in a talk with another gateway hears of it, to tell a way that has become bad.
struct Trouble {
  struct Second {
    uint32_t packets = 0, lost = 0;
    float jitter_ms = 0;
  };
  Second last, before;    ///< The two newest seconds.
  float rtt_ms = 0;       ///< As RTCP told last.
  io::Instant heard{};    ///< When anything came.
  std::string relay;      ///< As the joint's, when it was heard last.
  io::Instant changed{};  ///< When that became another.
  WayBlame blame;
  io::Instant quiet_until{}, asked{};
  bool is_asking = false;
};

/// Where the leg's media comes from, as far as it is known otherwise than by its joint.
struct Way {
  WayId access = no_way;  ///< Of its outer side, once looked up for
  size_t access_provider = SIZE_MAX;
  Subareas::Member subarea;
  std::string router_region;  ///< Of the router that has it: its media node's, where that is the other end.
  LegTally heard;             ///< Of the endpoint.
  Trouble trouble;
};

/// One party's side of a call in this gateway. A record of parts; each part has its own class that acts on it:
/// Endpoints and LinkEnd on the dialogs, MediaEnd on the media, Pairing on the joint, Commands and LocalVerbs on the
/// orders, Ledger on the bill. It lives until Legs retires it; its scope's coroutines die with it.
struct Leg {
  Leg(io::Loop& loop, media::Control& control) : scope(loop), media(scope, control), limit(loop), grace(loop) {}
  Leg(const Leg&) = delete;
  ~Leg() { scope.cancel_all(); }

  std::string id;       ///< LG…
  std::string call;     ///< CA…
  std::string account;  ///< AC…
  std::string parent;   ///< The leg that had this one dialled.
  std::string from, to;
  std::string events_url;
  bool is_inbound = true;
  bool is_forwarded = false;  ///< No router has to do with it.
  double units = 1;           ///< Of the gateway's capacity (Legs::weigh).
  bool is_over = false;
  size_t provider = no_provider;
  static constexpr size_t no_provider = SIZE_MAX;

  io::Scope scope;
  Dialogs dialogs;
  MediaEnd media;
  media::AnchorId bound_anchor = media::AnchorId::none;  ///< Legs finds the leg by it.
  Joint joint;
  Orders orders;
  Bill bill;
  Way way;
  std::unique_ptr<Attempt> attempt;  ///< While it is being set up.
  std::unique_ptr<Reanchoring> reanchoring;
  io::Timer limit;  ///< Ring timeout, then time limit.
  io::Timer grace;  ///< A lone caller waits for its router.

  bool is_child_of(const Leg& other) const { return !parent.empty() && parent == other.id; }
};

}  // namespace nearend::gateway
