#include <doctest/doctest.h>

#include "unit/media/virtual_world.hpp"

using namespace nearend;
using namespace nearend::media;
using namespace nearend::media::test;

namespace {

/// Two phones on two anchors of one node.
struct Talk {
  World world;
  Phone a{world.loop, world.net, "192.0.2.10", 111}, b{world.loop, world.net, "192.0.2.20", 222};
  AnchorInfo leg_a = world.allocate("a"), leg_b = world.allocate("b");

  Talk(std::vector<Format> formats_a = telephone_formats(), std::vector<Format> formats_b = telephone_formats()) {
    world.set_remote(leg_a, Side::outer, a.local(), std::move(formats_a));
    world.set_remote(leg_b, Side::outer, b.local(), std::move(formats_b));
    a.talk_to(leg_a.streams[0].outer);
    b.talk_to(leg_b.streams[0].outer);
  }
  void bridge() { (void)world.connect(leg_a, {.kind = Path::Kind::bridge, .peer = leg_b.id}); }
};

}  // namespace

TEST_CASE("two bridged legs hear each other frame by frame, in one stream of our own") {
  Talk talk;
  talk.bridge();
  talk.world.loop.run_for(2s);
  REQUIRE(talk.b.heard.size() > 90);
  const auto breaks = find_breaks(talk.b.heard);
  CHECK(breaks.ssrc == 0);
  CHECK(breaks.sequence == 0);
  CHECK(breaks.timestamp == 0);
  CHECK(breaks.lost == 0);
  for (size_t i = 1; i < talk.b.heard.size(); ++i) CHECK(talk.b.heard[i].number() == talk.b.heard[i - 1].number() + 1);
  CHECK(talk.b.heard[5].packet.ssrc != 111);
  CHECK(talk.a.heard.size() > 90);
  REQUIRE(talk.world.told<event::Moved>(talk.leg_b).size() == 1);
  CHECK(talk.world.told<event::Moved>(talk.leg_b)[0].report.was_proven);
}

TEST_CASE("mu-law and A-law legs are transcoded into each other") {
  Talk talk(telephone_formats(0), telephone_formats(8));
  talk.b.payload_type = 8;
  talk.bridge();
  talk.world.loop.run_for(1s);
  REQUIRE(!talk.b.heard.empty());
  CHECK(talk.b.heard.back().packet.payload_type == 8);
  CHECK(talk.a.heard.back().packet.payload_type == 0);
}

TEST_CASE("a digit passes once with its own payload type and is told once, though its end packets are lost but one") {
  Talk talk;
  talk.bridge();
  talk.world.loop.run_for(200ms);
  int ends = 0;
  talk.world.net.delay = [&](const Endpoint& from, const Endpoint&, io::Bytes bytes) -> std::optional<io::Duration> {
    const auto packet = rtp::parse_packet(bytes);
    if (packet && packet->payload_type == 101 && from == talk.a.local() && rtp::parse_event(packet->payload)->is_end &&
        ++ends < 3)
      return std::nullopt;
    return 1ms;
  };
  talk.a.press('5');
  talk.world.loop.run_for(600ms);
  const auto digits = talk.world.told<event::Digit>(talk.leg_a);
  REQUIRE(digits.size() == 1);
  CHECK(digits[0].digit == '5');
  CHECK(digits[0].length == 100ms);
  CHECK(!digits[0].is_in_band);
  CHECK(talk.b.keys() == std::vector<char>{'5'});
}

TEST_CASE("a digit whose end packets are all lost is told once, and ended for the far end") {
  Talk talk;
  talk.bridge();
  talk.world.loop.run_for(200ms);
  talk.world.net.delay = [&](const Endpoint& from, const Endpoint&, io::Bytes bytes) -> std::optional<io::Duration> {
    const auto packet = rtp::parse_packet(bytes);
    if (packet && packet->payload_type == 101 && from == talk.a.local() && rtp::parse_event(packet->payload)->is_end)
      return std::nullopt;
    return 1ms;
  };
  talk.a.press('#');
  talk.world.loop.run_for(1s);
  REQUIRE(talk.world.told<event::Digit>(talk.leg_a).size() == 1);
  CHECK(talk.b.keys() == std::vector<char>{'#'});
}

TEST_CASE("a strict side lets nothing in from an unlisted source, not even one packet") {
  Talk talk;
  talk.bridge();
  talk.world.loop.run_for(500ms);
  Phone mallory(talk.world.loop, talk.world.net, "192.0.2.66", 666);
  mallory.talk_to(talk.leg_a.streams[0].outer);
  talk.world.loop.run_for(1s);
  for (const auto& one : talk.b.heard) CHECK(one.number() <= talk.a.count);
  const auto stats = talk.world.wait(talk.world.node->stats(talk.leg_a.id));
  REQUIRE(stats);
  CHECK((*stats)[0].dropped_source >= 49);
  CHECK(mallory.heard.empty());
  const auto heard = find_breaks(talk.b.heard);
  CHECK(heard.lost == 0);
  CHECK(heard.doubled == 0);
}

TEST_CASE("a learning side locks on the first source in order; a later one gets nothing in or out") {
  World world;
  const AnchorInfo leg = world.allocate("a"), other = world.allocate("b");
  Phone phone(world.loop, world.net, "192.0.2.10", 111), far(world.loop, world.net, "192.0.2.20", 222);
  Phone mallory(world.loop, world.net, "192.0.2.66", 666);
  world.set_remote(leg, Side::outer, *parse_endpoint("10.0.0.5:4000"), telephone_formats(),
                   {.mode = SourceRule::Mode::learn});
  world.set_remote(other, Side::outer, far.local());
  (void)world.connect(leg, {.kind = Path::Kind::bridge, .peer = other.id});
  far.talk_to(other.streams[0].outer);
  phone.talk_to(leg.streams[0].outer);
  world.loop.run_for(100ms);
  mallory.talk_to(leg.streams[0].outer);
  world.loop.run_for(2s);
  CHECK(phone.heard.size() > 90);
  CHECK(mallory.heard.empty());
  const auto stats = world.wait(world.node->stats(leg.id));
  CHECK((*stats)[0].dropped_source >= 95);
}

TEST_CASE("a flood from many addresses while learning puts at most five packets through") {
  World world;
  const AnchorInfo leg = world.allocate("a"), other = world.allocate("b");
  Phone far(world.loop, world.net, "192.0.2.20", 222);
  world.set_remote(leg, Side::outer, *parse_endpoint("10.0.0.5:4000"), telephone_formats(),
                   {.mode = SourceRule::Mode::learn});
  world.set_remote(other, Side::outer, far.local());
  (void)world.connect(leg, {.kind = Path::Kind::bridge, .peer = other.id, .has_comfort_noise = false});
  std::vector<std::unique_ptr<Phone>> flood;
  for (int i = 0; i < 20; ++i) {
    flood.push_back(
        std::make_unique<Phone>(world.loop, world.net, fmt::format("192.0.2.{}", 100 + i).c_str(), 1000 + i));
    flood.back()->talk_to(leg.streams[0].outer);
  }
  world.loop.run_for(4s);
  CHECK(far.heard.size() <= 5);
  for (const auto& one : flood) CHECK(one->heard.size() <= 5);
}

TEST_CASE("a new SSRC from the right address is believed at its second packet and counted, ours stays") {
  Talk talk;
  talk.bridge();
  talk.world.loop.run_for(500ms);
  talk.a.is_talking = false;
  Phone again(talk.world.loop, talk.world.net, "192.0.2.99", 999);
  std::array<uint8_t, 160> payload{};
  for (uint16_t i = 0; i < 5; ++i) {
    std::array<uint8_t, 172> bytes;
    rtp::write_packet(
        bytes,
        {.sequence = static_cast<uint16_t>(5000 + i), .timestamp = 77u + i * 160, .ssrc = 4711, .payload = payload});
    talk.a.send_raw(talk.leg_a.streams[0].outer, bytes);
    talk.world.loop.run_for(20ms);
  }
  CHECK(find_breaks(talk.b.heard).ssrc == 0);
  CHECK(find_breaks(talk.b.heard).sequence == 0);
  size_t heard = 0;
  for (const auto& one : talk.b.heard) heard += one.number() == 0;
  CHECK(heard == 4);
}

TEST_CASE("silence is told once, held legs are not watched, and reports count as life") {
  Talk talk;
  talk.bridge();
  talk.world.node->watch_silence(talk.leg_a.id, 5s);
  talk.world.loop.run_for(2s);
  talk.a.is_talking = false;
  talk.world.loop.run_for(4s);
  CHECK(talk.world.told<event::Silent>(talk.leg_a).empty());
  talk.world.loop.run_for(2s);
  CHECK(talk.world.told<event::Silent>(talk.leg_a).size() == 1);
  talk.world.loop.run_for(10s);
  CHECK(talk.world.told<event::Silent>(talk.leg_a).size() == 1);
  talk.a.is_talking = true;
  talk.world.loop.run_for(1s);
  CHECK(talk.world.told<event::Resumed>(talk.leg_a).size() == 1);

  talk.a.is_talking = false;
  Remote held{.rtp = talk.a.local(), .formats = telephone_formats(), .may_receive = false};
  (void)talk.world.wait(talk.world.node->set_remote(talk.leg_a.id, Side::outer, held));
  talk.world.loop.run_for(20s);
  CHECK(talk.world.told<event::Silent>(talk.leg_a).size() == 1);

  held.may_receive = true;
  (void)talk.world.wait(talk.world.node->set_remote(talk.leg_a.id, Side::outer, held));
  std::array<uint8_t, 64> buffer;
  rtp::RtcpWriter report(buffer);
  report.receiver_report(111, {});
  Endpoint rtcp = talk.leg_a.streams[0].outer;
  ++rtcp.port;
  for (int i = 0; i < 5; ++i) {  // a source in DTX sends only reports
    talk.a.send_rtcp(rtcp, {buffer.data(), report.size()});
    talk.world.loop.run_for(4s);
  }
  CHECK(talk.world.told<event::Silent>(talk.leg_a).size() == 1);
}

TEST_CASE("each side gets sender reports of our own stream, and the round trip is taken from the answers") {
  Talk talk;
  talk.world.net.delay = [](const Endpoint&, const Endpoint&, io::Bytes) { return io::Duration(40ms); };
  talk.bridge();
  talk.world.loop.run_for(12s);
  REQUIRE(talk.a.reports.size() >= 1);
  rtp::RtcpReader reader(talk.a.reports.back());
  const auto packet = reader.next();
  REQUIRE(packet);
  const auto info = rtp::sender_info(*packet);
  REQUIRE(info);
  CHECK(info->packets > 100);
  CHECK(rtp::rtcp_sender(*packet) == talk.a.heard.back().packet.ssrc);
  const auto block = rtp::report_block(*packet, 0);
  REQUIRE(block);
  CHECK(block->ssrc == 111);
  CHECK(block->fraction_lost == 0);

  std::array<uint8_t, 128> buffer;
  rtp::RtcpWriter writer(buffer);
  const rtp::ReportBlock answer{.ssrc = *rtp::rtcp_sender(*packet),
                                .fraction_lost = 64,
                                .last_sr = static_cast<uint32_t>(info->ntp >> 16),
                                .delay_since_sr = 0};
  talk.a.reports.clear();
  // Answered at once, with the time since its arrival said to be none: run to just after one arrives.
  while (talk.a.reports.empty()) talk.world.loop.run_for(1ms);
  rtp::RtcpReader fresh(talk.a.reports.back());
  const auto latest = rtp::sender_info(*fresh.next());
  rtp::ReportBlock now = answer;
  now.last_sr = static_cast<uint32_t>(latest->ntp >> 16);
  writer.receiver_report(111, {&now, 1});
  Endpoint rtcp = talk.leg_a.streams[0].outer;
  ++rtcp.port;
  talk.a.send_rtcp(rtcp, {buffer.data(), writer.size()});
  talk.world.loop.run_for(100ms);
  const auto stats = talk.world.wait(talk.world.node->stats(talk.leg_a.id));
  REQUIRE((*stats)[0].rtt_ms);
  CHECK(*(*stats)[0].rtt_ms == doctest::Approx(80).epsilon(0.05));
  CHECK(*(*stats)[0].remote_loss == doctest::Approx(0.25));
}

TEST_CASE("an idle leg with comfort noise hears a steady stream") {
  World world;
  const AnchorInfo leg = world.allocate("a");
  Phone phone(world.loop, world.net, "192.0.2.10", 111);
  world.set_remote(leg, Side::outer, phone.local());
  (void)world.connect(leg, {.kind = Path::Kind::idle});
  world.loop.run_for(1s);
  CHECK(phone.heard.size() >= 48);
  CHECK(phone.heard.size() <= 51);
  CHECK(find_breaks(phone.heard).timestamp == 0);
}

TEST_CASE(
    "video passes with its own SSRC and our peer's payload type, its feedback goes back, and a new watcher gets a "
    "whole picture") {
  World world;
  AllocateRequest request;
  request.streams = {StreamKind::audio, StreamKind::video};
  request.leg = "a";
  const AnchorInfo leg_a = world.allocate(request);
  request.leg = "b";
  const AnchorInfo leg_b = world.allocate(request);
  Phone a(world.loop, world.net, "192.0.2.10", 111), b(world.loop, world.net, "192.0.2.20", 222);
  Remote remote{.stream = 1, .rtp = a.local(), .formats = {{.payload_type = 96, .name = "VP8", .clock_rate = 90'000}}};
  (void)world.wait(world.node->set_remote(leg_a.id, Side::outer, remote));
  remote.rtp = b.local();
  remote.formats[0].payload_type = 120;
  (void)world.wait(world.node->set_remote(leg_b.id, Side::outer, remote));
  (void)world.connect(leg_a, {.kind = Path::Kind::bridge, .peer = leg_b.id});
  a.payload_type = 96;
  a.talk_to(leg_a.streams[1].outer);
  world.loop.run_for(500ms);
  REQUIRE(b.heard.size() > 20);
  CHECK(b.heard.back().packet.ssrc == 111);
  CHECK(b.heard.back().packet.payload_type == 120);
  REQUIRE(a.reports.size() == 1);
  rtp::RtcpReader asked(a.reports[0]);
  CHECK(asked.next()->type == rtp::RtcpType::receiver_report);
  CHECK(asked.next()->type == rtp::RtcpType::payload_feedback);

  std::array<uint8_t, 64> buffer;
  rtp::RtcpWriter writer(buffer);
  writer.receiver_report(222, {});
  writer.picture_loss(222, 111);
  Endpoint rtcp = leg_b.streams[1].outer;
  ++rtcp.port;
  b.send_rtcp(rtcp, {buffer.data(), writer.size()});
  world.loop.run_for(50ms);
  REQUIRE(a.reports.size() == 2);
  CHECK(a.reports[1] == std::vector<uint8_t>(buffer.data(), buffer.data() + writer.size()));
}
