#include <doctest/doctest.h>

#include "media/control_json.hpp"
#include "rtp/rtcp.hpp"
#include "unit/media/virtual_world.hpp"

using namespace nearend;
using namespace nearend::media;
using namespace nearend::media::test;

namespace {

SrtpKeys keys_for(srtp::Suite suite) {
  return {*srtp::MasterKey::random(suite), *srtp::MasterKey::random(suite)};
}

/// A telephone that speaks SRTP: what it hears it could read, unless counted as unreadable.
class SecurePhone {
 public:
  SecurePhone(World& world, const char* ip, uint32_t ssrc, const SrtpKeys& ours)
      : world_(world), timer_(world.loop), ssrc_(ssrc), sequence(static_cast<uint16_t>(ssrc * 7919)) {
    rekey(ours);
    socket_ = *world.net.open_udp({address(ip), 0}, [this](const Endpoint&, io::Bytes bytes) { hear(bytes); });
    rtcp_ = *world.net.open_udp({address(ip), static_cast<uint16_t>(socket_->local().port + 1)},
                                [this](const Endpoint&, io::Bytes bytes) { hear_report(bytes); });
  }
  /// `ours`: as the gateway has them; for us the other way round.
  void rekey(const SrtpKeys& ours) {
    sender_ = *srtp::Sender::make(ours.receive);
    receiver_ = *srtp::Receiver::make(ours.send);
  }
  void rekey_sending(const SrtpKeys& ours) { sender_ = *srtp::Sender::make(ours.receive); }
  Endpoint local() const { return socket_->local(); }
  void talk_to(const Endpoint& to) {
    to_ = to;
    step();
  }
  void stop() { timer_.stop(); }
  std::vector<uint8_t> packet(uint32_t number) {
    std::array<uint8_t, 160> payload;
    payload.fill(static_cast<uint8_t>(0x80 | (number & 0x3f)));
    rtp::write32(payload.data(), number);
    std::vector<uint8_t> bytes(172 + srtp::trailer_max);
    rtp::write_packet(bytes, {.sequence = sequence++, .timestamp = number * 160, .ssrc = ssrc_, .payload = payload});
    bytes.resize(sender_->protect(bytes, 172).size);
    return bytes;
  }
  void send_raw(const Endpoint& to, io::Bytes bytes) { socket_->send(to, bytes); }
  void send_report(const Endpoint& to) {
    std::vector<uint8_t> bytes(64);
    rtp::RtcpWriter writer({bytes.data(), 32});
    writer.receiver_report(ssrc_, {});
    rtcp_->send(to, std::span(bytes).first(sender_->protect_rtcp(bytes, writer.size()).size));
  }

  std::vector<Phone::Heard> heard;
  size_t unreadable = 0, reports = 0, unreadable_reports = 0;
  uint32_t count = 1;

 private:
  void step() {
    timer_.start(20ms, [this] { step(); });
    socket_->send(to_, packet(count++));
  }
  void hear(io::Bytes bytes) {
    std::vector<uint8_t> copy(bytes.begin(), bytes.end());
    const auto outcome = receiver_->unprotect(copy);
    if (outcome.verdict != srtp::Verdict::good) {
      ++unreadable;
      return;
    }
    copy.resize(outcome.size);
    heard.push_back({world_.loop.now(), {}, std::move(copy)});
    heard.back().packet = rtp::parse_packet(heard.back().bytes).value_or(rtp::Packet{});
  }
  void hear_report(io::Bytes bytes) {
    std::vector<uint8_t> copy(bytes.begin(), bytes.end());
    ++(receiver_->unprotect_rtcp(copy).verdict == srtp::Verdict::good ? reports : unreadable_reports);
  }
  World& world_;
  io::Timer timer_;
  std::unique_ptr<io::UdpSocket> socket_, rtcp_;
  std::optional<srtp::Sender> sender_;
  std::optional<srtp::Receiver> receiver_;
  Endpoint to_;
  uint32_t ssrc_;

 public:
  uint16_t sequence;
};

void set_secure(World& world, const AnchorInfo& leg, const Endpoint& to, const SrtpKeys& keys, SourceRule rule = {}) {
  Remote remote{.rtp = to, .formats = telephone_formats(), .source = std::move(rule)};
  remote.srtp = keys;
  (void)world.wait(world.node->set_remote(leg.id, Side::outer, std::move(remote)));
}

StreamStats outer_stats(World& world, const AnchorInfo& leg) {
  return (*world.wait(world.node->stats(leg.id)))[0];
}

/// One phone with SRTP, one without.
struct Mixed {
  World world;
  SrtpKeys keys;
  SecurePhone a;
  Phone b{world.loop, world.net, "192.0.2.20", 222};
  AnchorInfo leg_a = world.allocate("a"), leg_b = world.allocate("b");

  explicit Mixed(srtp::Suite suite = srtp::Suite::aead_aes_128_gcm)
      : keys(keys_for(suite)), a(world, "192.0.2.10", 111, keys) {
    set_secure(world, leg_a, a.local(), keys);
    world.set_remote(leg_b, Side::outer, b.local());
    (void)world.connect(leg_a, {.kind = Path::Kind::bridge, .peer = leg_b.id});
  }
  void talk() {
    a.talk_to(leg_a.streams[0].outer);
    b.talk_to(leg_b.streams[0].outer);
  }
};

}  // namespace

TEST_CASE("SRTP and RTP meet in a bridge, for every suite, in one stream without a step") {
  for (size_t suite = 0; suite < srtp::suite_count; ++suite) {
    Mixed mixed(static_cast<srtp::Suite>(suite));
    CAPTURE(srtp::shape_of(static_cast<srtp::Suite>(suite)).name);
    mixed.talk();
    mixed.world.loop.run_for(2s);
    CHECK(mixed.a.heard.size() > 90);
    CHECK(mixed.a.unreadable == 0);
    REQUIRE(mixed.b.heard.size() > 90);
    for (const auto& one : mixed.b.heard) CHECK(one.bytes.size() == 172);
    CHECK(mixed.b.heard[50].number() + 1 == mixed.b.heard[51].number());
    const auto breaks = find_breaks(mixed.a.heard);
    CHECK(breaks.ssrc + breaks.sequence + breaks.timestamp + breaks.lost + breaks.doubled == 0);
  }
}

TEST_CASE("two legs with SRTP under different suites are joined") {
  World world;
  const auto keys_a = keys_for(srtp::Suite::aead_aes_256_gcm), keys_b = keys_for(srtp::Suite::aes_cm_128_hmac_sha1_32);
  SecurePhone a(world, "192.0.2.10", 111, keys_a), b(world, "192.0.2.20", 222, keys_b);
  const AnchorInfo leg_a = world.allocate("a"), leg_b = world.allocate("b");
  set_secure(world, leg_a, a.local(), keys_a);
  set_secure(world, leg_b, b.local(), keys_b);
  (void)world.connect(leg_a, {.kind = Path::Kind::bridge, .peer = leg_b.id});
  a.talk_to(leg_a.streams[0].outer);
  b.talk_to(leg_b.streams[0].outer);
  world.loop.run_for(1s);
  CHECK(a.heard.size() > 40);
  CHECK(b.heard.size() > 40);
  CHECK(a.unreadable + b.unreadable == 0);
}

TEST_CASE("the stream that the far end sees stays one over three turns of its numbers") {
  Mixed mixed;
  mixed.a.sequence = 65'000;
  mixed.talk();
  for (int i = 0; i < 3; ++i) {
    mixed.world.loop.run_for(500s);
    mixed.a.heard.clear();
    mixed.b.heard.clear();
  }
  mixed.world.loop.run_for(1500s);
  CHECK(mixed.a.heard.size() > 74'000);
  CHECK(mixed.b.heard.size() > 74'000);
  CHECK(mixed.a.unreadable == 0);
  CHECK(outer_stats(mixed.world, mixed.leg_a).dropped_srtp == 0);
}

TEST_CASE("wrong keys, plain RTP and repeated packets on a protected leg are counted and pass nowhere") {
  Mixed mixed;
  mixed.talk();
  mixed.world.loop.run_for(500ms);
  mixed.a.stop();
  mixed.world.loop.run_for(100ms);
  const auto before = mixed.b.heard.size();
  const auto packets = outer_stats(mixed.world, mixed.leg_a).packets_in;
  mixed.world.loop.run_for(20ms);
  const Endpoint to = mixed.leg_a.streams[0].outer;
  const auto good = mixed.a.packet(1000);
  mixed.a.rekey_sending(keys_for(srtp::Suite::aead_aes_128_gcm));
  for (uint32_t i = 0; i < 20; ++i) mixed.a.send_raw(to, mixed.a.packet(2000 + i));
  std::array<uint8_t, 172> plain{};
  plain[0] = 0x80;
  for (int i = 0; i < 20; ++i) mixed.a.send_raw(to, plain);
  for (int i = 0; i < 20; ++i) mixed.a.send_raw(to, good);
  mixed.world.loop.run_for(10ms);
  const auto stats = outer_stats(mixed.world, mixed.leg_a);
  CHECK(stats.dropped_srtp == 59);
  CHECK(stats.packets_in == packets + 1);
  size_t relayed = 0;
  for (size_t i = before; i < mixed.b.heard.size(); ++i) relayed += mixed.b.heard[i].number() >= 1000;
  CHECK(relayed <= 1);
}

TEST_CASE("a learning leg with SRTP is not taken by who cannot authenticate, and locks on who can") {
  World world;
  const auto keys = keys_for(srtp::Suite::aes_cm_128_hmac_sha1_80);
  SecurePhone a(world, "192.0.2.10", 111, keys), mallory(world, "192.0.2.66", 666, keys_for(keys.send.suite()));
  Phone plain_mallory(world.loop, world.net, "192.0.2.67", 667);
  Phone b(world.loop, world.net, "192.0.2.20", 222);
  const AnchorInfo leg_a = world.allocate("a"), leg_b = world.allocate("b");
  set_secure(world, leg_a, *parse_endpoint("10.0.0.5:4000"), keys, {.mode = SourceRule::Mode::learn});
  world.set_remote(leg_b, Side::outer, b.local());
  (void)world.connect(leg_a, {.kind = Path::Kind::bridge, .peer = leg_b.id, .has_comfort_noise = false});
  b.talk_to(leg_b.streams[0].outer);
  mallory.talk_to(leg_a.streams[0].outer);
  plain_mallory.talk_to(leg_a.streams[0].outer);
  world.loop.run_for(1s);
  CHECK(b.heard.empty());
  a.talk_to(leg_a.streams[0].outer);
  world.loop.run_for(2s);
  CHECK(a.heard.size() > 90);
  CHECK(b.heard.size() > 90);
  CHECK(mallory.heard.size() + mallory.unreadable == 0);
  CHECK(plain_mallory.heard.empty());
}

TEST_CASE("nothing leaves a protected leg in clear: speech, noise, reports, keys, the last word") {
  Mixed mixed;
  size_t clear = 0, seen = 0;
  srtp::Receiver reader = *srtp::Receiver::make(mixed.keys.send);
  mixed.world.net.delay = [&](const Endpoint&, const Endpoint& to, io::Bytes bytes) -> std::optional<io::Duration> {
    if (to.address == mixed.a.local().address) {
      std::vector<uint8_t> copy(bytes.begin(), bytes.end());
      const bool is_rtcp = rtp::is_rtcp(copy);
      const auto outcome = is_rtcp ? reader.unprotect_rtcp(copy) : reader.unprotect(copy);
      clear += outcome.verdict != srtp::Verdict::good;
      ++seen;
    }
    return 1ms;
  };
  mixed.talk();
  mixed.world.loop.run_for(1s);
  mixed.b.press('7');
  mixed.world.loop.run_for(8s);
  (void)mixed.world.connect(mixed.leg_a, {.kind = Path::Kind::idle});
  mixed.world.loop.run_for(500ms);
  PlayRequest play{
      .sources = {{.kind = Source::Kind::tone, .value = "beep"}, {.kind = Source::Kind::digits, .value = "12"}}};
  (void)mixed.world.wait(mixed.world.node->play(mixed.leg_a.id, play));
  mixed.world.loop.run_for(2s);
  CHECK(mixed.a.reports > 0);
  CHECK(mixed.a.unreadable_reports == 0);
  mixed.world.node->release(mixed.leg_a.id);
  mixed.world.loop.run_for(500ms);
  CHECK(seen > 400);
  CHECK(clear == 0);
  mixed.world.net.delay = [](const Endpoint&, const Endpoint&, io::Bytes) { return 1ms; };
}

TEST_CASE("reports are read where they are authenticated, and only there") {
  Mixed mixed;
  mixed.talk();
  mixed.world.loop.run_for(500ms);
  Endpoint to = mixed.leg_a.streams[0].outer;
  ++to.port;
  mixed.a.send_report(to);
  mixed.world.loop.run_for(100ms);
  CHECK(outer_stats(mixed.world, mixed.leg_a).dropped_srtp == 0);
  mixed.a.rekey_sending(keys_for(srtp::Suite::aead_aes_128_gcm));
  mixed.a.stop();
  mixed.a.send_report(to);
  mixed.world.loop.run_for(100ms);
  CHECK(outer_stats(mixed.world, mixed.leg_a).dropped_srtp == 1);
}

TEST_CASE("the same keys told again keep their place, other keys take over without a loss") {
  Mixed mixed;
  mixed.talk();
  mixed.world.loop.run_for(500ms);
  set_secure(mixed.world, mixed.leg_a, mixed.a.local(), mixed.keys);
  mixed.world.loop.run_for(500ms);
  CHECK(mixed.a.unreadable == 0);
  CHECK(outer_stats(mixed.world, mixed.leg_a).dropped_srtp == 0);

  const auto next = keys_for(srtp::Suite::aead_aes_256_gcm);
  set_secure(mixed.world, mixed.leg_a, mixed.a.local(), next);
  mixed.world.loop.run_for(200ms);  // the phone still uses its former keys, which are taken
  CHECK(outer_stats(mixed.world, mixed.leg_a).dropped_srtp == 0);
  mixed.a.rekey(next);
  mixed.world.loop.run_for(1s);
  CHECK(outer_stats(mixed.world, mixed.leg_a).dropped_srtp == 0);
  mixed.a.rekey_sending(mixed.keys);  // and no more later
  mixed.world.loop.run_for(200ms);
  CHECK(outer_stats(mixed.world, mixed.leg_a).dropped_srtp >= 9);
  const auto breaks = find_breaks(mixed.b.heard);
  CHECK(breaks.lost == 0);
}

TEST_CASE("video with SRTP meets video without, several sources on a line, and requests for pictures pass protected") {
  World world;
  AllocateRequest request{.leg = "a", .streams = {StreamKind::audio, StreamKind::video}};
  const AnchorInfo leg_a = world.allocate(request);
  request.leg = "b";
  const AnchorInfo leg_b = world.allocate(request);
  const SrtpKeys keys = keys_for(srtp::Suite::aead_aes_128_gcm);
  SecurePhone a(world, "192.0.2.10", 111, keys);
  Phone b(world.loop, world.net, "192.0.2.20", 222);
  const std::vector<Format> formats{{.payload_type = 96, .name = "VP8", .clock_rate = 90'000},
                                    {.payload_type = 97, .name = "rtx", .clock_rate = 90'000}};
  Remote remote{.stream = 1, .rtp = a.local(), .formats = formats};
  remote.srtp = keys;
  REQUIRE(world.wait(world.node->set_remote(leg_a.id, Side::outer, remote)));
  remote.rtp = b.local();
  remote.srtp.reset();
  REQUIRE(world.wait(world.node->set_remote(leg_b.id, Side::outer, remote)));
  (void)world.connect(leg_a, {.kind = Path::Kind::bridge, .peer = leg_b.id, .has_comfort_noise = false});
  auto sender = *srtp::Sender::make(keys.receive);
  const std::vector<uint8_t> picture(1100, 7);
  for (uint16_t i = 0; i < 100; ++i) {
    const bool is_second = i % 4 == 3;
    std::vector<uint8_t> bytes(1112 + srtp::trailer_max);
    rtp::write_packet(bytes, {.payload_type = static_cast<uint8_t>(is_second ? 97 : 96),
                              .sequence = i,
                              .timestamp = i * 3000u,
                              .ssrc = is_second ? 78u : 77u,
                              .payload = picture});
    bytes.resize(sender.protect(bytes, 1112).size);
    a.send_raw(leg_a.streams[1].outer, bytes);
    b.aim(leg_b.streams[1].outer);
    b.send({.payload_type = 96, .sequence = i, .timestamp = i * 3000u, .payload = picture});
    world.loop.run_for(10ms);
  }
  const std::vector<uint8_t> clear(1112, 0x80);
  a.send_raw(leg_a.streams[1].outer, clear);
  world.loop.run_for(10ms);
  CHECK(b.heard.size() == 100);
  for (const auto& one : b.heard) CHECK(one.bytes.size() == 1112);
  CHECK(a.heard.size() == 100);
  CHECK(a.unreadable == 0);
  CHECK(a.reports >= 1);  // for its first picture
  CHECK(a.unreadable_reports == 0);
}

TEST_CASE("keys that are taken away make the leg speak RTP, and what is late of SRTP is still understood") {
  Mixed mixed;
  mixed.talk();
  mixed.world.loop.run_for(500ms);
  mixed.world.set_remote(mixed.leg_a, Side::outer, mixed.a.local());
  mixed.world.loop.run_for(200ms);
  for (const auto& one : mixed.b.heard) CHECK(one.bytes.size() == 172);
  CHECK(mixed.a.unreadable >= 9);
  mixed.a.stop();
  mixed.world.loop.run_for(1s);
}

TEST_CASE("keys cross the control API unchanged, and bad ones are refused without a word of them") {
  Remote remote{.rtp = *parse_endpoint("192.0.2.1:4000")};
  remote.srtp = keys_for(srtp::Suite::aes_cm_128_hmac_sha1_80);
  auto again = read_remote(to_value(remote));
  REQUIRE(again);
  CHECK(again->srtp == remote.srtp);
  for (const char* bad : {R"({"suite":"NULL","send":"","receive":""})", R"({"suite":"AEAD_AES_128_GCM"})",
                          R"({"suite":"AEAD_AES_128_GCM","send":"c2VjcmV0","receive":"c2VjcmV0"})", R"("none")",
                          R"({"suite":"AEAD_AES_128_GCM","send":"%%%","receive":"c2VjcmV0"})"}) {
    json::value value = to_value(remote);
    value.as_object()["srtp"] = *parse_json(bad);
    auto refused = read_remote(value);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().text.find("c2VjcmV0") == std::string::npos);
  }
}

namespace {

/// A telephone that agrees on its keys by DTLS.
class ShakingPhone {
 public:
  ShakingPhone(World& world, const char* ip, srtp::Dtls::Role role, const std::string& gateway)
      : world_(world), timer_(world.loop), ours(*srtp::Certificate::make()) {
    dtls_ = *srtp::Dtls::make(ours, role, *srtp::parse_fingerprint(gateway), world.loop.now());
    socket_ = *world.net.open_udp({address(ip), 0}, [this](const Endpoint&, io::Bytes bytes) { hear(bytes); });
  }
  Endpoint local() const { return socket_->local(); }
  void talk_to(const Endpoint& to) {
    to_ = to;
    step();
  }
  const srtp::Dtls& dtls() const { return *dtls_; }
  size_t heard = 0, unreadable = 0;

 private:
  void step() {
    timer_.start(20ms, [this] { step(); });
    flush();
    if (dtls_->state() != srtp::Dtls::State::connected) return;
    std::array<uint8_t, 160> payload;
    payload.fill(static_cast<uint8_t>(count_));
    std::vector<uint8_t> bytes(172 + srtp::trailer_max);
    rtp::write_packet(
        bytes, {.sequence = static_cast<uint16_t>(count_), .timestamp = count_ * 160, .ssrc = 7, .payload = payload});
    ++count_;
    socket_->send(to_, std::span(bytes).first(sender().protect(bytes, 172).size));
  }
  srtp::Sender& sender() {
    if (!sender_) sender_ = *srtp::Sender::make(*dtls_->send_key());
    return *sender_;
  }
  void flush() {
    dtls_->on_time(world_.loop.now());
    for (const auto& datagram : dtls_->take_output()) socket_->send(to_, datagram);
  }
  void hear(io::Bytes bytes) {
    if (srtp::demultiplex(bytes) == srtp::Demultiplexed::dtls) {
      dtls_->input(bytes, world_.loop.now());
      return flush();
    }
    if (dtls_->state() != srtp::Dtls::State::connected) {
      ++unreadable;
      return;
    }
    if (!receiver_) receiver_ = *srtp::Receiver::make(*dtls_->receive_key());
    std::vector<uint8_t> copy(bytes.begin(), bytes.end());
    const auto outcome = rtp::is_rtcp(copy) ? receiver_->unprotect_rtcp(copy) : receiver_->unprotect(copy);
    ++(outcome.verdict == srtp::Verdict::good ? heard : unreadable);
  }
  World& world_;
  io::Timer timer_;
  std::unique_ptr<io::UdpSocket> socket_;
  std::unique_ptr<srtp::Dtls> dtls_;
  std::optional<srtp::Sender> sender_;
  std::optional<srtp::Receiver> receiver_;
  Endpoint to_;
  uint32_t count_ = 1;

 public:
  std::shared_ptr<const srtp::Certificate> ours;
};

}  // namespace

TEST_CASE("keys agreed by DTLS join a leg with one that speaks RTP, whoever begins") {
  for (const auto role : {srtp::Dtls::Role::client, srtp::Dtls::Role::server}) {
    for (const bool is_known : {true, false}) {
      World world;
      const AnchorInfo leg_a = world.allocate("a"), leg_b = world.allocate("b");
      ShakingPhone a(world, "192.0.2.10", role, leg_a.fingerprint);
      Phone b(world.loop, world.net, "192.0.2.20", 222);
      Remote remote{.rtp = a.local(), .is_rtcp_mux = true, .formats = telephone_formats()};
      const auto told = is_known ? a.ours : *srtp::Certificate::make();
      remote.dtls = DtlsPeer{srtp::to_string(told->fingerprint()), role == srtp::Dtls::Role::server};
      world.set_remote(leg_b, Side::outer, b.local());
      (void)world.connect(leg_a, {.kind = Path::Kind::bridge, .peer = leg_b.id, .has_comfort_noise = false});
      b.talk_to(leg_b.streams[0].outer);
      if (role == srtp::Dtls::Role::server) a.talk_to(leg_a.streams[0].outer);
      REQUIRE(world.wait(world.node->set_remote(leg_a.id, Side::outer, remote)));
      if (role == srtp::Dtls::Role::client) a.talk_to(leg_a.streams[0].outer);
      world.loop.run_for(2s);
      CHECK(a.unreadable == 0);
      CHECK((a.dtls().state() == srtp::Dtls::State::connected) == is_known);
      CHECK((a.heard > 80) == is_known);
      CHECK((b.heard.size() > 80) == is_known);
      CHECK(b.heard.empty() == !is_known);
      const size_t before = b.heard.size();
      REQUIRE(world.wait(world.node->set_remote(leg_a.id, Side::outer, remote)));  // the same again changes nothing
      world.loop.run_for(1s);
      CHECK((b.heard.size() > before + 40) == is_known);
    }
  }
}

TEST_CASE("a handshake that loses a datagram on its way is done a moment later, by the loop's clock") {
  for (const auto role : {srtp::Dtls::Role::client, srtp::Dtls::Role::server}) {
    for (int lost = 0; lost < 7; ++lost) {
      CAPTURE(lost);
      World world;
      const AnchorInfo leg_a = world.allocate("a"), leg_b = world.allocate("b");
      ShakingPhone a(world, "192.0.2.10", role, leg_a.fingerprint);
      Phone b(world.loop, world.net, "192.0.2.20", 222);
      int number = 0;
      world.net.delay = [&](const Endpoint&, const Endpoint&, io::Bytes bytes) -> std::optional<io::Duration> {
        if (srtp::demultiplex(bytes) == srtp::Demultiplexed::dtls && number++ == lost) return std::nullopt;
        return 1ms;
      };
      Remote remote{.rtp = a.local(), .is_rtcp_mux = true, .formats = telephone_formats()};
      remote.dtls = DtlsPeer{srtp::to_string(a.ours->fingerprint()), role == srtp::Dtls::Role::server};
      world.set_remote(leg_b, Side::outer, b.local());
      (void)world.connect(leg_a, {.kind = Path::Kind::bridge, .peer = leg_b.id, .has_comfort_noise = false});
      b.talk_to(leg_b.streams[0].outer);
      REQUIRE(world.wait(world.node->set_remote(leg_a.id, Side::outer, remote)));
      a.talk_to(leg_a.streams[0].outer);
      world.loop.run_for(1s);
      CHECK(a.dtls().state() == srtp::Dtls::State::connected);
      CHECK(a.heard > 20);
      CHECK(b.heard.size() > 20);
      // Who has keys may speak before the other has heard the end of the handshake.
      CHECK(a.unreadable < 25);
    }
  }
}

TEST_CASE("what the control API says of DTLS is checked") {
  World world;
  const AnchorInfo leg = world.allocate("a");
  CHECK(srtp::parse_fingerprint(leg.fingerprint));
  CHECK(read_anchor_info(to_value(leg))->fingerprint == leg.fingerprint);
  Remote remote{.rtp = *parse_endpoint("192.0.2.1:4000")};
  remote.dtls = DtlsPeer{leg.fingerprint, true};
  CHECK(read_remote(to_value(remote))->dtls == remote.dtls);
  CHECK(world.wait(world.node->set_remote(leg.id, Side::outer, remote)));
  remote.srtp = keys_for(srtp::Suite::aead_aes_128_gcm);
  CHECK_FALSE(world.wait(world.node->set_remote(leg.id, Side::outer, remote)));
  remote.srtp.reset();
  remote.dtls->fingerprint = "sha-1 AB:CD";
  CHECK_FALSE(world.wait(world.node->set_remote(leg.id, Side::outer, remote)));
}
