#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "policy/policy.hpp"
#include "router/router.hpp"
#include "store/memory.hpp"
#include "unit/gateway/region.hpp"

namespace nearend::router::test {

using namespace std::chrono_literals;
using gateway::test::FakeMedia;
using gateway::test::sdp_of;
using sip::test::Agent;
using sip::test::at;
using sip::test::World;

/// Answers from a topology, at once.
class TablePolicy final : public policy::Client {
 public:
  Task<policy::RouterAnswer> pick_routers(policy::RouterQuery query) override {
    co_return policy::static_routers(topology, query);
  }
  Task<policy::RouteAnswer> pick_route(policy::RouteQuery query) override {
    routes.push_back(query);
    policy::RouteAnswer answer = policy::static_route(topology, query);
    if (!answer.hops.empty()) answer.hops.back().providers = providers;
    co_return answer;
  }
  Task<policy::ResourceAnswer> pick_resource(policy::ResourceQuery query) override {
    co_return resource ? *resource : policy::static_resource(topology, query);
  }
  Task<policy::RerouteAnswer> reroute(policy::RerouteQuery) override { co_return policy::RerouteAnswer{}; }
  void report_load(std::string, uint32_t, uint32_t) override {}
  void report(const policy::GatewayReport&) override {}

  policy::Topology topology;
  std::optional<policy::ResourceAnswer> resource;  ///< Instead of the topology's.
  std::vector<std::string> providers;              ///< Proposed with each route.
  std::vector<policy::RouteQuery> routes;
};

inline const std::vector<std::string> whole_catalogue{"bridge", "play",    "local-tts",
                                                      "record", "collect", "hangup-on-star"};

/// A router on its machine in a world of 20 ms across, with the verbs of the test as its script.
struct Bench {
  static Settings defaults() {
    Settings settings;
    settings.name = "us-r1";
    settings.region = "us/va1";
    settings.link_listen = {{.local = at("198.51.100.9:5070")}};
    settings.link_peers = {*parse_cidr("198.51.100.0/24")};
    settings.numbers = {
        {.number = "+15550100", .sid = "PN1", .account_sid = "AC1", .voice_url = "http://app.example/voice"}};
    return settings;
  }
  /// Without verbs of its own a call runs the document of its number.
  explicit Bench(Settings settings = defaults(), bool has_verbs = true)
      : host(far_away(world)),
        media(host.loop(), host.address()),
        third(host.loop(), *parse_ip("198.51.100.77")),
        router(settings, host.world(), host.http_client(), host.http_servers(), media, policy, store, live) {
    if (has_verbs) router.set_script([this](Call& call) { return run(call); });
    REQUIRE(router.start());
  }
  /// The router is in a region of its own, `across` from the gateways and back.
  static sim::Host& far_away(World& world) {
    world.sim.paths().set_rtt("lab", "us", across);
    const Endpoint own = at("198.51.100.9:5070");
    return *(world.hosts[own.address] = &world.sim.add_host("us-r1", "us", {own.address}));
  }
  static constexpr auto across = 20ms;
  using Verbs = std::function<Task<void>(Call&)>;
  Task<void> run(Call& call) {
    running = &call;
    call_sid = call.sid();
    co_await verbs(call);
    running = nullptr;
    ++scripts_done;
  }
  void add_gateway(std::string name, std::string region, std::string address, std::vector<std::string> prefixes,
                   std::vector<std::string> features = whole_catalogue) {
    policy.topology.gateways.push_back({.name = std::move(name),
                                        .region = std::move(region),
                                        .link_uri = fmt::format("sip:{};transport=tcp", address),
                                        .features = std::move(features),
                                        .prefixes = std::move(prefixes)});
  }
  /// Everything the call held is gone.
  bool is_clean() const { return router.calls() == 0 && router.anchors() == 0 && media.anchors_held == 0; }
  std::vector<std::string> kept(std::string_view kind) {
    std::vector<std::string> details;
    struct Read {
      static Task<void> all(store::Store& store, std::string sid, std::vector<store::CallEvent>& into) {
        auto events = co_await store.events("AC1", std::move(sid));
        if (events) into = std::move(*events);
      }
    };
    std::vector<store::CallEvent> events;
    io::Scope scope(host.loop());
    scope.spawn(Read::all(store, call_sid, events));
    for (const store::CallEvent& event : events)
      if (event.kind == kind) details.push_back(event.detail);
    return details;
  }

  World world;
  sim::Host& host;
  FakeMedia media;
  FakeMedia third;  ///< Of a third region; for add_relay().
  TablePolicy policy;
  store::MemoryStore store;
  store::MemoryLiveState live;
  Verbs verbs;
  Call* running = nullptr;
  std::string call_sid;
  int scripts_done = 0;
  Router router;
};

/// A gateway's side of the link, by hand: dresses what it says in platform headers, answers what it is asked with 200,
/// and writes down the messages with their Action.
struct FakeGateway {
  FakeGateway(Bench& bench, std::string given_name, std::string region, std::string_view address,
              std::vector<std::string> given_features = whole_catalogue)
      : agent(bench.world, address, {.require_understood = {"100rel", "timer", "local-bridge"}}),
        name(std::move(given_name)),
        features(std::move(given_features)) {
    platform.region.path = std::move(region);
    agent.on_event = [this](sip::DialogId dialog, sip::DialogEvent& event) { hear(dialog, event); };
  }
  std::string uri() const { return fmt::format("sip:{};transport=tcp", agent.endpoint.to_string()); }

  sip::ExtraHeaders headers(const link::CallContext& context, std::string_view action = {}) const {
    link::Headers all = platform;
    all.context = context;
    if (!action.empty()) all.actions = *link::parse_items(action);
    for (const std::string& feature : features) all.features.push_back({feature, {}});
    all.features.push_back({"gateway", {{"name", name}, {"uri", uri()}}});
    return link::to_sip(all);
  }
  /// Brings a call; the dialog is `caller`.
  void call(std::string_view called = "+15550100", std::string_view call_sid = "CA1") {
    context = {.call_sid = std::string(call_sid), .account_sid = "AC1", .leg = "LG1"};
    sip::InviteRequest request;
    request.uri = fmt::format("sip:{}@198.51.100.9:5070;transport=tcp", called);
    request.from = "<sip:+15550199@carrier.example>";
    request.body = sdp_of("198.51.100.7", 20002);
    request.headers = headers(context);
    caller = *agent.stack.invite(std::move(request));
  }
  void say(sip::DialogId dialog, std::string_view action, std::string body = {}) {
    sip::Body content{body.empty() ? "" : "application/json", std::move(body)};
    (void)agent.stack.request(dialog, sip::Method::info, std::move(content), headers(context_of(dialog), action));
  }
  void reinvite(sip::DialogId dialog, std::string_view action) {
    (void)agent.stack.reinvite(dialog, sdp_of("198.51.100.7", 20002), headers(context_of(dialog), action));
  }
  void bye(sip::DialogId dialog, std::string_view action = "ended;duration-ms=4200") {
    agent.stack.end(dialog, headers(context_of(dialog), action));
  }
  void progress(int status, bool has_sdp, std::string_view action = {}) {
    (void)agent.stack.progress(callee, status, has_sdp ? sdp_of("198.51.100.8", 30002) : sip::Body{},
                               headers(callee_context, action));
  }
  void answer(std::string_view action = "answered;at=0;sip-call-id=\"out-1\"") {
    (void)agent.stack.accept(callee, sdp_of("198.51.100.8", 30002), headers(callee_context, action));
  }
  link::CallContext context_of(sip::DialogId dialog) const { return dialog == callee ? callee_context : context; }

  bool heard(std::string_view line) const {
    return std::ranges::any_of(lines, [&](const std::string& text) { return text.starts_with(line); });
  }
  size_t count(std::string_view line) const {
    return static_cast<size_t>(
        std::ranges::count_if(lines, [&](const std::string& text) { return text.starts_with(line); }));
  }
  const std::string& body_of(std::string_view line) const {
    static const std::string nothing;
    for (size_t i = lines.size(); i-- > 0;)
      if (lines[i].starts_with(line)) return bodies[i];
    return nothing;
  }

  Agent agent;
  link::Headers platform;
  std::string name;
  std::vector<std::string> features;
  link::CallContext context, callee_context;
  sip::DialogId caller = sip::DialogId::none, callee = sip::DialogId::none;
  std::vector<std::string> lines;  ///< "INFO play;job=1", "INVITE", "200", "BYE SIP;cause=408"
  std::vector<std::string> bodies;
  std::map<std::string, int> refusals;  ///< First word of an Action: the status it is answered with.
  bool is_silent = false;

 private:
  void note(std::string line, std::string_view body) {
    lines.push_back(std::move(line));
    bodies.emplace_back(body);
  }
  void hear(sip::DialogId dialog, sip::DialogEvent& event) {
    if (auto* invited = std::get_if<sip::event::Invited>(&event)) {
      callee = dialog;
      callee_context = link::read_headers(invited->request)->context;
      note(fmt::format("INVITE {}", invited->request.header("Action")), invited->request.body());
      invite = std::move(invited->request);
    } else if (auto* requested = std::get_if<sip::event::Requested>(&event)) {
      const std::string action(requested->request.header("Action"));
      note(fmt::format("{} {}", requested->request.method_name(), action), requested->body.content);
      if (is_silent) return;
      const auto refusal = refusals.find(action.substr(0, action.find(';')));
      const int status = refusal == refusals.end() ? 200 : refusal->second;
      const bool is_offer = requested->method == sip::Method::invite && status == 200;
      (void)agent.stack.respond(requested->transaction, status,
                                is_offer ? sdp_of("198.51.100.7", dialog == callee ? 30002 : 20002) : sip::Body{},
                                headers(context_of(dialog)));
    } else if (auto* progress = std::get_if<sip::event::Progress>(&event)) {
      note(fmt::format("{} {}", progress->status, progress->response.header("Action")), progress->body.content);
    } else if (auto* accepted = std::get_if<sip::event::Accepted>(&event)) {
      note(fmt::format("200 {}", accepted->response.header("Action")), accepted->body.content);
    } else if (auto* refused = std::get_if<sip::event::Refused>(&event)) {
      note(fmt::format("{} {}", refused->status, refused->reason), {});
      retry_after = refused->response.header("Retry-After");
    } else if (auto* ended = std::get_if<sip::event::Ended>(&event)) {
      note(fmt::format("BYE {}", ended->reason), {});
    } else if (auto* cancelled = std::get_if<sip::event::Cancelled>(&event)) {
      note(fmt::format("CANCEL {}", cancelled->reason), {});
    } else if (auto* responded = std::get_if<sip::event::Responded>(&event)) {
      note(fmt::format("reply {}", responded->status), responded->body.content);
    }
  }

 public:
  sip::Message invite;  ///< The last INVITE of the router.
  std::string retry_after;
};

}  // namespace nearend::router::test
