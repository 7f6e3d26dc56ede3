#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "app/role_base.hpp"
#include "app/roles.hpp"

namespace nearend::app {
namespace {

constexpr std::string_view demo_account = "AC00000000000000000000000000000001";
constexpr std::string_view shared_link_key = "peers on one machine";
constexpr std::string_view zone = "local/here";
constexpr uint16_t friend_offset = 20;

/// The ports of a platform on loopback, counted from the phones' one.
struct Ports {
  uint16_t sip, gateway_link, router_link, policy, api, app, gateway_http;
  explicit Ports(uint16_t first)
      : sip(first),
        gateway_link(static_cast<uint16_t>(first + 10)),
        router_link(static_cast<uint16_t>(first + 11)),
        policy(static_cast<uint16_t>(first + 12)),
        api(static_cast<uint16_t>(first + 13)),
        app(static_cast<uint16_t>(first + 14)),
        gateway_http(static_cast<uint16_t>(first + 15)) {}
  uint16_t friend_sip() const { return static_cast<uint16_t>(sip + friend_offset); }
};

Endpoint on_loopback(uint16_t port) {
  return {IpAddress::loopback(), port};
}
std::string link_uri(uint16_t port) {
  return fmt::format("sip:127.0.0.1:{};transport=tcp", port);
}

policy::Topology topology_of(const Ports& ports) {
  const std::string events = fmt::format("http://127.0.0.1:{}/v1/call-events", ports.api);
  return {.gateways = {{.name = "gateway",
                        .region = std::string(zone),
                        .link_uri = link_uri(ports.gateway_link),
                        .features = gateway::Settings{}.features,
                        .prefixes = {""}}},
          .routers = {{.name = "router",
                       .region = std::string(zone),
                       .link_uri = link_uri(ports.router_link),
                       .events_url = events}}};
}

CommonSettings common_of(const Ports& ports) {
  return {.policy = {.url = fmt::format("http://127.0.0.1:{}", ports.policy)}};
}

media::NodeSettings media_of(const std::string& directory, uint16_t port_first) {
  media::NodeSettings media;
  media.port_first = port_first;
  media.port_last = static_cast<uint16_t>(port_first + 1999);
  media.recordings = fmt::format("{}/recordings-{}", directory, port_first);
  media.may_reach_internal = true;
  return media;
}

GatewayFile gateway_file(const Ports& ports, const std::string& directory) {
  GatewayFile file{
      .common = common_of(ports), .media = media_of(directory, 20'000), .http_listen = on_loopback(ports.gateway_http)};
  gateway::Settings& gateway = file.gateway;
  gateway.name = "gateway";
  gateway.region = zone;
  for (sip::Protocol protocol : {sip::Protocol::udp, sip::Protocol::tcp})
    gateway.listen.push_back({.protocol = protocol, .local = on_loopback(ports.sip)});
  gateway.link_listen.push_back({.protocol = sip::Protocol::tcp, .local = on_loopback(ports.gateway_link)});
  gateway.link_peers = {*parse_cidr("127.0.0.0/8")};
  gateway.link_key = shared_link_key;
  gateway.journal_path = directory + "/journal";
  gateway::Provider phones;
  phones.name = "phones";
  // The listeners are on loopback, so only this machine reaches them; but a softphone may send from another of its
  // addresses.
  phones.addresses = {*parse_cidr("0.0.0.0/0")};
  phones.is_nat_learned = true;
  phones.targets = {{.host = "127.0.0.1", .port = ports.friend_sip()}};
  phones.options_ping = std::chrono::seconds(0);
  gateway.providers.push_back(phones);
  gateway.numbers.push_back({.value = "ivr", .account_sid = std::string(demo_account)});
  gateway.numbers.push_back({.value = "friend",
                             .account_sid = std::string(demo_account),
                             .kind = gateway::NumberEntry::Kind::forward,
                             .forward_to = "friend"});
  return file;
}

RouterFile router_file(const Ports& ports, const std::string& directory, const std::string& app_url) {
  RouterFile file{.common = common_of(ports), .media = media_of(directory, 23'000)};
  router::Settings& router = file.router;
  router.name = "router";
  router.region = zone;
  router.link_listen.push_back({.protocol = sip::Protocol::tcp, .local = on_loopback(ports.router_link)});
  router.link_peers = {*parse_cidr("127.0.0.0/8")};
  router.link_key = shared_link_key;
  router.http_listen = on_loopback(ports.api);
  router.public_url = fmt::format("http://127.0.0.1:{}", ports.api);
  router.store_path = directory + "/store.sqlite";
  router.may_reach_internal = true;
  router.accounts.push_back({.sid = std::string(demo_account), .auth_token = "secret", .name = "You"});
  router.numbers.push_back({.number = "ivr",
                            .sid = "PN00000000000000000000000000000001",
                            .account_sid = std::string(demo_account),
                            .voice_url = app_url});
  return file;
}

PolicyFile policy_file(const Ports& ports) {
  return {.policy_server = {
              .name = "policy", .listen = on_loopback(ports.policy), .link_key = std::string(shared_link_key)}};
}

template <class File>
Loaded<File> with_topology(File file, const Ports& ports) {
  policy::Topology topology = topology_of(ports);
  fill_from_topology(file, topology);
  return {std::move(file), std::move(topology)};
}

/// The customer's side of `nearend up`: a small menu, served as TwiML over HTTP like anybody's.
class MenuRole final : public RoleBase {
 public:
  explicit MenuRole(const Ports& ports) : ports_(ports) {}
  Result<void> start() override {
    auto server = servers_.serve(on_loopback(ports_.app),
                                 [this](http::ServerRequest request) { return answer(std::move(request)); });
    if (!server) return pass(server);
    server_ = std::move(*server);
    return {};
  }
  std::string ready_line() const override { return "menu ready http=" + server_->local().to_string(); }

 private:
  static std::string digit_of(const http::ServerRequest& request) {
    auto form = http::parse_form(request.body);
    if (!form) return {};
    for (const auto& [key, value] : *form)
      if (key == "Digits") return value;
    return {};
  }
  std::string document_for(const http::ServerRequest& request) const {
    constexpr std::string_view menu =
        "<Gather numDigits=\"1\" action=\"/choice\" timeout=\"6\"><Say>Welcome to Near end. Press 1 to hear where your "
        "call runs. "
        "Press 2 to leave a message. Press 3 to be connected to the second phone.</Say></Gather><Say>Good bye.</Say>";
    const std::string digit = digit_of(request);
    if (request.path == "/message") return "<Say>Thank you. Your message is kept.</Say><Redirect>/menu</Redirect>";
    if (request.path != "/choice") return std::string(menu);
    if (digit == "1")
      return "<Say>A gateway answered you, a router fetched this text over H T T P, and the gateway spoke it.</Say>"
             "<Redirect>/menu</Redirect>";
    if (digit == "2")
      return "<Say>Speak after the tone, and press any key to end.</Say><Record action=\"/message\" maxLength=\"60\"/>";
    if (digit == "3")
      return "<Dial timeout=\"20\">friend</Dial><Say>The second phone has gone.</Say><Redirect>/menu</Redirect>";
    return "<Say>That is not on the menu.</Say><Redirect>/menu</Redirect>";
  }
  Task<http::Response> answer(http::ServerRequest request) {
    fmt::print("menu: {} {} {}\n", request.method, request.path, request.body.substr(0, 100));
    std::fflush(stdout);
    co_return http::Response{.status = 200,
                             .headers = {{"Content-Type", "text/xml"}},
                             .body = fmt::format("<Response>{}</Response>\n", document_for(request))};
  }

  Ports ports_;
  std::unique_ptr<http::Server> server_;
};

std::string data_directory(const std::string& wanted) {
  if (!wanted.empty()) {
    std::filesystem::create_directories(wanted);
    return wanted;
  }
  std::string pattern = (std::filesystem::temp_directory_path() / "nearend-XXXXXX").string();
  return ::mkdtemp(pattern.data()) ? pattern : std::string(".");
}

void print_greeting(const Ports& ports, const std::string& directory) {
  fmt::print(
      "\nThe platform is up. Call  sip:ivr@127.0.0.1:{0}  with a softphone (no registration, UDP or TCP).\n"
      "A second phone that listens on 127.0.0.1:{1} is reached by menu point 3, or directly as "
      "sip:friend@127.0.0.1:{0}.\n"
      "  policy   http://127.0.0.1:{2}/v1/state\n"
      "  gateway  http://127.0.0.1:{3}/v1/state  /v1/legs (who talks, and how it sounds)  /metrics\n"
      "  API      http://127.0.0.1:{4}/2010-04-01/Accounts/{5}/Calls.json  (user: the account, password: secret)\n"
      "  data     {6}\n"
      "Ctrl-C ends it.\n",
      ports.sip, ports.friend_sip(), ports.policy, ports.gateway_http, ports.api, demo_account, directory);
  std::fflush(stdout);
}

}  // namespace

int run_up(const UpSettings& settings) {
  const Ports ports(settings.sip_port);
  const std::string directory = data_directory(settings.data_directory);
  const std::string app_url =
      settings.app_url.empty() ? fmt::format("http://127.0.0.1:{}/menu", ports.app) : settings.app_url;
  telemetry::configure_log(telemetry::Level::info, directory + "/log");

  // Signals are taken by this thread alone; the roles' threads inherit the mask.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  std::vector<std::unique_ptr<Role>> roles;
  roles.push_back(std::make_unique<MenuRole>(ports));
  roles.push_back(make_policy({policy_file(ports), topology_of(ports)}));
  roles.push_back(make_router(with_topology(router_file(ports, directory, app_url), ports)));
  roles.push_back(make_gateway(with_topology(gateway_file(ports, directory), ports)));
  std::vector<std::jthread> threads;
  int exit_code = 0;
  for (auto& role : roles) {
    auto started = role->start();
    if (!started) {
      fmt::print(stderr, "nearend up: {}\n  Is another one running? --sip-port moves all ports.\n",
                 started.error().text);
      exit_code = 1;
      break;
    }
    fmt::print("{}\n", role->ready_line());
    threads.emplace_back([&role = *role] { role.run(); });
  }
  if (exit_code == 0) {
    print_greeting(ports, directory);
    int signal = 0;
    sigwait(&signals, &signal);
    fmt::print("\nending: calls may finish for {} s; Ctrl-C again ends at once\n", RoleBase::grace.count());
    std::fflush(stdout);
  }
  for (size_t i = 0; i < threads.size(); ++i) roles[i]->ask_to_stop();
  std::jthread second([&] {
    const timespec wait{.tv_sec = RoleBase::grace.count() + RoleBase::farewell.count()};
    if (sigtimedwait(&signals, nullptr, &wait) > 0)
      for (size_t i = 0; i < threads.size(); ++i) roles[i]->ask_to_stop();
  });
  for (auto& thread : threads) thread.join();
  pthread_kill(second.native_handle(), SIGTERM);
  return exit_code;
}

}  // namespace nearend::app
