#include <doctest/doctest.h>

#include "sip/stream_framer.hpp"
#include "unit/sip/test_agents.hpp"

using namespace nearend;
using namespace nearend::sip;
using namespace nearend::sip::test;

namespace {

constexpr std::string_view bodiless = "OPTIONS sip:b SIP/2.0\r\nContent-Length: 0\r\n\r\n";

std::vector<std::string> cut(StreamFramer& framer, std::string_view bytes, size_t step) {
  std::vector<std::string> pieces;
  for (size_t at = 0; at < bytes.size(); at += step) {
    framer.append(bytes.substr(at, step));
    while (const auto piece = framer.next())
      pieces.push_back(piece->kind == StreamFramer::Kind::ping ? "ping" : std::string(piece->text));
  }
  return pieces;
}

/// A client that speaks raw bytes over one connection.
struct RawStream {
  RawStream(World& world, const Endpoint& from, const Endpoint& to) {
    io::Stream::Handlers handlers;
    handlers.on_data = [this](std::string_view bytes) { heard += bytes; };
    handlers.on_close = [this](const Error&) { is_closed = true; };
    stream = world.host(from).net().connect(to, nullptr, std::move(handlers));
  }
  std::unique_ptr<io::Stream> stream;
  std::string heard;
  bool is_closed = false;
};

struct Server {
  explicit Server(Transport::Limits limits = {}) : bob(world, "192.0.2.2:5060", {}, nullptr, limits) {}
  RawStream connect(std::string_view from = "192.0.2.9:5060") { return {world, at(from), bob.endpoint}; }
  World world;
  Agent bob;
};

}  // namespace

TEST_CASE("a stream is cut into the same messages however its bytes arrive") {
  const std::string body = "MESSAGE sip:b SIP/2.0\r\nl : 5\r\n\r\nhello";
  const std::string folded = "MESSAGE sip:b SIP/2.0\r\nContent-Length:\r\n  3\r\n\r\nabc";
  const std::string all = std::string(bodiless) + body + "\r\n\r\n" + folded;
  for (size_t step = 1; step <= all.size(); ++step) {
    StreamFramer framer(65'535);
    CHECK(cut(framer, all, step) == std::vector<std::string>{std::string(bodiless), body, "ping", folded});
    CHECK_FALSE(framer.is_inside_message());
  }
}

TEST_CASE("a length that is no length ends the stream, as does a message above the limit") {
  for (const std::string_view length : {"-1", "x", "99999999999999999999", "5\r\nContent-Length: 6", "70000"}) {
    StreamFramer framer(65'535);
    framer.append("OPTIONS sip:b SIP/2.0\r\nContent-Length: " + std::string(length) + "\r\n\r\nrest");
    const auto piece = framer.next();
    REQUIRE(piece);
    CHECK(piece->kind == StreamFramer::Kind::unframed);
    CHECK_FALSE(framer.next());
  }
  StreamFramer framer(1000);
  framer.append(std::string(1001, 'x'));
  CHECK(framer.next()->kind == StreamFramer::Kind::overlong);
}

TEST_CASE("a keep-alive of two line ends is answered with one") {
  Server server;
  auto client = server.connect();
  client.stream->write("\r\n\r\n");
  server.world.run(100ms);
  CHECK(client.heard == "\r\n");
}

TEST_CASE("a message that does not complete in time costs its sender the connection") {
  Server server;
  auto client = server.connect();
  client.stream->write("OPTIONS sip:b SIP/2.0\r\n");
  server.world.run(9s);
  CHECK_FALSE(client.is_closed);
  server.world.run(2s);
  CHECK(client.is_closed);
  CHECK(server.bob.transport.connections() == 0);
}

TEST_CASE("connections are limited per source and in all, and those that come too late are closed") {
  Server server({.connections_max = 5, .connections_per_source_max = 3});
  std::vector<std::unique_ptr<RawStream>> clients;
  for (int i = 0; i < 10; ++i)
    clients.push_back(std::make_unique<RawStream>(server.world, at(i < 5 ? "192.0.2.9:5060" : "192.0.2.10:5060"),
                                                  server.bob.endpoint));
  server.world.run(100ms);
  CHECK(server.bob.transport.connections() == 5);
  CHECK(std::ranges::count_if(clients, [](const auto& client) { return client->is_closed; }) == 5);
  clients.clear();
  server.world.run(100ms);
  CHECK(server.bob.transport.connections() == 0);
}

TEST_CASE("an idle connection is closed, one that is used stays") {
  Server server;
  auto idle = server.connect(), busy = server.connect();
  for (int i = 0; i < 4; ++i) {
    busy.stream->write("\r\n\r\n");
    server.world.run(100s);
  }
  CHECK(idle.is_closed);
  CHECK_FALSE(busy.is_closed);
}

TEST_CASE("who is not admitted hears nothing, over UDP and TCP") {
  World world;
  Agent bob(world, "192.0.2.2:5060");
  const Endpoint guarded = at("192.0.2.2:5080");
  const auto only_ann = [](const IpAddress& source) { return source == at("192.0.2.1:0").address; };
  REQUIRE(bob.transport.listen({.protocol = Protocol::udp, .local = guarded, .tag = 3, .is_admitted = only_ann}));
  REQUIRE(bob.transport.listen({.protocol = Protocol::tcp, .local = guarded, .tag = 4, .is_admitted = only_ann}));
  RawPeer stranger(world, "192.0.2.9:5060"), ann(world, "192.0.2.1:5060");
  RawStream stream(world, at("192.0.2.9:5060"), guarded);
  stream.stream->write(RawRequest{.method = "OPTIONS"}.text());
  stranger.send(guarded, RawRequest{.method = "OPTIONS"}.text());
  ann.send(guarded,
           RawRequest{.method = "OPTIONS", .from = "192.0.2.1:5060", .branch = "z9hG4bKann", .call_id = "ann"}.text());
  world.run(1s);
  CHECK(stranger.heard.empty());
  CHECK(stream.heard.empty());
  CHECK(stream.is_closed);
  CHECK(ann.count("SIP/2.0 200") == 1);
}

TEST_CASE("a connection is used again, and opened again when it was lost") {
  World world;
  Agent ann(world, "192.0.2.1:5060");
  auto bob = std::make_unique<Agent>(world, "192.0.2.2:5060");
  int answered = 0;
  const auto ask = [&] {
    (void)ann.stack.send_request(Method::options, "sip:192.0.2.2;transport=tcp", "sip:ann@192.0.2.1", {}, {}, {},
                                 [&](int status, const Message&) { answered += status == 200; });
    world.run(1s);
  };
  ask();
  ask();
  CHECK(answered == 2);
  CHECK(bob->transport.connections() == 1);
  sim::Host& host = bob->host;
  host.kill();
  bob.reset();
  host.restart();
  world.run(1s);
  CHECK(ann.transport.connections() == 0);
  bob = std::make_unique<Agent>(world, "192.0.2.2:5060");
  ask();
  CHECK(answered == 3);
}

TEST_CASE("a talk over TCP goes on over a new connection when the old one is gone") {
  World world;
  Agent ann(world, "192.0.2.1:5060"), bob(world, "192.0.2.2:5060", {}, nullptr, {.idle_close = 60s});
  bob.answer_all();
  const auto call = *ann.stack.invite(ann.to(bob, Protocol::tcp));
  world.run(120s);
  CHECK(ann.transport.connections() == 0);
  ann.stack.end(call);
  world.run(1s);
  CHECK(bob.count<event::Ended>() == 1);
  CHECK(ann.last<event::Released>().is_answered);
}

TEST_CASE("calls run over TLS and over IPv6") {
  World world;
  Agent ann(world, "[2001:db8::1]:5060"), bob(world, "[2001:db8::2]:5060");
  const io::TlsSettings tls{.certificate_file = "bob.example", .key_file = "key"};
  REQUIRE(bob.transport.listen({.protocol = Protocol::tls, .local = at("[2001:db8::2]:5061"), .tls = &tls, .tag = 3}));
  bob.answer_all();
  REQUIRE(ann.stack.invite(ann.to(bob)));
  auto secure = ann.to(bob);
  secure.targets = {{Protocol::tls, at("[2001:db8::2]:5061"), "bob.example", 0}};
  const auto call = ann.stack.invite(std::move(secure));
  REQUIRE(call);
  world.run(1s);
  CHECK(ann.count<event::Accepted>() == 2);
  ann.stack.end(*call);
  world.run(1s);
  CHECK(bob.count<event::Ended>() == 1);
}

TEST_CASE("a call to a sips URI goes by TLS and both ends show sips addresses") {
  World world;
  Agent ann(world, "192.0.2.1:5060"), bob(world, "192.0.2.2:5060");
  const io::TlsSettings tls{.certificate_file = "bob.example", .key_file = "key"};
  REQUIRE(bob.transport.listen({.protocol = Protocol::tls, .local = at("192.0.2.2:5061"), .tls = &tls, .tag = 3}));
  REQUIRE(ann.transport.listen({.protocol = Protocol::tls, .local = at("192.0.2.1:5061"), .tls = &tls, .tag = 3}));
  bob.answer_all();
  InviteRequest request;
  request.uri = "sips:bob@192.0.2.2";
  request.from = "<sips:ann@192.0.2.1>";
  request.body = sdp();
  const auto call = ann.stack.invite(std::move(request));
  REQUIRE(call);
  world.run(1s);
  REQUIRE(ann.count<event::Accepted>() == 1);
  CHECK(bob.last<event::Invited>().flow.protocol == Protocol::tls);
  CHECK(bob.last<event::Invited>().request.contact()->uri.is_secure());
  CHECK(ann.last<event::Accepted>().response.contact()->uri.is_secure());
  ann.stack.end(*call);
  world.run(1s);
  CHECK(bob.count<event::Ended>() == 1);
}

TEST_CASE("the advertised host stands in Via and Contact") {
  World world;
  Agent ann(world, "192.0.2.1:5060");
  REQUIRE(ann.transport.listen(
      {.protocol = Protocol::udp, .local = at("192.0.2.1:5090"), .tag = 9, .advertised_host = "gw.example"}));
  RawPeer bob(world, "192.0.2.9:5060");
  auto request = ann.to({at("192.0.2.9:5060")});
  request.targets.front().listener = 9;
  REQUIRE(ann.stack.invite(std::move(request)));
  world.run(50ms);
  CHECK(bob.last_message("INVITE").top_via()->host == "gw.example");
  CHECK(bob.last_message("INVITE").contact()->uri.host_port() == "gw.example:5090");
  CHECK(bob.heard_from.port == 5090);
}

namespace {

/// Tells the sender of every datagram to one address that nobody is there, as ICMP does.
class UnreachableNet final : public io::Net {
 public:
  UnreachableNet(sim::Host& host, Endpoint dead) : host_(host), dead_(dead) {}
  Result<std::unique_ptr<io::UdpSocket>> open_udp(const Endpoint& local, io::DatagramHandler on_datagram) override {
    auto inner = host_.net().open_udp(local, std::move(on_datagram));
    if (!inner) return pass(inner);
    return std::make_unique<Socket>(host_, dead_, std::move(*inner));
  }
  Result<std::unique_ptr<io::Listener>> listen(const Endpoint& local, const io::TlsSettings* tls,
                                               io::AcceptHandler on_accept) override {
    return host_.net().listen(local, tls, std::move(on_accept));
  }
  std::unique_ptr<io::Stream> connect(const Endpoint& to, const io::TlsSettings* tls,
                                      io::Stream::Handlers handlers) override {
    return host_.net().connect(to, tls, std::move(handlers));
  }

 private:
  class Socket final : public io::UdpSocket {
   public:
    Socket(sim::Host& host, Endpoint dead, std::unique_ptr<io::UdpSocket> inner)
        : host_(host), dead_(dead), inner_(std::move(inner)) {}
    void send(const Endpoint& to, io::Bytes datagram) override {
      if (to != dead_) return inner_->send(to, datagram);
      host_.loop().post([this] { on_unreachable_(dead_); });
    }
    void set_unreachable_handler(std::move_only_function<void(const Endpoint&)> handler) override {
      on_unreachable_ = std::move(handler);
    }
    Endpoint local() const override { return inner_->local(); }

   private:
    sim::Host& host_;
    Endpoint dead_;
    std::unique_ptr<io::UdpSocket> inner_;
    std::move_only_function<void(const Endpoint&)> on_unreachable_;
  };
  sim::Host& host_;
  Endpoint dead_;
};

struct Nobody final : Stack::Listener {
  void on_dialog_event(DialogId, DialogEvent event) override {
    if (const auto* refused = std::get_if<event::Refused>(&event)) status = refused->status;
  }
  void on_request(ServerTransactionId, Message, const Flow&) override {}
  int status = 0;
};

}  // namespace

TEST_CASE("a port that ICMP calls unreachable fails the call at once") {
  World world;
  const Endpoint dead = at("192.0.2.3:5060");
  sim::Host& host = world.host(at("192.0.2.1:5060"));
  UnreachableNet net(host, dead);
  Transport transport(host.loop(), net, {});
  REQUIRE(transport.listen({.protocol = Protocol::udp, .local = at("192.0.2.1:5060")}));
  Nobody listener;
  Stack stack(host.loop(), transport, {}, listener);
  InviteRequest request;
  request.uri = "sip:b@192.0.2.3";
  request.from = "sip:a@192.0.2.1";
  REQUIRE(stack.invite(std::move(request)));
  world.run(100ms);
  CHECK(listener.status == 503);
}
