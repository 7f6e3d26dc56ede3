#include "sim/platform.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "rtp/g711.hpp"
#include "telemetry/log.hpp"

namespace nearend::sim::test {
namespace {

constexpr uint16_t link_port = 5070, policy_port = 8090, echo_port = 5075;
constexpr std::string_view demo_account = "AC000000000000000000000000000001ab",
                           shared_link_key = "a key that the platform's peers share";
constexpr auto prompt_length = 600;  // ms

media::NodeSettings node_settings(const Host& host, uint16_t port_first, std::vector<std::string> capabilities) {
  media::NodeSettings settings;
  settings.bind_outer = settings.bind_inner = host.address();
  settings.port_first = port_first;
  settings.port_last = static_cast<uint16_t>(port_first + 399);
  settings.may_reach_internal = true;
  settings.capabilities = std::move(capabilities);
  return settings;
}

void put(std::string& out, uint32_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}

// A buzz in G.711 that no phone would take for another phone's mark or for silence.
std::string prompt_wav() {
  const uint32_t size = prompt_length * 8;
  std::string out = "RIFF";
  put(out, 36 + size, 4);
  out += "WAVEfmt ";
  put(out, 16, 4);
  put(out, 7, 2);  // mu-law
  put(out, 1, 2);
  put(out, 8000, 4);
  put(out, 8000, 4);
  put(out, 1, 2);
  put(out, 8, 2);
  out += "data";
  put(out, size, 4);
  for (uint32_t i = 0; i < size; ++i)
    out.push_back(static_cast<char>(rtp::encode_ulaw(static_cast<int16_t>((i / 10 % 2) ? 8000 : -8000))));
  return out;
}

// Thousands of runs say much; a single one is replayed with NEAREND_SIM_LOG=1.
void quiet_log() {
  static const bool is_done = [] {
    telemetry::configure_log(std::getenv("NEAREND_SIM_LOG") != nullptr ? telemetry::Level::debug
                                                                       : telemetry::Level::off);
    return true;
  }();
  (void)is_done;
}

std::string link_uri(const Host& host) {
  return fmt::format("sip:{}:{};transport=tcp", host.address().to_string(), link_port);
}

}  // namespace

Node::Node(Host& host, uint16_t port_first, std::vector<std::string> capabilities)
    : loop_(host.loop()),
      settings_(node_settings(host, port_first, std::move(capabilities))),
      worker_(host.loop()),
      loader_(std::make_unique<media::ClipLoader>(host.loop(), &host.http_client(), worker_, settings_)),
      control_(std::make_unique<media::LoopControl>(host.loop(), host.net(), settings_, *loader_)) {}

uint32_t Node::anchors() {
  struct Ask {
    static Task<void> it(media::Control& control, uint32_t& anchors) {
      auto state = co_await control.state();
      if (state) anchors = state->anchors;
    }
  };
  uint32_t anchors = UINT32_MAX;
  io::Scope scope(loop_);
  scope.spawn(Ask::it(*control_, anchors));
  return anchors;
}

Edge::Edge(Host& on, gateway::Settings settings, const Plan& plan, const policy::Topology& topology,
           std::string policy_url)
    : host(on),
      node(on, 20000, plan.capabilities),
      policy(on.loop(), on.http_client(), {.url = std::move(policy_url)}, topology),
      journal(on.loop()),
      gateway(std::move(settings), on.world(), node.control(), policy, journal) {}

Core::Core(Host& on, router::Settings settings, const policy::Topology& topology, std::string policy_url)
    : host(on),
      node(on, 25000, media::NodeSettings().capabilities),
      policy(on.loop(), on.http_client(), {.url = std::move(policy_url)}, topology),
      router(std::move(settings), on.world(), on.http_client(), on.http_servers(), node.control(), policy, store,
             live) {}

Platform::Platform(uint64_t seed, Plan with_plan, AccessFaults faults)
    : world(seed),
      plan(std::move(with_plan)),
      random_(seed ^ 0x5eedULL),
      caller_host_(&world.add_host("caller", "eu")),
      callee_host_(&world.add_host("callee", plan.is_callee_far ? "as" : "eu")),
      near_host_(&world.add_host("eu-gw", "eu")),
      core_host_(&world.add_host("us-router", "us")),
      policy_host_(&world.add_host("policy", "eu")),
      app_host_(&world.add_host("app", "us")) {
  quiet_log();
  if (plan.is_callee_far) far_host_ = &world.add_host("as-gw", "as");
  if (plan.has_relay) relay_host_ = &world.add_host("af-node", "af");
  set_paths();
  const std::string policy_url = fmt::format("http://{}:{}", policy_host_->address().to_string(), policy_port);

  gateway::Settings near = edge_settings("eu-gw", "eu/de1", *near_host_);
  add_provider(near, "caller", *caller_host_, "+155501");
  topology_.gateways = {{.name = near.name,
                         .region = near.region,
                         .link_uri = link_uri(*near_host_),
                         .features = plan.features,
                         .prefixes = {"+155501"},
                         .echo = near_host_->endpoint(echo_port)}};
  std::optional<gateway::Settings> far;
  if (far_host_ != nullptr) {
    far = edge_settings("as-gw", "as/jp1", *far_host_);
    add_provider(*far, "callee", *callee_host_, "+155502");
    topology_.gateways.push_back({.name = far->name,
                                  .region = far->region,
                                  .link_uri = link_uri(*far_host_),
                                  .features = plan.features,
                                  .prefixes = {"+155502"},
                                  .echo = far_host_->endpoint(echo_port)});
    near.link_neighbours = {link_uri(*far_host_)};
    far->link_neighbours = {link_uri(*near_host_)};
  } else {
    add_provider(near, "callee", *callee_host_, "+155502");
    topology_.gateways[0].prefixes.emplace_back("+155502");
  }
  if (relay_host_ != nullptr) {
    // Its gateway takes no calls here; its node relays.
    relay_ = std::make_unique<Node>(*relay_host_, 27000, std::vector<std::string>{"bridge"});
    topology_.gateways.push_back({.name = "af-gw",
                                  .region = "af/za1",
                                  .link_uri = link_uri(*relay_host_),
                                  .features = {"bridge"},
                                  .relay_url = "http://af-node:7400"});
  }
  if (plan.has_router) {
    topology_.routers = {
        {.name = "us-router", .region = "us/va1", .link_uri = link_uri(*core_host_), .events_url = {}}};
    for (gateway::Settings* edge : {&near, far ? &*far : nullptr})
      if (edge != nullptr) edge->routers = {{"us-router", "us/va1", link_uri(*core_host_), {}}};
    policy_server_ = std::make_unique<policy_server::Server>(
        policy_host_->loop(), policy_host_->http_servers(),
        policy_server::Settings{.listen = policy_host_->endpoint(policy_port)}, topology_);
    expect(policy_server_->start().has_value(), "the policy server does not start");
    start_application();
    core_ = std::make_unique<Core>(*core_host_, core_settings(), topology_, policy_url);
    if (relay_) core_->router.add_relay("af/za1", relay_->control());
    const auto started = core_->router.start();
    expect(started.has_value(), started ? "" : "router: " + started.error().text);
  }
  near.topology = topology_;
  if (far) far->topology = topology_;
  near_ = std::make_unique<Edge>(*near_host_, std::move(near), plan, topology_, policy_url);
  if (far) far_ = std::make_unique<Edge>(*far_host_, std::move(*far), plan, topology_, policy_url);
  for (Edge* edge : {near_.get(), far_.get()}) {
    if (edge == nullptr) continue;
    const auto started = edge->gateway.start();
    expect(started.has_value(), started ? "" : "gateway: " + started.error().text);
  }
  caller_ = std::make_unique<Phone>(*caller_host_, plan.caller);
  callee_ = std::make_unique<Phone>(*callee_host_, plan.callee);
  world.run_for(2s);  // The link's connections stand.
  set_faults(faults);
}

Platform::~Platform() = default;

void Platform::set_paths() {
  Paths& paths = world.paths();
  // Round trips of the table of regions: from one coast to the other up to halfway round the world.
  rtt_ms = 10 + 290 * random_.unit();
  paths.set_rtt("eu", "us", std::chrono::microseconds(static_cast<int64_t>(rtt_ms * 1000)));
  paths.set_rtt("as", "us", std::chrono::microseconds(static_cast<int64_t>((10 + 290 * random_.unit()) * 1000)));
  between_ms = 20 + 230 * random_.unit();
  paths.set_rtt("eu", "as", std::chrono::microseconds(static_cast<int64_t>(between_ms * 1000)));
  topology_.rtts = {{"eu/de1", "us/va1", rtt_ms}, {"eu/de1", "as/jp1", between_ms}};
  if (relay_host_ != nullptr)
    for (const auto& [region, zone] : {std::pair("eu", "eu/de1"), std::pair("as", "as/jp1")}) {
      paths.set_rtt(region, "af", std::chrono::microseconds(static_cast<int64_t>(between_ms * 550)));
      topology_.rtts.push_back({zone, "af/za1", between_ms * 0.55});
    }
  Host* far = far_host_ != nullptr ? far_host_ : near_host_;
  const auto access = [&](Host& phone, Host& edge) {
    const auto delay = std::chrono::microseconds(500 + static_cast<int64_t>(random_.below(20'000)));
    paths.set_delay(phone.id(), edge.id(), delay);
    paths.set_delay(edge.id(), phone.id(), delay);
  };
  access(*caller_host_, *near_host_);
  access(*callee_host_, *far);
}

void Platform::set_faults(AccessFaults faults) {
  world.network().set_fault([this, faults](const PacketSeen& packet) {
    Fate fate;
    const bool is_sip = packet.from.port == 5060 || packet.to.port == 5060;
    if (!is_sip) return fate;
    fate.is_lost = random_.chance(faults.loss);
    if (random_.chance(faults.duplicate)) fate.copies = 2;
    if (random_.chance(faults.reorder))
      fate.extra_delay = std::chrono::milliseconds(5 + static_cast<int64_t>(random_.below(60)));
    if (fate.is_lost || fate.copies > 1 || fate.extra_delay > 0ms) ++faults_done_;
    return fate;
  });
}

gateway::Settings Platform::edge_settings(std::string_view name, std::string_view zone, const Host& host) const {
  gateway::Settings settings;
  settings.name = name;
  settings.region = zone;
  settings.listen = {{.protocol = sip::Protocol::udp, .local = host.endpoint(5060)},
                     {.protocol = sip::Protocol::tcp, .local = host.endpoint(5060)}};
  settings.link_listen = {{.protocol = sip::Protocol::tcp, .local = host.endpoint(link_port)}};
  settings.link_key = shared_link_key;
  settings.echo_listen = host.endpoint(echo_port);
  for (const Host* peer : {near_host_, far_host_, core_host_})
    if (peer != nullptr) settings.link_peers.push_back(*parse_cidr(peer->address().to_string() + "/32"));
  settings.features = plan.features;
  settings.numbers = {
      {.value = std::string(platform_number),
       .account_sid = std::string(demo_account),
       .kind = plan.forward_to.empty() ? gateway::NumberEntry::Kind::application : gateway::NumberEntry::Kind::forward,
       .forward_to = plan.forward_to}};
  settings.rtp_timeout = plan.rtp_timeout;
  settings.reanchor = plan.reanchor;
  settings.star = plan.star;
  return settings;
}

void Platform::add_provider(gateway::Settings& settings, std::string name, const Host& phone,
                            std::string prefix) const {
  gateway::Provider provider;
  provider.name = std::move(name);
  provider.addresses = {*parse_cidr(phone.address().to_string() + "/32")};
  provider.targets = {{.host = phone.address().to_string()}};
  provider.prefixes = {std::move(prefix)};
  provider.options_ping = 0s;
  settings.providers.push_back(std::move(provider));
}

router::Settings Platform::core_settings() const {
  router::Settings settings;
  settings.name = "us-router";
  settings.region = "us/va1";
  settings.link_listen = {{.local = core_host_->endpoint(link_port)}};
  settings.link_key = shared_link_key;
  for (const Host* peer : {near_host_, far_host_}) {
    if (peer == nullptr) continue;
    settings.link_peers.push_back(*parse_cidr(peer->address().to_string() + "/32"));
    settings.link_neighbours.push_back(link_uri(*peer));
  }
  settings.accounts = {{.sid = std::string(demo_account), .auth_token = "secret", .name = "sim"}};
  settings.numbers = {{.number = std::string(platform_number),
                       .sid = "PN1",
                       .account_sid = std::string(demo_account),
                       .voice_url = "http://app/start"}};
  settings.may_reach_internal = true;
  settings.is_arming_wanted = plan.has_arming;
  settings.are_continuations_wanted = plan.has_continuations;
  settings.steps_max = plan.steps_max;
  return settings;
}

void Platform::start_application() {
  auto server = app_host_->http_servers().serve(
      app_host_->endpoint(80), [this](http::ServerRequest request) { return answer(std::move(request)); });
  if (expect(server.has_value(), "the application server does not start")) application_ = std::move(*server);
}

Task<http::Response> Platform::answer(http::ServerRequest request) {
  ++asked_[request.path];
  if (request.path == "/prompt.wav") co_return http::Response{200, {{"Content-Type", "audio/x-wav"}}, prompt_wav()};
  const auto document = plan.documents.find(request.path);
  if (document == plan.documents.end()) co_return http::Response{404};
  co_return http::Response{200, {{"Content-Type", "text/xml"}}, document->second};
}

size_t Platform::asked(const std::string& path) const {
  const auto found = asked_.find(path);
  return found == asked_.end() ? 0 : found->second;
}

json::object Platform::policy_state() {
  const http::Response response =
      policy_server_->respond({.method = "GET", .path = "/v1/state"}, policy_host_->loop().wall_ms());
  const auto state = parse_json(response.body);
  return state && state->is_object() ? state->get_object() : json::object();
}

bool Platform::expect(bool is_so, std::string failure) {
  if (!is_so)
    failures.push_back(
        fmt::format("at {:.3f} s: {}", std::chrono::duration<double>(world.now().time_since_epoch()).count(), failure));
  return is_so;
}

void Platform::call() {
  caller_->dial(near_host_->endpoint(5060), std::string(platform_number));
}

void Platform::kill_remote() {
  for (Host* host : {core_host_, policy_host_, app_host_}) host->kill();
  core_.reset();
  policy_server_.reset();
  application_.reset();
}

std::vector<store::CallEvent> Platform::events(std::string_view kind) const {
  std::vector<store::CallEvent> out;
  for (const Edge* edge : {near_.get(), far_.get()}) {
    if (edge == nullptr) continue;
    for (const gateway::Record& record : edge->journal.records())
      if (kind.empty() || record.event.kind == kind) out.push_back(record.event);
  }
  return out;
}

void Platform::check_ledger(const std::vector<store::CallEvent>& all, size_t legs_expected) {
  std::set<std::string> ids;
  std::map<std::string, std::map<std::string, int>> kinds;  // By leg.
  for (const store::CallEvent& event : all) {
    expect(ids.insert(event.id).second, "an event id is there twice (I5)");
    ++kinds[event.leg][event.kind];
  }
  expect(kinds.size() == legs_expected,
         fmt::format("{} legs in the journals, expected {}", kinds.size(), legs_expected));
  for (auto& [leg, count] : kinds) {
    expect(count["start"] == 1, fmt::format("leg {} has {} start events", leg, count["start"]));
    expect(count["end"] == 1, fmt::format("leg {} has {} end events (I3)", leg, count["end"]));
    expect(count["answer"] <= 1, fmt::format("leg {} was answered {} times (I5)", leg, count["answer"]));
  }
}

void Platform::check_end(size_t legs_expected) {
  world.run_for(40s);  // After the last BYE + 40 s nothing may be left (I7).
  for (Edge* edge : {near_.get(), far_.get()}) {
    if (edge == nullptr) continue;
    const std::string name = edge->host.name();
    expect(edge->gateway.legs() == 0, fmt::format("{} keeps {} legs (I8)", name, edge->gateway.legs()));
    expect(edge->gateway.is_idle(), name + " keeps dialogs (I7)");
    expect(edge->node.anchors() == 0, fmt::format("{}: {} anchors are left (I7)", name, edge->node.anchors()));
  }
  if (core_) {
    expect(core_->router.calls() == 0, fmt::format("the router keeps {} calls (I8)", core_->router.calls()));
    expect(core_->router.is_idle(), "the router keeps dialogs (I7)");
    expect(!relay_ || relay_->anchors() == 0, "the relay's anchors are left (I7)");
    expect(core_->router.anchors() == 0 && core_->node.anchors() == 0, "the router's anchors are left (I7)");
  }
  for (Phone* phone : {caller_.get(), callee_.get()}) {
    expect(!phone->is_talking() && phone->dialogs() == 0, phone->host().name() + " still has a dialog (I8)");
    expect(phone->transactions() == 0, phone->host().name() + " still has transactions");
  }
  check_ledger(events(), legs_expected);
}

}  // namespace nearend::sim::test
