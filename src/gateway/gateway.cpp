#include "gateway/gateway.hpp"

#include <algorithm>
#include <cctype>

#include "base/crypto.hpp"
#include "base/json.hpp"
#include "gateway/admission.hpp"
#include "gateway/catalogue.hpp"
#include "gateway/commands.hpp"
#include "gateway/endings.hpp"
#include "gateway/endpoints.hpp"
#include "gateway/forwarding.hpp"
#include "gateway/inbound.hpp"
#include "gateway/leg_report.hpp"
#include "gateway/link_end.hpp"
#include "gateway/link_events.hpp"
#include "gateway/local_verbs.hpp"
#include "gateway/node_loss.hpp"
#include "gateway/outbound.hpp"
#include "gateway/outside_events.hpp"
#include "gateway/pairing.hpp"
#include "gateway/pinger.hpp"
#include "gateway/way_meter.hpp"
#include "gateway/way_watch.hpp"
#include "link/warmth.hpp"
#include "telemetry/log.hpp"

namespace nearend::gateway {

namespace {

constexpr std::chrono::seconds look_interval{2};
constexpr uint64_t secret_words = 4;

std::string random_secret(io::Loop& loop) {
  std::string secret;
  for (uint64_t i = 0; i < secret_words; ++i) {
    const uint64_t word = loop.random();
    secret.append(reinterpret_cast<const char*>(&word), sizeof word);
  }
  return secret;
}

sip::Transport::Limits outside_limits(const Settings& settings) {
  sip::Transport::Limits limits;
  limits.probes_per_network_most = settings.probe_answers_most;
  return limits;
}

sip::StackSettings outside_stack_settings(const Settings& settings,
                                          std::function<sip::OptionsAnswer()> answer_options) {
  sip::StackSettings stack;
  stack.is_bye_confirmed_by_listener = true;
  stack.allow = {"INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "INFO", "UPDATE", "PRACK"};
  stack.supported = {"100rel", "timer"};
  stack.session_expires = settings.session_expires;
  stack.answer_options = std::move(answer_options);
  if (!settings.link_key.empty())
    stack.options_key = hmac_bytes(HashKind::sha256, settings.link_key, "To tags of OPTIONS");
  return stack;
}

sip::StackSettings link_stack_settings(const Settings& settings) {
  sip::StackSettings stack;
  stack.supported = {"timer"};
  stack.is_yielding_in_glare = true;  // Peers are routers, which stand.
  stack.require_understood = {"timer"};
  if (settings.has_feature("bridge")) stack.require_understood.emplace_back("local-bridge");
  stack.pending_invites_per_source_max = stack.pending_invites_max;
  return stack;
}

/// "eu-gw1 (eu/de1)": a product and a comment (RFC 3261 20.35), of which the first has to be a token.
std::string server_header(const Settings& settings) {
  std::string name = settings.name;
  for (char& sign : name)
    if (!std::isalnum(static_cast<unsigned char>(sign)) && sign != '.' && sign != '_') sign = '-';
  return fmt::format("{} ({})", name, settings.region);
}

std::string_view scheme_transport(sip::Protocol protocol) {
  return protocol == sip::Protocol::tls ? "tls" : protocol == sip::Protocol::udp ? "udp" : "tcp";
}

std::string host_port(const std::string& host, uint16_t port) {
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port) : fmt::format("[{}]:{}", host, port);
}

}  // namespace

/// Owns the parts and binds them to one another.
class Gateway::Core {
 public:
  Core(Settings settings, io::World world, media::Control& media, policy::Client& policy, Journal& journal)
      : settings_(std::move(settings)),
        admission_(settings_, random_secret(world.loop)),
        numbers_(settings_.numbers),
        providers_(settings_),
        targets_(settings_, world, admission_),
        legs_(world.loop, media),
        ledger_(settings_, world.loop, journal),
        parts_{settings_, world, media, policy, admission_, numbers_, providers_, targets_, legs_, ledger_},
        outside_transport_(world.loop, world.net, outside_limits(settings_)),
        link_transport_(world.loop, world.net, {}),
        outside_events_(parts_),
        link_events_(parts_),
        outside_(world.loop, outside_transport_, outside_stack_settings(settings_, [this] { return options_answer(); }),
                 outside_events_, &world.dns),
        link_(world.loop, link_transport_, link_stack_settings(settings_), link_events_, &world.dns),
        endpoints_(parts_),
        link_end_(parts_),
        inbound_(parts_),
        outbound_(parts_),
        forwarding_(parts_),
        pairing_(parts_),
        commands_(parts_),
        node_loss_(parts_),
        verbs_(parts_),
        endings_(parts_),
        pinger_(parts_),
        way_meter_(parts_),
        way_watch_(parts_),
        warmth_(world.loop, link_),
        look_timer_(world.loop),
        tasks_(world.loop) {
    parts_.outside = &outside_;
    parts_.link = &link_;
    parts_.endpoints = &endpoints_;
    parts_.link_end = &link_end_;
    parts_.inbound = &inbound_;
    parts_.outbound = &outbound_;
    parts_.forwarding = &forwarding_;
    parts_.pairing = &pairing_;
    parts_.commands = &commands_;
    parts_.node_loss = &node_loss_;
    parts_.verbs = &verbs_;
    parts_.endings = &endings_;
    parts_.way_meter = &way_meter_;
    parts_.way_watch = &way_watch_;
    media.set_event_handler([this](media::AnchorId anchor, media::Event event) {
      if (const auto* ended = std::get_if<media::event::RecordEnded>(&event)) verbs_.tell_recorded(*ended);
      Leg* leg = legs_.by_anchor(anchor);
      if (leg != nullptr) verbs_.on_media_event(*leg, event);
    });
  }
  ~Core() {
    parts_.media.set_event_handler([](media::AnchorId, const media::Event&) {});
  }

  Result<void> start();
  bool is_open() const { return !parts_.is_draining && legs_.units() < settings_.calls_max; }
  void stop() {
    parts_.is_draining = true;
    pinger_.stop();
    warmth_.stop();
    look_timer_.stop();
    way_meter_.stop();
    way_watch_.stop();
    tasks_.cancel_all();
    for (Leg* leg : legs_.all()) endings_.end(*leg, {.status = 503, .text = "gateway stops", .by = "gateway"});
  }

  Settings settings_;
  Admission admission_;
  Numbers numbers_;
  Providers providers_;
  ProviderTargets targets_;
  Legs legs_;
  Ledger ledger_;
  Parts parts_;
  sip::Transport outside_transport_, link_transport_;
  OutsideEvents outside_events_;
  LinkEvents link_events_;
  sip::Stack outside_, link_;
  Endpoints endpoints_;
  LinkEnd link_end_;
  Inbound inbound_;
  Outbound outbound_;
  Forwarding forwarding_;
  Pairing pairing_;
  Commands commands_;
  NodeLoss node_loss_;
  LocalVerbs verbs_;
  Endings endings_;
  Pinger pinger_;
  WayMeter way_meter_;
  WayWatch way_watch_;
  link::Warmth warmth_;
  io::Timer look_timer_;
  std::vector<Endpoint> outside_addresses_, link_addresses_;

 private:
  using IsAdmitted = std::function<bool(const IpAddress&)>;
  Result<std::vector<Endpoint>> listen(sip::Transport& transport, const std::vector<ListenSettings>& wanted,
                                       const IsAdmitted& is_admitted);
  sip::OptionsAnswer options_answer() const;
  void look();
  /// Brings the catalogue that routers are told up to what the media node has to give.
  Task<void> look_at_node();

  const std::string server_ = server_header(settings_);
  bool is_looking_ = false;
  io::Scope tasks_;
};

Result<std::vector<Endpoint>> Gateway::Core::listen(sip::Transport& transport,
                                                    const std::vector<ListenSettings>& wanted,
                                                    const IsAdmitted& is_admitted) {
  std::vector<Endpoint> bound;
  for (const ListenSettings& one : wanted) {
    sip::Transport::Listen listen;
    listen.protocol = one.protocol;
    listen.local = one.local;
    listen.tls = one.tls ? &*one.tls : nullptr;
    listen.tag = static_cast<uint32_t>(bound.size() + 1);
    listen.is_admitted = is_admitted;
    listen.advertised_host = one.advertised_host;
    listen.answers_probes = one.answers_probes;
    listen.is_open = [this] { return is_open(); };
    auto address = transport.listen(std::move(listen));
    if (!address) return fail(address.error().kind, "{}: {}", one.local.to_string(), address.error().text);
    bound.push_back(*address);
  }
  return bound;
}

Result<void> Gateway::Core::start() {
  auto outside = listen(outside_transport_, settings_.listen,
                        [this](const IpAddress& source) { return admission_.is_outsider_known(source); });
  if (!outside) return pass(outside);
  auto link = listen(link_transport_, settings_.link_listen,
                     [this](const IpAddress& source) { return admission_.is_link_peer(source); });
  if (!link) return pass(link);
  outside_addresses_ = std::move(*outside);
  link_addresses_ = std::move(*link);
  const auto shown = [](const ListenSettings& listen, const Endpoint& bound) {
    const std::string host = listen.advertised_host.empty() ? bound.address.to_string() : listen.advertised_host;
    return host_port(host, bound.port);
  };
  if (!outside_addresses_.empty()) parts_.outside_host = shown(settings_.listen.front(), outside_addresses_.front());
  if (!link_addresses_.empty())
    parts_.link_uri = fmt::format("sip:{};transport={}", shown(settings_.link_listen.front(), link_addresses_.front()),
                                  scheme_transport(settings_.link_listen.front().protocol));
  pinger_.start();
  std::vector<std::string> peers = settings_.link_neighbours;
  for (const StaticRouter& router : settings_.routers) peers.push_back(router.uri);
  warmth_.start(parts_.link_uri, settings_.region, std::move(peers));
  look();
  return way_meter_.start();
}

/// Who it is, and whether calls should rather go elsewhere.
sip::OptionsAnswer Gateway::Core::options_answer() const {
  sip::OptionsAnswer answer;
  answer.headers = {{"Server", server_}, {"Accept", "application/sdp"}};
  if (is_open()) return answer;
  answer.status = 503;
  answer.headers.push_back({"Retry-After", parts_.is_draining ? "30" : "5"});
  return answer;
}

void Gateway::Core::look() {
  if (!std::exchange(is_looking_, true)) tasks_.spawn(look_at_node());
  look_timer_.start(look_interval, [this] { look(); });
}

Task<void> Gateway::Core::look_at_node() {
  auto state = co_await parts_.media.state();
  if (state) link_end_.offer(offered_features(settings_.features, *state));
  is_looking_ = false;
}

Gateway::Gateway(Settings settings, io::World world, media::Control& media, policy::Client& policy, Journal& journal)
    : core_(std::make_unique<Core>(std::move(settings), world, media, policy, journal)) {}

Gateway::~Gateway() = default;

Result<void> Gateway::start() {
  return core_->start();
}
void Gateway::drain() {
  core_->parts_.is_draining = true;
}
void Gateway::stop() {
  core_->stop();
}
bool Gateway::is_idle() const {
  return core_->legs_.size() == 0 && core_->outside_.dialogs() == 0 && core_->link_.dialogs() == 0;
}
bool Gateway::is_open() const {
  return core_->is_open();
}
const std::vector<Endpoint>& Gateway::outside_addresses() const {
  return core_->outside_addresses_;
}
const std::vector<Endpoint>& Gateway::link_addresses() const {
  return core_->link_addresses_;
}
std::string Gateway::link_uri() const {
  return core_->parts_.link_uri;
}
size_t Gateway::legs() const {
  return core_->legs_.size();
}

void Gateway::set_recording_handler(RecordingHandler handler) {
  core_->parts_.on_recording = std::move(handler);
}

Task<Result<std::string>> Gateway::legs_json(std::string id) const {
  LegReport report(core_->parts_);
  if (id.empty()) {
    auto all = co_await report.all();
    co_return all;
  }
  auto some = co_await report.of(std::move(id));
  co_return some;
}

Task<Result<std::string>> Gateway::capture(std::string id, std::chrono::seconds length) const {
  LegReport report(core_->parts_);
  auto packets = co_await report.capture(std::move(id), length);
  co_return packets;
}

std::string Gateway::state_json() const {
  const Core& core = *core_;
  json::array providers;
  for (size_t i = 0; i < core.providers_.size(); ++i)
    providers.push_back(json::object{{"name", core.settings_.providers[i].name},
                                     {"channels", core.providers_.channels(i)},
                                     {"rested", core.providers_.is_rested(i, core.parts_.now())}});
  const json::object state{{"name", core.settings_.name},
                           {"region", core.settings_.region},
                           {"legs", core.legs_.size()},
                           {"outside_dialogs", core.outside_.dialogs()},
                           {"link_dialogs", core.link_.dialogs()},
                           {"draining", core.parts_.is_draining},
                           {"providers", std::move(providers)},
                           {"reported", policy::to_json(core.way_meter_.last())}};
  return to_json(state);
}

}  // namespace nearend::gateway
