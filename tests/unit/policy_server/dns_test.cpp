#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/text.hpp"
#include "io/dns_answer.hpp"
#include "policy/report.hpp"
#include "policy_server/dns_server.hpp"
#include "sim/world.hpp"

using namespace nearend;
using namespace nearend::policy_server;
using namespace std::chrono_literals;
using dns::Code;
using dns::Type;

namespace {

constexpr int64_t now_ms = 1'000'000;
using Bytes = std::vector<uint8_t>;

struct Asked {
  std::string name;
  Type type = Type::a;
  std::optional<uint16_t> payload = {};  // with EDNS
  Bytes options = {};
  uint8_t version = 0, flags = 1, opts = 1;
  uint16_t net_class = 1;
};

Bytes message_of(const Asked& asked) {
  Bytes bytes{0x12, 0x34, asked.flags, 0, 0, 1, 0, 0, 0, 0, 0, static_cast<uint8_t>(asked.payload ? asked.opts : 0)};
  const auto word = [&bytes](size_t value) {
    bytes.push_back(static_cast<uint8_t>(value >> 8));
    bytes.push_back(static_cast<uint8_t>(value));
  };
  for (const std::string_view label : split(asked.name, '.')) {
    bytes.push_back(static_cast<uint8_t>(label.size()));
    bytes.insert(bytes.end(), label.begin(), label.end());
  }
  bytes.push_back(0);
  word(static_cast<uint16_t>(asked.type));
  word(asked.net_class);
  for (int i = 0; asked.payload && i < asked.opts; ++i) {
    bytes.push_back(0);
    word(41);
    word(*asked.payload);
    bytes.insert(bytes.end(), {0, asked.version, 0, 0});
    word(asked.options.size());
    bytes.insert(bytes.end(), asked.options.begin(), asked.options.end());
  }
  return bytes;
}

Bytes subnet(std::initializer_list<uint8_t> data) {
  Bytes option{0, 8, 0, static_cast<uint8_t>(data.size())};
  option.insert(option.end(), data);
  return option;
}

int code_of(const Bytes& answer) {
  return answer[3] & 0x0f;
}
bool is_cut(const Bytes& answer) {
  return (answer[2] & 2) != 0;
}
bool is_authoritative(const Bytes& answer) {
  return (answer[2] & 4) != 0;
}
int count_of(const Bytes& answer, size_t section) {
  return answer[4 + 2 * section] << 8 | answer[5 + 2 * section];
}
bool holds(const Bytes& answer, std::string_view text) {
  return std::string_view(reinterpret_cast<const char*>(answer.data()), answer.size()).find(text) !=
         std::string_view::npos;
}
std::string_view as_text(const Bytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

struct Platform {
  Platform() : Platform(settings_of()) {}
  explicit Platform(const DnsSettings& given) : settings(given), responder(settings, advisor, 7) {}

  static DnsSettings settings_of() {
    DnsSettings settings;
    settings.listen = Endpoint{IpAddress::loopback(), 53};
    settings.zone = "Voice.example.com";
    settings.name_servers = {{"ns1.voice.example.com", {*parse_ip("198.51.100.53"), *parse_ip("2001:db8::53")}},
                             {"ns.example.net", {}}};
    settings.gateways = {{"eu-gw1", {"udp:198.51.100.1:5060", "tcp:198.51.100.1:5060", "tls:[2001:db8::1]:5061"}},
                         {"eu-gw2", {"udp:198.51.100.2:5070"}},
                         {"fr-gw1", {"udp:198.51.100.3:5060"}},
                         {"us-gw1", {"udp:203.0.113.1:5060", "tcp:203.0.113.1:5060"}}};
    return settings;
  }
  static policy::Topology topology_of() {
    return {.gateways = {{"eu-gw1", "eu/de1", "sip:192.0.2.1:5070", {}, {""}},
                         {"eu-gw2", "eu/de1", "sip:192.0.2.2:5070", {}, {""}},
                         {"fr-gw1", "eu/fr1", "sip:192.0.2.3:5070", {}, {""}},
                         {"us-gw1", "us/va1", "sip:192.0.2.4:5070", {}, {""}},
                         {"inner", "us/va1", "sip:192.0.2.5:5070", {}, {""}}},
            .routers = {},
            .rtts = {{"eu/de1", "us/va1", 90}, {"eu/de1", "eu/fr1", 10}, {"eu/fr1", "us/va1", 80}},
            .areas = {{"isp-de", "eu/de1", 10, {}, {"100.64.0.0/10"}},
                      {"isp-us", "us/va1", 10, {}, {"100.127.8.0/24", "2001:db8:5::/48"}}}};
  }
  Bytes ask(const Asked& asked, const char* from = "100.64.1.1", bool is_udp = true) {
    const Bytes message = message_of(asked);
    const auto answered = responder.answer(message, *parse_ip(from), is_udp, now_ms, ++random);
    REQUIRE(answered);
    return answered->message;
  }
  std::vector<io::DnsRecord> records(const Asked& asked, const char* from = "100.64.1.1") {
    const auto type = asked.type == Type::srv     ? io::DnsRecord::Type::srv
                      : asked.type == Type::naptr ? io::DnsRecord::Type::naptr
                      : asked.type == Type::aaaa  ? io::DnsRecord::Type::aaaa
                                                  : io::DnsRecord::Type::a;
    const Bytes answer = ask(asked, from);
    CHECK(code_of(answer) == 0);
    CHECK(is_authoritative(answer));
    auto parsed = io::parse_dns_answer(answer, type);
    REQUIRE(parsed);
    return *parsed;
  }
  std::set<std::string> addresses(const Asked& asked, const char* from = "100.64.1.1") {
    std::set<std::string> texts;
    for (const auto& record : records(asked, from)) texts.insert(record.address.to_string());
    return texts;
  }
  void load(const char* gateway, double used, bool is_draining = false) {
    advisor.take_load(advisor.places().gateway(gateway), {.used = used, .capacity = 100, .is_draining = is_draining},
                      now_ms);
  }
  using Names = std::set<std::string>;

  policy::Topology topology = topology_of();
  policy::Advisor advisor{topology, {}};
  DnsSettings settings;
  dns::Responder responder;
  uint64_t random = 0;
};

const Asked apex{"voice.example.com"};

}  // namespace

TEST_CASE("the zone's name leads to the gateways of the region that is nearest to who asks, a region's to its own") {
  Platform platform;
  CHECK(platform.addresses(apex) == Platform::Names{"198.51.100.1", "198.51.100.2"});
  CHECK(platform.addresses(apex, "100.127.8.9") == Platform::Names{"203.0.113.1"});
  CHECK(platform.addresses({"eu-fr1.voice.example.com"}) == Platform::Names{"198.51.100.3"});
  CHECK(platform.addresses({"eu.voice.example.com"}, "100.127.8.9") == Platform::Names{"198.51.100.3"});
  CHECK(platform.addresses({"us.voice.example.com"}) == Platform::Names{"203.0.113.1"});
  CHECK(platform.addresses({"eu.voice.example.com", Type::aaaa}) == Platform::Names{"2001:db8::1"});
  CHECK(platform.addresses({"eu-gw2.gw.voice.example.com"}) == Platform::Names{"198.51.100.2"});
  CHECK(platform.addresses({"ns1.voice.example.com"}) == Platform::Names{"198.51.100.53"});
}

TEST_CASE("who is nowhere known is near to the instance's own region") {
  DnsSettings settings = Platform::settings_of();
  settings.region = "us/va1";
  Platform platform(settings);
  CHECK(platform.addresses(apex, "192.0.2.77") == Platform::Names{"203.0.113.1"});
  CHECK(platform.addresses(apex, "100.64.0.1") == Platform::Names{"198.51.100.1", "198.51.100.2"});
}

TEST_CASE("NAPTR names the transports that a name has, and SRV under them the gateways by nearness and room") {
  Platform platform;
  platform.load("eu-gw1", 60);
  platform.load("eu-gw2", 20);
  const auto naptr = platform.records({"eu.voice.example.com", Type::naptr});
  REQUIRE(naptr.size() == 3);
  std::map<uint16_t, std::string> ways;
  for (const auto& record : naptr) {
    CHECK(record.flags == "s");
    CHECK(record.ttl_s == 20);
    ways[record.priority] = record.service + " " + record.target;
  }
  CHECK(ways[50] == "SIPS+D2T _sips._tcp.eu.voice.example.com");
  CHECK(ways[90] == "SIP+D2T _sip._tcp.eu.voice.example.com");
  CHECK(ways[100] == "SIP+D2U _sip._udp.eu.voice.example.com");
  CHECK(platform.records({"eu-fr1.voice.example.com", Type::naptr}).size() == 1);

  std::map<std::string, io::DnsRecord> services;
  for (const auto& record : platform.records({"_sip._udp.voice.example.com", Type::srv}))
    services[record.target] = record;
  REQUIRE(services.size() == 4);
  CHECK(services["eu-gw1.gw.voice.example.com"].priority == 10);
  CHECK(services["eu-gw1.gw.voice.example.com"].weight == 40);
  CHECK(services["eu-gw2.gw.voice.example.com"].priority == 10);
  CHECK(services["eu-gw2.gw.voice.example.com"].weight == 80);
  CHECK(services["eu-gw2.gw.voice.example.com"].port == 5070);
  CHECK(services["fr-gw1.gw.voice.example.com"].priority == 20);
  CHECK(services["us-gw1.gw.voice.example.com"].priority == 30);

  const auto secure = platform.records({"_sips._tcp.voice.example.com", Type::srv});
  REQUIRE(secure.size() == 1);
  CHECK(secure[0].port == 5061);
  CHECK(count_of(platform.ask({"_sips._tcp.voice.example.com", Type::srv}), 3) == 2);
}

TEST_CASE("gateways that are full, drain or are silent are left out; if all are, the least bad is told") {
  Platform platform;
  const Asked de{"eu-de1.voice.example.com"};
  platform.load("eu-gw1", 96);
  platform.load("eu-gw2", 30);
  CHECK(platform.addresses(de) == Platform::Names{"198.51.100.2"});
  platform.load("eu-gw2", 30, true);
  CHECK(platform.addresses(de) == Platform::Names{"198.51.100.1"});  // full is better than draining
  CHECK(platform.addresses(apex) == Platform::Names{"198.51.100.3"});
  platform.load("eu-gw1", 10, true);
  CHECK(platform.addresses(de) == Platform::Names{"198.51.100.1", "198.51.100.2"});
  for (const char* name : {"fr-gw1", "us-gw1", "inner"}) platform.load(name, 1, true);
  CHECK(platform.addresses(apex).size() == 2);
}

TEST_CASE("a gateway that has fallen silent gets nobody while others of its kind report, and is told if nobody does") {
  Platform platform;
  for (const char* name : {"eu-gw1", "eu-gw2", "us-gw1"}) platform.load(name, 10);
  const int64_t later_ms = now_ms + 8000;
  const auto hops = [&] {
    return first_hops(platform.advisor, std::vector<policy::GatewayId>{0, 1}, policy::no_area, policy::no_region,
                      later_ms);
  };
  const policy::LoadReport load{.used = 10, .capacity = 100};
  platform.advisor.take_load(3, load, later_ms);
  CHECK(hops().size() == 2);  // both silent
  platform.advisor.take_load(1, load, later_ms);
  REQUIRE(hops().size() == 1);
  CHECK(hops()[0].gateway == 1);
  CHECK(hops()[0].room == 90);
}

TEST_CASE("a client's subnet counts in place of who asks, and the answer says for how much of it it is true") {
  Platform platform;
  const auto ask = [&](Bytes option, const char* name = "voice.example.com") {
    Asked asked{name};
    asked.payload = 1232;
    asked.options = std::move(option);
    return platform.ask(asked);
  };
  // All but one /24 of the /10 is one area's, so near that /24 more bits are needed.
  Bytes answer = ask(subnet({0, 1, 24, 0, 100, 127, 8}));
  CHECK(holds(answer, as_text(subnet({0, 1, 24, 24, 100, 127, 8}))));
  CHECK(io::parse_dns_answer(answer, io::DnsRecord::Type::a)->front().address == *parse_ip("203.0.113.1"));
  answer = ask(subnet({0, 1, 24, 0, 100, 64, 0}));
  CHECK(holds(answer, as_text(subnet({0, 1, 24, 11, 100, 64, 0}))));
  answer = ask(subnet({0, 1, 24, 0, 100, 127, 9}));
  CHECK(holds(answer, as_text(subnet({0, 1, 24, 24, 100, 127, 9}))));
  answer = ask(subnet({0, 2, 48, 0, 0x20, 0x01, 0x0d, 0xb8, 0, 5}));
  CHECK(holds(answer, as_text(subnet({0, 2, 48, 48, 0x20, 0x01, 0x0d, 0xb8, 0, 5}))));
  CHECK(io::parse_dns_answer(answer, io::DnsRecord::Type::a)->front().address == *parse_ip("203.0.113.1"));
  // Who wants it to be nobody's business; what does not depend on it; what is not there.
  CHECK(holds(ask(subnet({0, 1, 0, 0})), as_text(subnet({0, 1, 0, 0}))));
  CHECK(holds(ask(subnet({0, 1, 8, 0, 9}), "eu-gw1.gw.voice.example.com"), as_text(subnet({0, 1, 8, 0, 9}))));
  CHECK(holds(ask(subnet({0, 1, 8, 0, 9}), "nobody.voice.example.com"), as_text(subnet({0, 1, 8, 0, 9}))));
  // Echoed only to who sent it.
  CHECK_FALSE(holds(ask({}), as_text({0, 8, 0})));
  for (const Bytes& broken :
       {subnet({0, 1, 24, 0, 100, 127}), subnet({0, 1, 20, 0, 100, 127, 9}), subnet({0, 1, 33, 0, 1, 2, 3, 4, 5}),
        subnet({0, 3, 8, 0, 1}), subnet({0, 1, 8, 1, 9}), subnet({0, 1}), Bytes{0, 8, 0, 9, 0}})
    CHECK(code_of(ask(broken)) == 1);
}

TEST_CASE("names that are not there, other zones, other kinds of questions get the answers they should") {
  Platform platform;
  Bytes answer = platform.ask({"nobody.voice.example.com"});
  CHECK(code_of(answer) == 3);
  CHECK(count_of(answer, 2) == 1);  // SOA
  for (const Asked& empty :
       {Asked{"_udp.eu.voice.example.com"}, Asked{"gw.voice.example.com"}, Asked{"us.voice.example.com", Type::aaaa},
        Asked{"us.voice.example.com", Type{16}}, Asked{"_sip._udp.voice.example.com"}}) {
    answer = platform.ask(empty);
    CHECK(code_of(answer) == 0);
    CHECK(is_authoritative(answer));
    CHECK(count_of(answer, 1) == 0);
    CHECK(count_of(answer, 2) == 1);
  }
  CHECK(code_of(platform.ask({"_sips._tcp.us.voice.example.com", Type::srv})) == 3);
  CHECK(code_of(platform.ask({"inner.gw.voice.example.com"})) == 3);
  for (const Asked& foreign : {Asked{"example.com"}, Asked{"www.example.org"}, Asked{"xvoice.example.com"},
                               Asked{"voice.example.com", Type::axfr}}) {
    answer = platform.ask(foreign);
    CHECK(code_of(answer) == 5);
    CHECK_FALSE(is_authoritative(answer));
    CHECK(count_of(answer, 1) + count_of(answer, 2) + count_of(answer, 3) == 0);
  }
  Asked chaos = apex;
  chaos.net_class = 3;
  CHECK(code_of(platform.ask(chaos)) == 5);
  Asked notify = apex;
  notify.flags = 4 << 3;
  CHECK(code_of(platform.ask(notify)) == 4);
  CHECK(code_of(platform.ask({"voice.example.com", Type::maila})) == 4);

  answer = platform.ask({"voice.example.com", Type::any});
  CHECK(count_of(answer, 1) == 1);
  CHECK(holds(answer, "RFC8482"));
  CHECK(count_of(platform.ask({"voice.example.com", Type::soa}), 1) == 1);
  answer = platform.ask({"voice.example.com", Type::ns});
  CHECK(count_of(answer, 1) == 2);
  CHECK(count_of(answer, 3) == 2);
}

TEST_CASE("versions and forms of EDNS that are not ours, broken messages and answers") {
  Platform platform;
  Asked asked = apex;
  asked.payload = 1232;
  asked.version = 1;
  Bytes answer = platform.ask(asked);
  CHECK(code_of(answer) == 0);
  CHECK(count_of(answer, 1) == 0);
  CHECK(holds(answer, {"\x00\x00\x29\x04\xd0\x01\x00", 7}));  // OPT, 1232, extended code 1: BADVERS is 16
  asked.version = 0;
  asked.opts = 2;
  CHECK(code_of(platform.ask(asked)) == 1);
  CHECK(count_of(platform.ask(apex), 3) == 0);  // no OPT to who sent none

  Bytes broken = message_of(apex);
  broken.resize(20);
  auto answered = platform.responder.answer(broken, IpAddress::loopback(), true, now_ms, 1);
  REQUIRE(answered);
  CHECK(code_of(answered->message) == 1);
  CHECK(answered->message.size() == 12);
  broken.resize(11);
  CHECK_FALSE(platform.responder.answer(broken, IpAddress::loopback(), true, now_ms, 1));
  Asked an_answer = apex;
  an_answer.flags = 0x80;
  CHECK_FALSE(platform.responder.answer(message_of(an_answer), IpAddress::loopback(), true, now_ms, 1));
}

TEST_CASE("the case of the question comes back, and more than the asker takes is cut to the hint to use TCP") {
  DnsSettings settings = Platform::settings_of();
  for (auto& gateway : settings.gateways)
    for (int i = 0; i < 8; ++i) gateway.sip.push_back(fmt::format("udp:198.51.100.{}:{}", 100 + i, 6000 + i));
  Platform platform(settings);
  Asked asked{"_SIP._udp.VOICE.eXample.com", Type::srv};
  Bytes answer = platform.ask(asked);
  CHECK(is_cut(answer));
  CHECK(count_of(answer, 1) == 0);
  CHECK(holds(answer,
              "\x04_SIP\x04_udp\x05VOICE\x07"
              "eXample"));
  asked.payload = 4096;
  CHECK(platform.ask(asked).size() <= 1232);
  answer = platform.ask(asked, "100.64.1.1", false);
  CHECK_FALSE(is_cut(answer));
  CHECK(count_of(answer, 1) == 36);
}

TEST_CASE("the name server answers over UDP and TCP, limits who floods it, and lets nobody sit idle") {
  sim::World world(1);
  sim::Host& host = world.add_host("policy", "eu");
  sim::Host& asker = world.add_host("asker", "eu");
  Platform platform;
  platform.settings.listen = host.endpoint(53);
  platform.settings.answers_most = 4;
  DnsServer server(host.loop(), host.net(), platform.settings, platform.advisor);
  REQUIRE(server.start());

  std::vector<Bytes> answers;
  auto udp = asker.net().open_udp(asker.endpoint(9000), [&](const Endpoint&, io::Bytes bytes) {
    answers.emplace_back(bytes.begin(), bytes.end());
  });
  REQUIRE(udp);
  for (int i = 0; i < 10; ++i) (*udp)->send(server.local(), message_of(apex));
  world.run_for(1s);
  CHECK(answers.size() == 7);  // four, and a hint to every second of the rest
  CHECK(std::ranges::count_if(answers, is_cut) == 3);

  std::string read;
  bool is_closed = false;
  const Bytes message = message_of(apex);
  std::string framed{0, static_cast<char>(message.size())};
  framed += as_text(message);
  io::Stream* opened = nullptr;
  auto stream = asker.net().connect(server.local(), nullptr,
                                    {.on_open = [&] { opened->write(framed + framed.substr(0, 9)); },
                                     .on_data = [&](std::string_view bytes) { read += bytes; },
                                     .on_close = [&](const Error&) { is_closed = true; }});
  opened = stream.get();
  world.run_for(1s);
  const size_t one = read.size();
  CHECK(one > 2 + message.size());
  opened->write(framed.substr(9));
  world.run_for(1s);
  CHECK(read.size() == 2 * one);
  CHECK_FALSE(is_closed);
  world.run_for(11s);
  CHECK(is_closed);
}

TEST_CASE("who keeps many connections open does not shut others out") {
  sim::World world(1);
  sim::Host& host = world.add_host("policy", "eu");
  sim::Host& asker = world.add_host("asker", "eu");
  Platform platform;
  platform.settings.listen = host.endpoint(53);
  DnsServer server(host.loop(), host.net(), platform.settings, platform.advisor);
  REQUIRE(server.start());
  std::vector<std::unique_ptr<io::Stream>> idle;
  for (int i = 0; i < 300; ++i) idle.push_back(asker.net().connect(server.local(), nullptr, {}));
  world.run_for(1s);
  std::string read;
  auto stream =
      asker.net().connect(server.local(), nullptr, {.on_data = [&](std::string_view bytes) { read += bytes; }});
  const Bytes message = message_of(apex);
  std::string framed{0, static_cast<char>(message.size())};
  framed += as_text(message);
  stream->write(framed);
  world.run_for(1s);
  CHECK(read.size() > message.size());
}

TEST_CASE("settings of the zone that cannot work are named") {
  DnsSettings settings;
  CHECK(checked(settings));  // left out
  settings = Platform::settings_of();
  CHECK(checked(settings));
  settings.zone = "voice..com";
  CHECK_FALSE(checked(settings));
  settings = Platform::settings_of();
  settings.name_servers[0].addresses.clear();
  CHECK_FALSE(checked(settings));
  settings = Platform::settings_of();
  settings.gateways[0].sip = {"sctp:192.0.2.1:5060"};
  const auto wrong = checked(settings);
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().text.starts_with("gateway[0].sip: "));
}
