#pragma once

#include "gateway/admission.hpp"
#include "gateway/journal.hpp"
#include "gateway/ledger.hpp"
#include "gateway/legs.hpp"
#include "gateway/numbers.hpp"
#include "gateway/provider_targets.hpp"
#include "gateway/providers.hpp"
#include "gateway/settings.hpp"
#include "io/net.hpp"
#include "media/control.hpp"
#include "policy/policy.hpp"
#include "sip/stack.hpp"

namespace nearend::gateway {

class Commands;
class Endings;
class Endpoints;
class Forwarding;
class Inbound;
class LinkEnd;
class LocalVerbs;
class Outbound;
class NodeLoss;
class Pairing;
class WayMeter;
class WayWatch;

/// How the parts of one gateway reach one another; set once by the gateway before anything runs, all of them its
/// members.
struct Parts {
  const Settings& settings;
  io::World world;
  media::Control& media;
  policy::Client& policy;
  Admission& admission;
  Numbers& numbers;
  Providers& providers;
  const ProviderTargets& targets;
  Legs& legs;
  Ledger& ledger;
  sip::Stack* outside = nullptr;  ///< Dialogs with endpoints.
  sip::Stack* link = nullptr;     ///< Dialogs with routers, NOTIFY between gateways.
  std::string outside_host;       ///< host:port that we show to endpoints in From.
  std::string link_uri;           ///< How peers reach us.
  bool is_draining = false;
  RecordingHandler on_recording;  ///< May be empty.

  Endpoints* endpoints = nullptr;    ///< Offer, answer and requests of an endpoint.
  LinkEnd* link_end = nullptr;       ///< Messages to routers and gateways.
  Inbound* inbound = nullptr;        ///< Calls that come in.
  Outbound* outbound = nullptr;      ///< Legs that go out.
  Forwarding* forwarding = nullptr;  ///< Calls without a router.
  Pairing* pairing = nullptr;        ///< Which leg hears which.
  Commands* commands = nullptr;      ///< What routers and gateways ask of us.
  NodeLoss* node_loss = nullptr;     ///< Legs whose media node is gone.
  LocalVerbs* verbs = nullptr;       ///< Jobs on the media node for a router.
  Endings* endings = nullptr;        ///< How legs end.
  WayMeter* way_meter = nullptr;     ///< What is met on the ways.
  WayWatch* way_watch = nullptr;     ///< Talks whose way is bad.

  io::Loop& loop() const { return world.loop; }
  io::Instant now() const { return world.loop.now(); }
};

}  // namespace nearend::gateway
