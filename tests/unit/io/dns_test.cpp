#include <doctest/doctest.h>

#include <fstream>

#include "io/asio_world.hpp"
#include "io/async.hpp"
#include "io/dns_answer.hpp"
#include "support/certificates.hpp"

using namespace nearend;
using namespace nearend::io;
using namespace std::chrono_literals;

namespace {

std::string word(unsigned value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value)};
}
std::string label(std::string_view text) {
  return static_cast<char>(text.size()) + std::string(text);
}
/// One record that answers the question (its name is a pointer to it).
std::string record(unsigned type, unsigned ttl, const std::string& data) {
  return word(0xc00c) + word(type) + word(1) + word(0) + word(ttl) + word(static_cast<unsigned>(data.size())) + data;
}

/// A name server on loopback that answers every query with the same code and records.
struct NameServer {
  explicit NameServer(AsioNet& net) {
    socket = std::move(*net.open_udp({IpAddress::loopback(), 0}, [this](const Endpoint& from, Bytes query) {
      ++queries;
      const std::string text(reinterpret_cast<const char*>(query.data()), query.size());
      size_t end = 12;
      while (text[end] != 0) end += static_cast<size_t>(text[end]) + 1;
      const std::string question = text.substr(12, end + 5 - 12);
      const std::string reply = text.substr(0, 2) + word(0x8180u | code) + word(1) +
                                word(static_cast<unsigned>(records.size())) + word(0) + word(0) + question;
      std::string whole = reply;
      for (const std::string& each : records) whole += each;
      socket->send(from, {reinterpret_cast<const uint8_t*>(whole.data()), whole.size()});
    }));
  }
  std::string address() const { return socket->local().to_string(); }
  std::unique_ptr<UdpSocket> socket;
  std::vector<std::string> records;
  unsigned code = 0;
  int queries = 0;
};

using Answer = Result<std::vector<DnsRecord>>;

Task<void> ask(CaresDns& dns, AsioLoop& loop, std::string name, DnsRecord::Type type, std::optional<Answer>& out) {
  Answer answer = co_await dns.query(std::move(name), type);
  out.emplace(std::move(answer));
  loop.stop();
}

Answer ask_now(CaresDns& dns, AsioLoop& loop, const std::string& name, DnsRecord::Type type) {
  std::optional<Answer> answer;
  Scope scope(loop);
  scope.spawn(ask(dns, loop, name, type, answer));
  if (!answer) loop.run_for(10s);
  loop.run_for(1ms);  // Also takes a stop that came before it.
  REQUIRE(answer);
  return *answer;
}

}  // namespace

TEST_CASE("records of each type are read with their TTL and kept that long") {
  AsioLoop loop;
  AsioNet net(loop);
  NameServer server(net);
  CaresDns dns(loop, {.servers = server.address()});
  server.records = {record(1, 60, {'\xc0', '\0', '\2', '\7'}), record(5, 60, label("x") + '\0')};
  auto answer = ask_now(dns, loop, "host.example.", DnsRecord::Type::a);
  REQUIRE(answer);
  REQUIRE(answer->size() == 1);
  CHECK(answer->front().address.to_string() == "192.0.2.7");
  CHECK(answer->front().ttl_s == 60);
  ask_now(dns, loop, "HOST.example", DnsRecord::Type::a);
  CHECK(server.queries == 1);

  server.records = {record(33, 30, word(1) + word(2) + word(5061) + label("gw") + label("example") + '\0')};
  answer = ask_now(dns, loop, "_sips._tcp.example", DnsRecord::Type::srv);
  REQUIRE(answer);
  REQUIRE(answer->size() == 1);
  CHECK(answer->front().target == "gw.example");
  CHECK(answer->front().port == 5061);
  CHECK(answer->front().weight == 2);

  server.records = {record(35, 30,
                           word(50) + word(60) + label("s") + label("SIP+D2U") + '\0' + label("_sip") + label("_udp") +
                               label("example") + '\0')};
  answer = ask_now(dns, loop, "example", DnsRecord::Type::naptr);
  REQUIRE(answer);
  CHECK(answer->front().service == "SIP+D2U");
  CHECK(answer->front().target == "_sip._udp.example");
}

TEST_CASE("a name that does not exist differs from one without such records, and both are remembered") {
  AsioLoop loop;
  AsioNet net(loop);
  NameServer server(net);
  CaresDns dns(loop, {.servers = server.address()});
  server.code = 3;
  auto answer = ask_now(dns, loop, "nowhere.example", DnsRecord::Type::a);
  REQUIRE_FALSE(answer);
  CHECK(answer.error().kind == Error::Kind::not_found);
  ask_now(dns, loop, "nowhere.example", DnsRecord::Type::a);
  CHECK(server.queries == 1);
  server.code = 0;
  answer = ask_now(dns, loop, "somewhere.example", DnsRecord::Type::aaaa);
  REQUIRE(answer);
  CHECK(answer->empty());
}

TEST_CASE("a name server that fails is an error and is asked again next time") {
  AsioLoop loop;
  AsioNet net(loop);
  NameServer server(net);
  CaresDns dns(loop, {.servers = server.address(), .timeout = 100ms, .tries = 1});
  server.code = 2;
  CHECK_FALSE(ask_now(dns, loop, "a.example", DnsRecord::Type::a));
  const int before = server.queries;
  CHECK_FALSE(ask_now(dns, loop, "a.example", DnsRecord::Type::a));
  CHECK(server.queries > before);
}

TEST_CASE("a name server that is silent costs no more than its timeout") {
  AsioLoop loop;
  AsioNet net(loop);
  auto silent = net.open_udp({IpAddress::loopback(), 0}, [](const Endpoint&, Bytes) {});
  CaresDns dns(loop, {.servers = (*silent)->local().to_string(), .timeout = 50ms, .tries = 1});
  auto answer = ask_now(dns, loop, "a.example", DnsRecord::Type::a);
  REQUIRE_FALSE(answer);
  CHECK(answer.error().kind == Error::Kind::timeout);
}

TEST_CASE("numeric names, the hosts file and set records answer without a server") {
  AsioLoop loop;
  AsioNet net(loop);
  NameServer server(net);
  test::TemporaryDirectory directory;
  std::ofstream(directory.file("hosts"))
      << "127.0.0.9\tlocal.example other # remark\n# 1.2.3.4 no\n::1 local.example\n";
  CaresDns dns(loop, {.servers = server.address(), .hosts_file = directory.file("hosts")});
  dns.set_records("fixed.example", {{.type = DnsRecord::Type::srv, .port = 5070, .target = "x.example"}});
  CHECK(ask_now(dns, loop, "local.example", DnsRecord::Type::a)->front().address.to_string() == "127.0.0.9");
  CHECK(ask_now(dns, loop, "local.example", DnsRecord::Type::aaaa)->front().address.to_string() == "::1");
  CHECK(ask_now(dns, loop, "192.0.2.1", DnsRecord::Type::a)->size() == 1);
  CHECK(ask_now(dns, loop, "192.0.2.1", DnsRecord::Type::aaaa)->empty());
  CHECK(ask_now(dns, loop, "Fixed.example", DnsRecord::Type::srv)->front().port == 5070);
  CHECK(ask_now(dns, loop, "fixed.example", DnsRecord::Type::a)->empty());
  CHECK(server.queries == 0);
}

TEST_CASE("a question that is under way ends with the resolver") {
  AsioLoop loop;
  AsioNet net(loop);
  auto silent = net.open_udp({IpAddress::loopback(), 0}, [](const Endpoint&, Bytes) {});
  std::optional<Answer> first, second;
  Scope scope(loop);
  {
    CaresDns dns(loop, {.servers = (*silent)->local().to_string()});
    scope.spawn(ask(dns, loop, "a.example", DnsRecord::Type::a, first));
    scope.spawn(ask(dns, loop, "a.example", DnsRecord::Type::a, second));
    loop.run_for(1ms);
  }
  loop.run_for(10ms);
  CHECK(first);
  loop.run_for(10ms);
  CHECK(second);
}

TEST_CASE("a broken answer is an error, never a read beyond its end") {
  const std::string whole = word(1) + word(0x8180) + word(1) + word(1) + word(0) + word(0) + label("a") + '\0' +
                            word(33) + word(1) + record(33, 30, word(1) + word(2) + word(3) + label("b") + '\0');
  const auto parse = [](const std::string& text) {
    return parse_dns_answer({reinterpret_cast<const uint8_t*>(text.data()), text.size()}, DnsRecord::Type::srv);
  };
  REQUIRE(parse(whole));
  CHECK(parse(whole)->size() == 1);
  for (size_t size = 0; size < whole.size(); ++size) CHECK_FALSE(parse(whole.substr(0, size)));
}
