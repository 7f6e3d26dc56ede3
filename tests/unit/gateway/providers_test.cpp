#include "gateway/providers.hpp"

#include <doctest/doctest.h>

#include "unit/gateway/region.hpp"

namespace nearend::gateway::test {
namespace {

using namespace sip;
using Way = Providers::Way;

Provider outbound(std::string name, std::vector<std::string> prefixes, int priority = 0, double cost = 0) {
  Provider provider;
  provider.name = std::move(name);
  provider.is_inbound = false;
  provider.targets = {{.host = "192.0.2.2"}};
  provider.prefixes = std::move(prefixes);
  provider.priority = priority;
  provider.cost = cost;
  return provider;
}

Settings with(std::vector<Provider> providers) {
  Settings settings;
  settings.providers = std::move(providers);
  return settings;
}

io::Instant after(io::Duration time) {
  return io::Instant{} + 1h + time;
}

io::DnsRecord srv(uint16_t priority, std::string target, uint16_t port = 5060) {
  io::DnsRecord record;
  record.type = io::DnsRecord::Type::srv;
  record.priority = priority;
  record.port = port;
  record.target = std::move(target);
  return record;
}

/// A gateway, a caller, and phones at 192.0.2.2 and 192.0.2.3 behind providers "out" and "second".
struct Calls {
  explicit Calls(Settings settings)
      : region(world, "192.0.2.10", std::move(settings)),
        caller(world, "192.0.2.1:5060"),
        first(world, "192.0.2.2:5060"),
        second(world, "192.0.2.3:5060") {}
  DialogId call() {
    InviteRequest request;
    request.uri = "sip:+15550101@192.0.2.10";
    request.from = "<sip:+15550177@carrier.example>";
    request.targets = {{Protocol::udp, at("192.0.2.10:5060"), {}, 0}};
    request.body = sdp_of("192.0.2.1", 4000);
    const DialogId dialog = *caller.stack.invite(std::move(request));
    world.run(100ms);
    return dialog;
  }
  /// Calls, and the phone that was rung is busy: true when it was the first one's.
  bool is_first_asked() {
    const size_t before = first.count<event::Invited>();
    call();
    const bool is_first = first.count<event::Invited>() > before;
    Agent& rung = is_first ? first : second;
    (void)rung.stack.refuse(rung.dialog_of<event::Invited>(), 486);
    world.run(100ms);
    return is_first;
  }
  World world;
  Region region;
  Agent caller, first, second;
};

/// The second of the two providers is called by a name.
Settings named(std::string uri) {
  Settings settings = two_providers();
  settings.providers.pop_back();
  settings.providers.back().targets.clear();
  settings.providers.back().uri = std::move(uri);
  return settings;
}

}  // namespace

TEST_CASE("a number goes to the provider with the longest prefix, then by priority, then by cost") {
  const Settings settings =
      with({outbound("all", {""}), outbound("dear", {"+49"}, 0, 2), outbound("cheap", {"+49", "+43"}, 0, 1),
            outbound("last", {"+49"}, 1, 0), outbound("berlin", {"+4930"}), outbound("us", {"+1"})});
  const Providers providers(settings);
  CHECK(providers.candidates("+4930123", {}) == std::vector<size_t>{4, 2, 1, 3, 0});
  CHECK(providers.candidates("+43123", {}) == std::vector<size_t>{2, 0});
  CHECK(providers.candidates("+15550100", {}) == std::vector<size_t>{5, 0});
  Settings inbound = with({outbound("in", {""})});
  inbound.providers[0].is_outbound = false;
  CHECK(Providers(inbound).candidates("+1", {}).empty());
}

TEST_CASE("proposed providers are tried first and in that order, unless they rest; unknown names are passed over") {
  Settings settings = with({outbound("a", {""}), outbound("b", {""}), outbound("c", {"+49"}), outbound("d", {"+1"})});
  Providers providers(settings);
  const std::vector<std::string> proposed{"b", "nobody", "d", "c"};
  CHECK(providers.candidates("+49123", after(0s), proposed) == std::vector<size_t>{1, 2, 0});
  providers.failed(1, 7s, after(0s));
  CHECK(providers.candidates("+49123", after(1s), proposed) == std::vector<size_t>{2, 0, 1});
}

TEST_CASE("the policy server is told what became of a provider's calls, once") {
  Calls calls(two_providers());
  calls.call();
  (void)calls.first.stack.refuse(calls.first.dialog_of<event::Invited>(), 503);
  calls.world.run(100ms);
  (void)calls.second.stack.progress(calls.second.dialog_of<event::Invited>(), 180);
  calls.world.run(100ms);
  (void)calls.second.stack.refuse(calls.second.dialog_of<event::Invited>(), 486);
  calls.world.run(2s);
  std::map<std::string, policy::ProviderCounts> told;
  for (const policy::GatewayReport& report : calls.region.policy.reports)
    for (const policy::ProviderReport& each : report.providers) {
      policy::ProviderCounts& sum = told[each.name];
      sum.attempts += each.counts.attempts;
      sum.failed += each.counts.failed;
      sum.refused += each.counts.refused;
      sum.delays += each.counts.delays;
      CHECK(each.prefixes == std::vector<std::string>{""});
    }
  REQUIRE(told.size() == 2);
  CHECK(told["out"] == policy::ProviderCounts{.attempts = 1, .failed = 1});
  CHECK(told["second"] == policy::ProviderCounts{.attempts = 1, .refused = 1, .delays = 1});
  CHECK_FALSE(calls.region.policy.reports.back().providers.front().facts.is_healthy);
  CHECK(calls.region.events("provider-failed") == 1);
}

TEST_CASE("calls a second are limited each way: a burst of one second's, then evenly") {
  Settings settings = with({outbound("p", {""})});
  settings.providers[0].cps_max = 4;
  Providers providers(settings);
  for (int i = 0; i < 4; ++i) CHECK(providers.take(0, Way::out, after(0s)));
  CHECK_FALSE(providers.take(0, Way::out, after(0s)));
  CHECK(providers.take(0, Way::in, after(0s)));
  CHECK(providers.channels(0) == 5);  // what was refused took no channel
  CHECK_FALSE(providers.take(0, Way::out, after(200ms)));
  CHECK(providers.take(0, Way::out, after(250ms)));
  CHECK_FALSE(providers.take(0, Way::out, after(260ms)));
  int taken = 0;
  for (auto at = 1s; at < 11s; at += 1s)
    for (auto part = 0ms; part < 1s; part += 50ms) taken += providers.take(0, Way::out, after(at + part));
  CHECK(taken >= 40);
  CHECK(taken <= 44);
}

TEST_CASE("channels are shared by both ways and given back") {
  Settings settings = with({outbound("p", {""})});
  settings.providers[0].channels_max = 2;
  Providers providers(settings);
  CHECK(providers.take(0, Way::in, after(0s)));
  CHECK(providers.take(0, Way::out, after(0s)));
  CHECK_FALSE(providers.take(0, Way::out, after(9s)));
  providers.give_back(0);
  CHECK(providers.take(0, Way::out, after(9s)));
}

TEST_CASE("a provider that failed is tried last until it has rested or works again") {
  const Settings settings = with({outbound("a", {""}), outbound("b", {""}, 1)});
  Providers providers(settings);
  providers.failed(0, 7s, after(0s));
  CHECK(providers.candidates("1", after(6s)) == std::vector<size_t>{1, 0});
  CHECK(providers.candidates("1", after(7s)) == std::vector<size_t>{0, 1});
  providers.failed(0, std::nullopt, after(10s));
  CHECK(providers.candidates("1", after(39s)) == std::vector<size_t>{1, 0});
  providers.worked(0);
  CHECK(providers.candidates("1", after(11s)) == std::vector<size_t>{0, 1});
  providers.pinged(0, false);
  CHECK_FALSE(providers.is_rested(0, after(11s)));
  providers.pinged(0, false);
  CHECK(providers.is_rested(0, after(11h)));
  providers.pinged(0, true);
  CHECK_FALSE(providers.is_rested(0, after(11s)));
}

TEST_CASE("a provider that OPTIONS does not reach, or that answers 503, is tried last until it answers again") {
  Settings settings = two_providers();
  settings.providers[1].options_ping = 30s;
  Calls calls(settings);
  size_t pings = 0;
  int status = 200;
  calls.first.on_outside = [&](ServerTransactionId transaction, const Message& request, const Flow&) {
    pings += request.method() == Method::options;
    (void)calls.first.stack.respond(transaction, status);
  };
  calls.world.run(31s);
  CHECK(pings == 1);
  CHECK(calls.is_first_asked());
  status = 503;
  calls.world.run(65s);
  CHECK_FALSE(calls.is_first_asked());
  status = 404;  // who says no to OPTIONS is there
  calls.world.run(31s);
  CHECK(calls.is_first_asked());
  calls.world.lose([](const Endpoint&, const Endpoint& to, std::string_view) { return to == at("192.0.2.2:5060"); });
  calls.world.run(130s);
  CHECK_FALSE(calls.is_first_asked());
}

TEST_CASE(
    "500, 503, 408 and a challenge that we cannot meet try the next provider; 486, 603 and 404 are final (FT35)") {
  for (const int status : {500, 503, 408, 401}) {
    CAPTURE(status);
    Calls calls(two_providers());
    calls.call();
    (void)calls.first.stack.refuse(calls.first.dialog_of<event::Invited>(), status);
    calls.world.run(100ms);
    CHECK(calls.second.count<event::Invited>() == 1);
  }
  for (const int status : {486, 603, 404, 600}) {
    CAPTURE(status);
    Calls calls(two_providers());
    calls.call();
    (void)calls.first.stack.refuse(calls.first.dialog_of<event::Invited>(), status);
    calls.world.run(100ms);
    CHECK(calls.second.count<event::Invited>() == 0);
    CHECK(calls.caller.last<event::Refused>().status == status);
  }
}

TEST_CASE("a provider's limits send the call to the next one, and without any the caller hears 503") {
  Settings settings = two_providers();
  settings.providers[1].channels_max = 1;
  settings.providers[2].channels_max = 1;
  Calls calls(settings);
  for (int i = 0; i < 3; ++i) calls.call();
  CHECK(calls.first.count<event::Invited>() == 1);
  CHECK(calls.second.count<event::Invited>() == 1);
  CHECK(calls.caller.last<event::Refused>().status == 503);
}

TEST_CASE("a provider's challenge is answered with its credentials") {
  Settings settings = two_providers();
  settings.providers[1].credentials =
      Credentials{.username = "trunk", .password = "secret", .realm = "carrier.example", .host = {}};
  Calls calls(settings);
  std::string answer;
  calls.first.on_event = [&](DialogId dialog, DialogEvent& event) {
    const auto* invited = std::get_if<event::Invited>(&event);
    if (!invited) return;
    answer = invited->request.header(HeaderId::authorization);
    if (answer.empty())
      (void)calls.first.stack.refuse(
          dialog, 401, {},
          {{"WWW-Authenticate", "Digest realm=\"carrier.example\", nonce=\"n1\", algorithm=SHA-256, qop=\"auth\""}});
    else
      (void)calls.first.stack.accept(dialog, sdp_of("192.0.2.2", 5000));
  };
  calls.call();
  calls.world.run(100ms);
  CHECK(answer.find("username=\"trunk\"") != std::string::npos);
  CHECK(calls.caller.count<event::Accepted>() == 1);
  CHECK(calls.second.count<event::Invited>() == 0);
}

TEST_CASE("a provider with a name is found by SRV, its answers are heard, and it fails over between its hosts") {
  Calls calls(named("sip:carrier.example"));
  auto& names = calls.world.sim.names();
  names.set_address("a.carrier.example", at("192.0.2.2:0").address);
  names.set_address("b.carrier.example", at("192.0.2.3:0").address);
  names.set("_sip._udp.carrier.example", {srv(1, "a.carrier.example"), srv(2, "b.carrier.example")});
  const DialogId dialog = calls.call();
  REQUIRE(calls.first.count<event::Invited>() == 1);
  CHECK(calls.first.last<event::Invited>().request.request_uri() == "sip:+4930123@carrier.example");
  (void)calls.first.stack.accept(calls.first.dialog_of<event::Invited>(), sdp_of("192.0.2.2", 5000));
  calls.world.run(100ms);
  REQUIRE(calls.caller.count<event::Accepted>() == 1);
  calls.first.stack.end(calls.first.dialog_of<event::Invited>());  // its BYE is heard, too
  calls.world.run(1s);
  CHECK(calls.caller.count<event::Ended>() == 1);
  CHECK(calls.region.is_clean());
  (void)dialog;

  calls.call();
  (void)calls.first.stack.refuse(calls.first.dialog_of<event::Invited>(), 503);
  calls.world.run(100ms);
  CHECK(calls.second.count<event::Invited>() == 1);
}

TEST_CASE("a provider with several named targets tries them in order, and one without an address is no provider") {
  Settings settings = two_providers();
  settings.providers[1].targets = {{.host = "a.carrier.example"}, {.host = "b.carrier.example"}};
  Calls calls(settings);
  calls.world.sim.names().set_address("b.carrier.example", at("192.0.2.2:0").address);
  calls.call();
  REQUIRE(calls.first.count<event::Invited>() == 1);
  (void)calls.first.stack.refuse(calls.first.dialog_of<event::Invited>(), 486);
  calls.world.run(100ms);
  calls.world.sim.names().remove("b.carrier.example");
  calls.call();
  CHECK(calls.second.count<event::Invited>() == 1);
}

TEST_CASE("a provider's name lets nobody call in") {
  Calls calls(named("sip:second.example"));
  calls.world.sim.names().set_address("second.example", at("192.0.2.3:0").address);
  calls.call();
  CHECK(calls.second.count<event::Invited>() == 1);
  InviteRequest request;
  request.uri = "sip:+15550101@192.0.2.10";
  request.from = "<sip:mallory@second.example>";
  request.targets = {{Protocol::udp, at("192.0.2.10:5060"), {}, 0}};
  request.body = sdp_of("192.0.2.3", 4000);
  (void)calls.second.stack.invite(std::move(request));
  calls.world.run(100ms);
  CHECK(calls.second.last<event::Refused>().status == 403);
}

TEST_CASE("a provider with a name is asked by OPTIONS, too") {
  Settings settings = named("sip:carrier.example");
  settings.providers.back().options_ping = 30s;
  Calls calls(settings);
  calls.world.sim.names().set_address("carrier.example", at("192.0.2.2:0").address);
  size_t pings = 0;
  calls.first.on_outside = [&](ServerTransactionId transaction, const Message& request, const Flow&) {
    pings += request.method() == Method::options;
    (void)calls.first.stack.respond(transaction, 200);
  };
  calls.world.run(65s);
  CHECK(pings == 2);
}

}  // namespace nearend::gateway::test
