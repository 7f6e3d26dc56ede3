#include <doctest/doctest.h>

#include "media/control_json.hpp"
#include "media/packet_ring.hpp"
#include "rtp/rtcp.hpp"
#include "unit/media/virtual_world.hpp"

using namespace nearend;
using namespace nearend::media;
using namespace nearend::media::test;

namespace {

struct Record {
  uint64_t us = 0;
  Endpoint from, to;
  std::vector<uint8_t> payload;
  bool is_sound = false;  // lengths and checksums are right
};

uint32_t little(const std::string& file, size_t at) {
  uint32_t value = 0;
  for (size_t i = 4; i-- > 0;) value = value << 8 | static_cast<uint8_t>(file[at + i]);
  return value;
}

uint16_t ones_sum(std::span<const uint8_t> bytes, uint32_t sum = 0) {
  for (size_t i = 0; i < bytes.size(); ++i) sum += i % 2 ? bytes[i] : uint32_t{bytes[i]} << 8;
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(sum);
}

std::vector<Record> records_of(const std::string& file) {
  std::vector<Record> all;
  REQUIRE(file.size() >= 24);
  CHECK(little(file, 0) == 0xa1b2c3d4);
  CHECK(little(file, 20) == 101);
  for (size_t at = 24; at + 16 <= file.size();) {
    const size_t size = little(file, at + 8);
    REQUIRE(at + 16 + size <= file.size());
    std::vector<uint8_t> bytes(file.begin() + static_cast<long>(at) + 16,
                               file.begin() + static_cast<long>(at + 16 + size));
    Record record{.us = uint64_t{little(file, at)} * 1'000'000 + little(file, at + 4)};
    const bool is_v6 = bytes[0] >> 4 == 6;
    const auto family = is_v6 ? IpAddress::Family::v6 : IpAddress::Family::v4;
    const size_t header = is_v6 ? 40 : 20, address = is_v6 ? 16 : 4;
    const uint8_t* udp = bytes.data() + header;
    record.from = {IpAddress::from_bytes(family, udp - 2 * address), static_cast<uint16_t>(udp[0] << 8 | udp[1])};
    record.to = {IpAddress::from_bytes(family, udp - address), static_cast<uint16_t>(udp[2] << 8 | udp[3])};
    const size_t length = static_cast<size_t>(udp[4] << 8 | udp[5]);
    const auto addresses = std::span(bytes).subspan(header - 2 * address, 2 * address);
    const auto datagram = std::span(bytes).subspan(header);
    const uint16_t pseudo = ones_sum(addresses, 17 + static_cast<uint32_t>(length));
    record.is_sound = length + header == size && ones_sum(datagram, pseudo) == 0xffff &&
                      (is_v6 || ones_sum(std::span(bytes).first(20)) == 0xffff);
    record.payload.assign(bytes.begin() + static_cast<long>(header) + 8, bytes.end());
    all.push_back(std::move(record));
    at += 16 + size;
  }
  return all;
}

/// Two phones in a talk, and somebody who is given a copy of one leg.
struct Talk {
  World world;
  Phone a{world.loop, world.net, "192.0.2.10", 111}, b{world.loop, world.net, "192.0.2.20", 222};
  Phone says{world.loop, world.net, "192.0.2.30", 1}, hears{world.loop, world.net, "192.0.2.31", 2};
  AnchorInfo leg_a = world.allocate("a"), leg_b = world.allocate("b");
  Remote remote{.rtp = a.local(), .formats = telephone_formats()};

  explicit Talk(std::optional<SrtpKeys> keys = {}) {
    remote.srtp = std::move(keys);
    REQUIRE(world.wait(world.node->set_remote(leg_a.id, Side::outer, remote)));
    world.set_remote(leg_b, Side::outer, b.local());
    (void)world.connect(leg_a, {.kind = Path::Kind::bridge, .peer = leg_b.id});
    b.talk_to(leg_b.streams[0].outer);
  }
  Result<JobId> tap(TapRequest request) { return world.wait(world.node->tap(leg_a.id, request)); }
  std::vector<Record> captured(JobId job) {
    auto file = world.wait(world.node->capture(leg_a.id, job));
    REQUIRE(file);
    return records_of(*file);
  }
};

}  // namespace

TEST_CASE("a fork gets what the endpoint says and what it hears, until it is stopped, and nothing of strangers") {
  Talk talk;
  talk.a.talk_to(talk.leg_a.streams[0].outer);
  talk.world.loop.run_for(500ms);
  const auto job = talk.tap({.in = talk.says.local(), .out = talk.hears.local()});
  REQUIRE(job);
  const size_t heard_before = talk.b.heard.size();
  talk.world.loop.run_for(1s);
  Phone stranger(talk.world.loop, talk.world.net, "192.0.2.66", 666);
  stranger.aim(talk.leg_a.streams[0].outer);
  stranger.say(9999);
  talk.world.loop.run_for(1s);
  const size_t forked = talk.says.heard.size();
  CHECK(forked >= 99);
  CHECK(forked == talk.b.heard.size() - heard_before);
  CHECK(talk.hears.heard.size() >= 99);
  for (size_t i = 0; i < forked; ++i) CHECK(talk.says.heard[i].number() == talk.b.heard[heard_before + i].number());
  CHECK(talk.says.heard.front().packet.ssrc == 111);
  CHECK(talk.hears.heard.front().packet.ssrc == talk.a.heard.front().packet.ssrc);
  CHECK(find_breaks(talk.hears.heard).sequence == 0);
  talk.world.node->stop(talk.leg_a.id, *job);
  talk.world.loop.run_for(1s);
  CHECK(talk.says.heard.size() <= forked + 1);
}

TEST_CASE("200 taps come and go in a talk that notices none") {
  Talk talk;
  talk.a.talk_to(talk.leg_a.streams[0].outer);
  talk.world.loop.run_for(1s);
  const size_t before_a = talk.a.heard.size(), before_b = talk.b.heard.size();
  for (int i = 0; i < 200; ++i) {
    const auto job = talk.tap({.in = talk.says.local(), .out = talk.hears.local(), .capture_bytes = 1});
    REQUIRE(job);
    talk.world.loop.run_for(milliseconds(30 + i % 17));
    talk.world.node->stop(talk.leg_a.id, *job);
    talk.world.loop.run_for(milliseconds(10 + i % 13));
  }
  for (Phone* phone : {&talk.a, &talk.b}) {
    const auto breaks = find_breaks(phone->heard);
    CHECK(breaks.lost + breaks.doubled + breaks.sequence + breaks.timestamp + breaks.ssrc == 0);
  }
  CHECK(talk.a.heard.size() - before_a == talk.b.heard.size() - before_b);
  CHECK(talk.says.heard.size() > 300);
}

TEST_CASE("a capture holds a leg's packets both ways with their addresses, and is emptied by being read") {
  Talk talk;
  talk.a.talk_to(talk.leg_a.streams[0].outer);
  const auto job = talk.tap({.capture_bytes = capture_bytes_max});
  REQUIRE(job);
  std::vector<uint8_t> report(64);
  rtp::RtcpWriter writer(report);
  writer.receiver_report(111, {});
  report.resize(writer.size());
  Endpoint at = talk.leg_a.streams[0].outer;
  talk.a.send_rtcp({at.address, static_cast<uint16_t>(at.port + 1)}, report);
  talk.world.loop.run_for(10s);
  const auto records = talk.captured(*job);
  size_t in = 0, out = 0, rtcp_in = 0, rtcp_out = 0;
  for (const Record& one : records) {
    CHECK(one.is_sound);
    if (one.from == talk.a.local() && one.to == at) ++in;
    if (one.from == at && one.to == talk.a.local()) ++out;
    if (one.payload == report && one.to.port == at.port + 1) ++rtcp_in;
    if (one.from.port == at.port + 1 && rtp::is_rtcp(one.payload)) ++rtcp_out;
  }
  CHECK(in >= 499);
  CHECK(out >= 499);
  CHECK(rtcp_in == 1);
  CHECK(rtcp_out >= 1);
  CHECK(in + out + rtcp_in + rtcp_out == records.size());
  CHECK(std::ranges::is_sorted(records, {}, &Record::us));
  CHECK(records.front().us / 1'000'000 == 1'800'003'600);
  CHECK(talk.captured(*job).size() < 10);
  talk.world.node->stop(talk.leg_a.id, *job);
  CHECK(talk.world.wait(talk.world.node->capture(talk.leg_a.id, *job)).error().kind == Error::Kind::not_found);
}

TEST_CASE("SRTP is taken off in forks and captures, unless the line itself is wanted") {
  const auto suite = srtp::Suite::aead_aes_128_gcm;
  const SrtpKeys keys{*srtp::MasterKey::random(suite), *srtp::MasterKey::random(suite)};
  for (const bool is_as_on_line : {false, true}) {
    CAPTURE(is_as_on_line);
    Talk talk(keys);
    auto sender = *srtp::Sender::make(keys.receive);
    const auto job = talk.tap({.in = talk.says.local(),
                               .out = talk.hears.local(),
                               .capture_bytes = capture_bytes_max,
                               .is_as_on_line = is_as_on_line});
    REQUIRE(job);
    for (uint16_t i = 1; i <= 50; ++i) {
      std::vector<uint8_t> bytes(172 + srtp::trailer_max, i % 100);
      const std::vector<uint8_t> payload(160, static_cast<uint8_t>(i % 100));
      rtp::write_packet(bytes, {.sequence = i, .timestamp = i * 160u, .ssrc = 111, .payload = payload});
      bytes.resize(sender.protect(bytes, 172).size);
      talk.a.send_raw(talk.leg_a.streams[0].outer, bytes);
      talk.world.loop.run_for(20ms);
    }
    const std::vector<uint8_t> refused{0x80, 0, 0, 99, 0, 0, 0, 9, 0, 0, 0, 111, 1, 2, 3, 4, 5, 6, 7, 8};
    talk.a.send_raw(talk.leg_a.streams[0].outer, refused);
    talk.world.loop.run_for(20ms);
    CHECK(talk.says.heard.size() == 50);
    CHECK(talk.hears.heard.size() >= 49);
    for (const auto* fork : {&talk.says, &talk.hears})
      for (const auto& one : fork->heard) CHECK(one.bytes.size() == 172);
    const auto records = talk.captured(*job);
    CHECK(records.size() >= 98);
    CHECK(std::ranges::count(records, refused, &Record::payload) == 1);
    for (const Record& one : records)
      if (!rtp::is_rtcp(one.payload) && one.payload != refused)
        CHECK(one.payload.size() == (is_as_on_line ? 172u + 16u : 172u));
  }
}

TEST_CASE("a capture that is full forgets what is oldest") {
  PacketRing ring(1000);
  const Endpoint a = *parse_endpoint("192.0.2.1:4000"), b = *parse_endpoint("192.0.2.2:5001");
  const Endpoint six = *parse_endpoint("[2001:db8::1]:4000"), seven = *parse_endpoint("[2001:db8::2]:5000");
  for (uint8_t i = 0; i < 250; ++i) {
    const std::vector<uint8_t> payload(i, i);
    i % 2 ? ring.add(i, a, b, payload) : ring.add(i, six, seven, payload);
    const auto records = records_of(ring.to_pcap());
    REQUIRE_FALSE(records.empty());
    for (size_t n = 0; n < records.size(); ++n) {
      const size_t number = i + 1 - records.size() + n;
      CHECK(records[n].us == number);
      CHECK(records[n].is_sound);
      CHECK(records[n].payload == std::vector<uint8_t>(number, static_cast<uint8_t>(number)));
      CHECK(records[n].from == (number % 2 ? a : six));
    }
  }
  ring.add(251, a, b, std::vector<uint8_t>(1500));  // no room at all: nothing goes for it
  CHECK(records_of(ring.to_pcap()).back().us == 249);
}

TEST_CASE("captures of several legs become one, in order of time") {
  PacketRing first(4000), second(4000), none(100);
  const Endpoint at = *parse_endpoint("192.0.2.1:4000");
  for (uint8_t i = 0; i < 10; ++i) (i % 3 ? first : second).add(5'999'995 + i, at, at, std::vector<uint8_t>(20, i));
  const auto merged = records_of(merged_pcap({first.to_pcap(), second.to_pcap(), none.to_pcap(), "", "junk"}));
  REQUIRE(merged.size() == 10);
  for (uint8_t i = 0; i < 10; ++i) CHECK(merged[i].payload.front() == i);
}

TEST_CASE("what is asked of a tap is checked, crosses the control API, and has its limits") {
  Talk talk;
  CHECK(talk.tap({}).error().kind == Error::Kind::invalid);
  CHECK(talk.tap({.in = *parse_endpoint("224.0.0.1:4000")}).error().kind == Error::Kind::refused);
  const TapRequest request{
      .in = talk.says.local(), .out = talk.hears.local(), .capture_bytes = 70'000, .is_as_on_line = true};
  const auto read = read_tap(to_value(request));
  REQUIRE(read);
  CHECK(read->in == request.in);
  CHECK(read->out == request.out);
  CHECK(read->capture_bytes == 70'000);
  CHECK(read->is_as_on_line);
  CHECK_FALSE(read_tap(json::object{{"in", "nowhere"}}));
  CHECK_FALSE(read_tap(json::object{{"capture_bytes", 1 << 30}}));
  for (size_t i = 0; i < Control::taps_max; ++i) CHECK(talk.tap({.in = talk.says.local()}));
  CHECK(talk.tap({.in = talk.says.local()}).error().kind == Error::Kind::unavailable);
  talk.world.node->release(talk.leg_a.id);
  talk.world.loop.run_for(1s);
  CHECK_FALSE(talk.tap({.in = talk.says.local()}));
}
