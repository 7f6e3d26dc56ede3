#include <doctest/doctest.h>

#include <map>

#include "io/async.hpp"
#include "sip/resolver.hpp"
#include "unit/sip/test_agents.hpp"

using namespace nearend;
using namespace nearend::sip;
using namespace nearend::sip::test;
using io::DnsRecord;

namespace {

DnsRecord srv(uint16_t priority, uint16_t weight, uint16_t port, std::string target) {
  DnsRecord record;
  record.type = DnsRecord::Type::srv;
  record.priority = priority;
  record.weight = weight;
  record.port = port;
  record.target = std::move(target);
  return record;
}

DnsRecord naptr(uint16_t order, std::string service, std::string target) {
  DnsRecord record;
  record.type = DnsRecord::Type::naptr;
  record.priority = order;
  record.flags = "s";
  record.service = std::move(service);
  record.target = std::move(target);
  return record;
}

struct Names {
  Names() {
    world.sim.names().set_address("a.example", at("192.0.2.11:0").address);
    world.sim.names().set_address("b.example", at("192.0.2.12:0").address);
  }
  /// "UDP 192.0.2.11:5060" and so on; an error's words with a '!' before them.
  std::vector<std::string> ask(std::string_view uri, std::string transport = {}) {
    std::vector<std::string> got;
    io::Scope scope(host.loop());
    scope.spawn(run(*parse_uri(uri), std::move(transport), host, got));
    world.run(30s);
    return got;
  }
  static Task<void> run(Uri uri, std::string transport, sim::Host& host, std::vector<std::string>& got) {
    auto targets = co_await resolve(std::move(uri), std::move(transport), host.dns(), host.loop());
    if (!targets) {
      got.push_back("!" + targets.error().text);
      co_return;
    }
    for (const Target& target : *targets)
      got.push_back(std::string(to_string(target.protocol)) + " " + target.address.to_string());
  }
  using All = std::vector<std::string>;
  World world;
  sim::Host& host = world.host(at("192.0.2.1:5060"));
};

}  // namespace

TEST_CASE("numeric hosts, ports and transports are taken as they are") {
  Names names;
  CHECK(names.ask("sip:u@192.0.2.5") == Names::All{"UDP 192.0.2.5:5060"});
  CHECK(names.ask("sip:[2001:db8::5]:99;transport=tcp") == Names::All{"TCP [2001:db8::5]:99"});
  CHECK(names.ask("sips:192.0.2.5") == Names::All{"TLS 192.0.2.5:5061"});
  CHECK(names.ask("sip:192.0.2.5;transport=udp", "tls") == Names::All{"TLS 192.0.2.5:5061"});
  CHECK(names.ask("sip:a.example;maddr=192.0.2.7") == Names::All{"UDP 192.0.2.7:5060"});
  CHECK(names.ask("sip:192.0.2.5;transport=sctp").front().starts_with("!transport sctp"));
  CHECK(names.ask("sips:192.0.2.5;transport=udp").front().starts_with("!sips"));
}

TEST_CASE("a name with a port asks for addresses only; without records it is found under 5060") {
  Names names;
  CHECK(names.ask("sip:a.example:5070") == Names::All{"UDP 192.0.2.11:5070"});
  CHECK(names.ask("sip:a.example") == Names::All{"UDP 192.0.2.11:5060"});
  CHECK(names.ask("sip:a.example;transport=tcp") == Names::All{"TCP 192.0.2.11:5060"});
  CHECK(names.ask("sip:nobody.example").front().starts_with("!"));
}

TEST_CASE("NAPTR orders the transports, SRV the hosts") {
  Names names;
  auto& table = names.world.sim.names();
  table.set("example", {naptr(20, "SIP+D2U", "_sip._udp.example"), naptr(10, "SIP+D2T", "_sip._tcp.example"),
                        naptr(5, "SIP+D2X", "_x.example"), naptr(30, "SIPS+D2T", "_sips._tcp.example")});
  table.set("_sip._tcp.example", {srv(2, 0, 5062, "b.example"), srv(1, 0, 5061, "a.example")});
  table.set("_sip._udp.example", {srv(1, 0, 5063, "b.example")});
  table.set("_sips._tcp.example", {srv(1, 0, 5065, "a.example")});
  CHECK(names.ask("sip:example") ==
        Names::All{"TCP 192.0.2.11:5061", "TCP 192.0.2.12:5062", "UDP 192.0.2.12:5063", "TLS 192.0.2.11:5065"});
  CHECK(names.ask("sips:example") == Names::All{"TLS 192.0.2.11:5065"});
  CHECK(names.ask("sip:example;transport=udp") == Names::All{"UDP 192.0.2.12:5063"});
}

TEST_CASE("SRV weights are honoured within 5 % over 1000 draws") {
  Names names;
  auto& table = names.world.sim.names();
  table.set("_sip._udp.w.example",
            {srv(1, 70, 5060, "a.example"), srv(1, 30, 5060, "b.example"), srv(2, 100, 5060, "c.example")});
  table.set_address("c.example", at("192.0.2.13:0").address);
  int first_a = 0;
  for (int i = 0; i < 1000; ++i) {
    const auto targets = names.ask("sip:w.example");
    REQUIRE(targets.size() == 3);
    CHECK(targets.back() == "UDP 192.0.2.13:5060");
    first_a += targets.front() == "UDP 192.0.2.11:5060";
  }
  CHECK(first_a >= 650);
  CHECK(first_a <= 750);
}

TEST_CASE("a call to a name is resolved, fails over between its servers, and says when there is no such name") {
  World world;
  Agent bob(world, "192.0.2.2:5060");
  bob.answer_all();
  sim::Host& host = world.host(at("192.0.2.1:5060"));
  Agent ann(world, "192.0.2.1:5060", {}, &host.dns());
  auto& table = world.sim.names();
  table.set_address("dead.example", at("192.0.2.3:0").address);
  table.set_address("live.example", bob.endpoint.address);
  table.set("_sip._udp.carrier.example", {srv(1, 0, 5060, "dead.example"), srv(2, 0, 5060, "live.example")});
  (void)world.host(at("192.0.2.3:5060"));
  InviteRequest request;
  request.uri = "sip:bob@carrier.example";
  request.from = "sip:ann@192.0.2.1";
  request.body = sdp();
  REQUIRE(ann.stack.invite(request));
  world.run(5s);
  CHECK(ann.count<event::Accepted>() == 1);
  CHECK(bob.last<event::Invited>().request.request_uri() == "sip:bob@carrier.example");
  request.uri = "sip:bob@nowhere.example";
  REQUIRE(ann.stack.invite(request));
  world.run(5s);
  CHECK(ann.last<event::Refused>().status == 503);
  CHECK(ann.last<event::Refused>().is_local);
  Agent nameless(world, "192.0.2.4:5060");
  CHECK_FALSE(nameless.stack.invite(request));
}
