#include <doctest/doctest.h>

#include "media/quality.hpp"
#include "rtp/rtcp_xr.hpp"
#include "telemetry/histogram.hpp"
#include "telemetry/metrics.hpp"
#include "unit/media/virtual_world.hpp"

using namespace nearend;
using namespace nearend::media;
using namespace nearend::media::test;

namespace {

/// Two phones bridged; what the first one's description asked for is as the test says.
struct Talk {
  explicit Talk(Remote of_a = {}) {
    leg_a = world.allocate("a");
    leg_b = world.allocate("b");
    of_a.rtp = a.local();
    of_a.formats = telephone_formats();
    (void)world.wait(world.node->set_remote(leg_a.id, Side::outer, of_a));
    world.set_remote(leg_b, Side::outer, b.local());
    REQUIRE(world.connect(leg_a, {.kind = Path::Kind::bridge, .peer = leg_b.id}));
    a.talk_to(leg_a.streams[0].outer);
    b.talk_to(leg_b.streams[0].outer);
  }
  Endpoint rtcp_of_a() const {
    Endpoint to = leg_a.streams[0].outer;
    ++to.port;
    return to;
  }
  StreamStats figures() { return world.wait(world.node->stats(leg_a.id))->front(); }
  /// What the node reported to the first phone, of one type.
  std::vector<std::vector<uint8_t>> blocks(rtp::XrBlock::Type type) const {
    std::vector<std::vector<uint8_t>> found;
    for (const auto& report : a.reports) {
      rtp::RtcpReader reader(report);
      while (const auto packet = reader.next()) {
        rtp::XrReader extended(*packet);
        while (const auto block = extended.next())
          if (block->type == type) found.emplace_back(block->body.begin(), block->body.end());
      }
    }
    return found;
  }
  uint32_t our_ssrc() const { return a.heard.back().packet.ssrc; }

  World world;
  Phone a{world.loop, world.net, "192.0.2.10", 111}, b{world.loop, world.net, "192.0.2.20", 222};
  AnchorInfo leg_a, leg_b;
};

uint64_t counted(std::string_view name, std::string_view labels = "") {
  return telemetry::counter(name, labels).value();
}

}  // namespace

TEST_CASE("a leg's second is told while it is up: packets, tier, codec and how it sounds") {
  const uint64_t in = counted("nearend_media_packets_in_total");
  const uint64_t relayed = counted("nearend_media_relayed_packets_total", "tier=\"sockets\"");
  const uint64_t spoken = counted("nearend_media_codec_seconds_total", "codec=\"PCMU\"");
  Talk talk;
  talk.world.loop.run_for(10s);
  telemetry::Histogram& score = telemetry::histogram("nearend_media_score", {});
  const uint64_t scores = score.count();
  CHECK(counted("nearend_media_packets_in_total") - in >= 850);
  CHECK(counted("nearend_media_packets_in_total") - in <= 1000);
  CHECK(counted("nearend_media_relayed_packets_total", "tier=\"sockets\"") - relayed >= 850);
  CHECK(counted("nearend_media_codec_seconds_total", "codec=\"PCMU\"") - spoken >= 18);
  CHECK(scores >= 18);
  CHECK(score.between(score.bounds().size()) + score.between(score.bounds().size() - 1) >= 18);  // above 4.3
  const uint64_t all = talk.a.count + talk.b.count;
  talk.world.node->release(talk.leg_a.id);
  talk.world.node->release(talk.leg_b.id);
  talk.world.loop.run_for(100ms);
  CHECK(counted("nearend_media_packets_in_total") - in + 4 >= all);  // and nothing twice
  CHECK(counted("nearend_media_packets_in_total") - in <= all);
}

TEST_CASE("the figures of a leg name codec and tier, and its share of the thread's time") {
  Talk talk;
  talk.world.loop.run_for(3s);
  const StreamStats figures = talk.figures();
  CHECK(figures.codec == "PCMU");
  CHECK(figures.tier == "sockets");
  REQUIRE(talk.world.wait(talk.world.node->play(
      talk.leg_a.id, {.sources = {{.kind = Source::Kind::tone, .value = "beep", .length = 2s}}})));
  talk.world.loop.run_for(100ms);
  CHECK(talk.figures().tier == "processing");
}

TEST_CASE("a far end whose description asks for it is told by XR what we hear of it") {
  Talk talk({.wants_voip_metrics = true, .wants_reference_time = true});
  int number = 0;
  talk.world.net.delay = [&](const Endpoint& from, const Endpoint&, io::Bytes) -> std::optional<io::Duration> {
    if (from == talk.a.local() && ++number % 20 == 0) return std::nullopt;
    return io::Duration(1ms);
  };
  talk.world.loop.run_for(30s);
  const auto told = talk.blocks(rtp::XrBlock::Type::voip_metrics);
  REQUIRE(told.size() >= 3);
  const auto heard = rtp::voip_metrics({rtp::XrBlock::Type::voip_metrics, told.back()});
  REQUIRE(heard);
  CHECK(heard->ssrc == 111);
  CHECK(heard->loss >= 11);  // 5 % of 256
  CHECK(heard->loss <= 14);
  CHECK(heard->listening_score10 >= 35);
  CHECK(heard->listening_score10 <= 43);
  CHECK(talk.blocks(rtp::XrBlock::Type::reference_time).size() >= 3);
  // What the node says as it goes comes after the phones have gone.
  talk.world.net.delay = [](const Endpoint&, const Endpoint&, io::Bytes) { return std::nullopt; };
}

TEST_CASE("nobody is sent extended reports who has not asked") {
  Talk talk;
  talk.world.loop.run_for(20s);
  CHECK(talk.a.reports.size() >= 2);
  CHECK(talk.blocks(rtp::XrBlock::Type::voip_metrics).empty());
  CHECK(talk.blocks(rtp::XrBlock::Type::reference_time).empty());
}

TEST_CASE("what a far end reports by XR is read: its score of us, the round trip, and its clock is answered") {
  Talk talk;
  talk.world.loop.run_for(3s);
  std::array<uint8_t, 256> bytes;
  rtp::RtcpWriter writer(bytes);
  writer.receiver_report(111, {});
  rtp::write_reference_time(writer, 111, 0x0123456789abcdef);
  rtp::write_voip_metrics(writer, 111, {.ssrc = talk.our_ssrc(), .round_trip_ms = 84, .listening_score10 = 38});
  talk.a.send_rtcp(talk.rtcp_of_a(), {bytes.data(), writer.size()});
  talk.world.loop.run_for(10s);
  const StreamStats figures = talk.figures();
  CHECK(figures.remote_score == 3.8);
  REQUIRE(figures.rtt_ms);
  CHECK(*figures.rtt_ms == 84);
  const auto answers = talk.blocks(rtp::XrBlock::Type::reference_delay);
  REQUIRE(answers.size() == 1);
  const auto answer = rtp::reference_delay({rtp::XrBlock::Type::reference_delay, answers.front()}, 0);
  REQUIRE(answer);
  CHECK(answer->ssrc == 111);
  CHECK(answer->last_reference == 0x456789ab);
  CHECK(answer->delay > 0);
  CHECK(answer->delay < 10 * 65536);
}

TEST_CASE("a round trip comes from the far end's answer to our reference time, where it only receives") {
  Talk talk({.wants_reference_time = true});
  talk.world.loop.run_for(8s);
  const auto told = talk.blocks(rtp::XrBlock::Type::reference_time);
  REQUIRE_FALSE(told.empty());
  const auto ours = rtp::reference_time({rtp::XrBlock::Type::reference_time, told.back()});
  REQUIRE(ours);
  std::array<uint8_t, 128> bytes;
  rtp::RtcpWriter writer(bytes);
  writer.receiver_report(111, {});
  rtp::write_reference_delay(
      writer, 111, {.ssrc = talk.our_ssrc(), .last_reference = static_cast<uint32_t>(*ours >> 16), .delay = 0});
  talk.a.send_rtcp(talk.rtcp_of_a(), {bytes.data(), writer.size()});
  talk.world.loop.run_for(50ms);
  CHECK(talk.figures().rtt_ms.has_value());
}

TEST_CASE("broken extended reports change nothing") {
  Talk talk;
  talk.world.loop.run_for(1s);
  for (const uint8_t length : {0, 1, 2, 9, 255}) {
    const std::array<uint8_t, 16> bytes{0x80, 207, 0, 3, 0, 0, 0, 111, 7, 0, 0, length, 1, 2, 3, 4};
    talk.a.send_rtcp(talk.rtcp_of_a(), bytes);
  }
  talk.world.loop.run_for(1s);
  CHECK_FALSE(talk.figures().remote_score.has_value());
  CHECK_FALSE(talk.figures().rtt_ms.has_value());
}

TEST_CASE("feedback about pictures passes as it is: PLI, FIR, NACK, REMB and transport-wide congestion") {
  World world;
  AllocateRequest request;
  request.streams = {StreamKind::audio, StreamKind::video};
  request.leg = "a";
  const auto leg_a = world.allocate(request);
  request.leg = "b";
  const auto leg_b = world.allocate(request);
  Phone a(world.loop, world.net, "192.0.2.10", 111), b(world.loop, world.net, "192.0.2.20", 222);
  const std::vector<Format> pictures{{.payload_type = 96, .name = "VP8", .clock_rate = 90000}};
  for (const auto& [leg, phone] : {std::pair(&leg_a, &a), std::pair(&leg_b, &b)}) {
    Remote remote{.stream = 1, .rtp = phone->local(), .formats = pictures};
    REQUIRE(world.wait(world.node->set_remote(leg->id, Side::outer, std::move(remote))));
  }
  REQUIRE(world.connect(leg_a, {.kind = Path::Kind::bridge, .peer = leg_b.id}));
  a.payload_type = b.payload_type = 96;
  a.talk_to(leg_a.streams[1].outer);
  b.talk_to(leg_b.streams[1].outer);
  world.loop.run_for(500ms);
  a.reports.clear();

  struct Feedback {
    uint8_t format, type;
    std::vector<uint8_t> control;
  };
  const std::vector<Feedback> all{
      {1, 206, {}},                          // PLI, RFC 4585 6.3.1
      {4, 206, {0, 0, 0, 111, 7, 0, 0, 0}},  // FIR, RFC 5104 4.3.1
      {1, 205, {0x12, 0x34, 0, 3}},          // NACK, RFC 4585 6.2.1
      {15, 206, {'R', 'E', 'M', 'B', 1, 0x0b, 0xeb, 0xc2, 0, 0, 0, 111}},
      {15, 205, {0, 1, 0, 1, 0, 0, 1, 9, 0x20, 1, 4, 0}},  // transport-wide congestion control
  };
  Endpoint rtcp = leg_b.streams[1].outer;
  ++rtcp.port;
  for (const Feedback& one : all) {
    std::vector<uint8_t> packet{static_cast<uint8_t>(0x80 | one.format),
                                one.type,
                                0,
                                static_cast<uint8_t>(2 + one.control.size() / 4),
                                0,
                                0,
                                0,
                                222,
                                0,
                                0,
                                0,
                                111};
    packet.insert(packet.end(), one.control.begin(), one.control.end());
    b.send_rtcp(rtcp, packet);
    world.loop.run_for(10ms);
    REQUIRE_FALSE(a.reports.empty());
    CHECK(a.reports.back() == packet);
  }
}

TEST_CASE("whoever asks is told what each second brought to each leg, and what the far ends had of ours") {
  Talk talk;
  CHECK(talk.world.wait(talk.world.node->seconds())->empty());  // nobody had asked
  int number = 0;
  talk.world.net.delay = [&](const Endpoint& from, const Endpoint& to, io::Bytes) -> std::optional<io::Duration> {
    const bool is_speech = from == talk.a.local() && to == talk.leg_a.streams[0].outer;
    if (is_speech && ++number % 20 == 0) return std::nullopt;
    return io::Duration(1ms);
  };
  uint32_t packets = 0, lost = 0, rows = 0, of_b = 0, lost_of_b = 0;
  for (int second = 0; second < 20; ++second) {
    talk.world.loop.run_for(1s);
    const auto told = talk.world.wait(talk.world.node->seconds());
    REQUIRE(told);
    for (const LegSecond& one : *told) {
      CHECK(one.side == Side::outer);
      CHECK(one.jitter_ms < 5);
      const bool is_a = one.anchor == talk.leg_a.id;
      (is_a ? packets : of_b) += one.packets;
      (is_a ? lost : lost_of_b) += one.lost;
      rows += is_a;
    }
  }
  CHECK(rows >= 18);
  CHECK(packets >= 900);
  CHECK(packets <= 1000);
  CHECK(lost >= 44);
  CHECK(lost <= 51);
  CHECK(of_b >= 900);
  CHECK(lost_of_b == 0);
  talk.world.loop.run_for(20s);
  CHECK(talk.world.wait(talk.world.node->seconds())->empty());  // nobody had asked for so long
  talk.world.net.delay = [](const Endpoint&, const Endpoint&, io::Bytes) { return std::nullopt; };
}

TEST_CASE("a second tells the round trip and the loss that RTCP brought in it, once") {
  Talk talk;
  (void)talk.world.wait(talk.world.node->seconds());
  talk.world.loop.run_for(8s);
  (void)talk.world.wait(talk.world.node->seconds());
  // The first phone answers the node's last report, 40 ms after it had it, with a quarter lost.
  REQUIRE(!talk.a.reports.empty());
  rtp::RtcpReader reader(talk.a.reports.back());
  const auto theirs = rtp::sender_info(*reader.next());
  REQUIRE(theirs);
  std::array<uint8_t, 256> bytes;
  rtp::RtcpWriter writer(bytes);
  const rtp::ReportBlock block{.ssrc = talk.our_ssrc(),
                               .fraction_lost = 64,
                               .last_sr = static_cast<uint32_t>(theirs->ntp >> 16),
                               .delay_since_sr = 1};
  writer.receiver_report(111, {&block, 1});
  talk.a.send_rtcp(talk.rtcp_of_a(), {bytes.data(), writer.size()});
  talk.world.loop.run_for(2s);
  const auto told = talk.world.wait(talk.world.node->seconds());
  REQUIRE(told);
  uint32_t trips = 0, far = 0, far_lost = 0;
  for (const LegSecond& one : *told) {
    trips += one.rtt_ms > 0;
    far += one.far_packets;
    far_lost += one.far_lost;
  }
  CHECK(trips == 1);
  CHECK(far > 300);
  CHECK(far_lost == doctest::Approx(far / 4.0).epsilon(0.02));
}

TEST_CASE("what is lost on the last way alone is told by the sender's reports, whatever holes its stream has") {
  Talk talk;
  (void)talk.world.wait(talk.world.node->seconds());
  int number = 0;
  bool is_lossy = false;
  talk.world.net.delay = [&](const Endpoint& from, const Endpoint& to, io::Bytes) -> std::optional<io::Duration> {
    const bool is_speech = from == talk.a.local() && to == talk.leg_a.streams[0].outer;
    if (is_lossy && is_speech && ++number % 10 == 0) return std::nullopt;
    return io::Duration(1ms);
  };
  uint32_t sent = 0;
  int32_t missing = 0;
  const auto report = [&](uint32_t packets) {
    std::array<uint8_t, 256> bytes;
    rtp::RtcpWriter writer(bytes);
    writer.sender_report(111, {.ntp = 1, .rtp_timestamp = 1, .packets = packets, .octets = 0}, {});
    talk.a.send_rtcp(talk.rtcp_of_a(), {bytes.data(), writer.size()});
    talk.world.loop.run_for(2s);
    for (const LegSecond& one : *talk.world.wait(talk.world.node->seconds())) {
      sent += one.sent;
      missing += one.missing;
    }
  };
  talk.world.loop.run_for(1s);
  const uint32_t begun = talk.a.sequence;  // one a packet
  report(talk.a.sequence - begun);
  CHECK(sent == 0);  // nothing to compare with yet
  report(talk.a.sequence - begun);
  CHECK(sent == 100);
  CHECK(std::abs(missing) <= 1);
  // The talker skips numbers: holes, but nothing that was sent is missing.
  talk.a.sequence = static_cast<uint16_t>(talk.a.sequence + 40);
  report(talk.a.sequence - begun - 40);
  CHECK(sent == 200);
  CHECK(std::abs(missing) <= 1);
  is_lossy = true;
  report(talk.a.sequence - begun - 40);
  report(talk.a.sequence - begun - 40);
  CHECK(sent == 400);
  CHECK(missing >= 9);
  CHECK(missing <= 11);
  talk.world.net.delay = [](const Endpoint&, const Endpoint&, io::Bytes) { return std::nullopt; };
}

TEST_CASE("a far end that asks for a sender report has it at once, and not more often than it helps") {
  Talk talk;
  talk.world.loop.run_for(8s);
  const auto ask = [&](uint32_t whose) {
    std::array<uint8_t, 64> bytes;
    rtp::RtcpWriter writer(bytes);
    writer.receiver_report(111, {});
    writer.report_request(111, whose);
    talk.a.send_rtcp(talk.rtcp_of_a(), {bytes.data(), writer.size()});
    talk.world.loop.run_for(20ms);
  };
  talk.world.loop.run_for(1s);
  size_t before = talk.a.reports.size();
  ask(talk.our_ssrc() + 1);
  CHECK(talk.a.reports.size() == before);
  ask(talk.our_ssrc());
  CHECK(talk.a.reports.size() == before + 1);
  for (int i = 0; i < 10; ++i) ask(talk.our_ssrc());
  CHECK(talk.a.reports.size() == before + 1);
  talk.world.loop.run_for(800ms);
  before = talk.a.reports.size();
  ask(talk.our_ssrc());
  CHECK(talk.a.reports.size() == before + 1);
}
