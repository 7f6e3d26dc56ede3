#include <doctest/doctest.h>

#include <vector>

#include "rtp/continuity.hpp"
#include "rtp/g711.hpp"
#include "rtp/packet.hpp"
#include "rtp/receiver.hpp"
#include "rtp/rtcp.hpp"
#include "rtp/telephone_event.hpp"

using namespace nearend::rtp;
using namespace std::chrono_literals;

namespace {
Instant at(int64_t ms) {
  return Instant(std::chrono::milliseconds(100'000 + ms));
}
std::vector<uint8_t> bytes(std::initializer_list<int> list) {
  return {list.begin(), list.end()};
}
}  // namespace

TEST_CASE("a packet reads back as it was written") {
  const auto payload = bytes({1, 2, 3});
  std::array<uint8_t, 64> buffer;
  const size_t size = write_packet(buffer, {true, 101, 65535, 0xdeadbeef, 42, payload});
  const auto packet = parse_packet({buffer.data(), size});
  REQUIRE(packet);
  CHECK(packet->marker);
  CHECK(packet->payload_type == 101);
  CHECK(packet->sequence == 65535);
  CHECK(packet->timestamp == 0xdeadbeef);
  CHECK(packet->ssrc == 42);
  CHECK(std::vector(packet->payload.begin(), packet->payload.end()) == payload);
}

TEST_CASE("sources, extension and padding are taken off, and lengths that lie are refused") {
  auto packet = bytes({0xb1,
                       0,
                       0,
                       1,
                       0,
                       0,
                       0,
                       1,
                       0,
                       0,
                       0,
                       1,
                       /*CSRC*/ 9,
                       9,
                       9,
                       9,
                       /*extension*/ 0xbe,
                       0xde,
                       0,
                       1,
                       1,
                       2,
                       3,
                       4,
                       /*payload*/ 7,
                       8,
                       /*padding*/ 0,
                       0,
                       3});
  REQUIRE(parse_packet(packet));
  CHECK(parse_packet(packet)->payload.size() == 2);
  for (size_t size = 0; size < 24; ++size) CHECK(!parse_packet({packet.data(), size}));
  packet.back() = 200;
  CHECK(!parse_packet(packet));
  packet.back() = 0;
  CHECK(!parse_packet(packet));
  packet.back() = 3;
  packet[0] = 0x71;
  CHECK(!parse_packet(packet));
}

TEST_CASE("RTCP is told from RTP on one port by its packet type") {
  CHECK(is_rtcp(bytes({0x80, 200})));
  CHECK(is_rtcp(bytes({0x80, 206})));
  CHECK(!is_rtcp(bytes({0x80, 0})));
  CHECK(!is_rtcp(bytes({0x80, 0x80 | 101})));
  CHECK(!is_rtcp(bytes({0x80})));
}

TEST_CASE("a receiver counts loss over a wrap, passes late packets once and finds doubled ones") {
  Receiver receiver;
  const auto feed = [&](int sequence, int64_t ms) {
    return receiver.on_packet({.sequence = static_cast<uint16_t>(sequence), .timestamp = static_cast<uint32_t>(ms * 8)},
                              8000, at(ms));
  };
  int64_t ms = 0;
  for (int i = 65'500; i < 65'600; ++i)
    if (i != 65'540 && i != 65'541) CHECK(feed(i, ms += 20) == Receiver::Verdict::good);
  CHECK(receiver.lost() == 2);
  CHECK(receiver.extended_highest() == 65'599);
  CHECK(receiver.take_fraction_lost() == 2 * 256 / 100);
  CHECK(feed(65'541, ms) == Receiver::Verdict::good);
  CHECK(receiver.lost() == 1);
  CHECK(feed(65'541, ms) == Receiver::Verdict::doubled);
  CHECK(receiver.take_fraction_lost() == 0);
}

TEST_CASE("a jump in numbering is believed at the second packet and starts the figures anew") {
  Receiver receiver;
  for (uint16_t i = 0; i < 50; ++i) receiver.on_packet({.sequence = i}, 8000, at(i * 20));
  CHECK(receiver.on_packet({.sequence = 30'000}, 8000, at(1000)) == Receiver::Verdict::implausible);
  CHECK(receiver.on_packet({.sequence = 30'001}, 8000, at(1020)) == Receiver::Verdict::restarted);
  CHECK(receiver.lost() == 0);
  CHECK(receiver.received() == 1);
}

TEST_CASE("jitter follows RFC 3550 A.8") {
  Receiver steady, shaken;
  for (uint16_t i = 0; i < 500; ++i) {
    steady.on_packet({.sequence = i, .timestamp = i * 160u}, 8000, at(i * 20));
    shaken.on_packet({.sequence = i, .timestamp = i * 160u}, 8000, at(i * 20 + (i % 2) * 10));
  }
  CHECK(steady.jitter_ms(8000) == doctest::Approx(0));
  CHECK(shaken.jitter_ms(8000) == doctest::Approx(10).epsilon(0.01));
}

TEST_CASE("reports read back as they were written, and the round trip comes from LSR and DLSR") {
  const SenderInfo info{ntp_of(1'700'000'000'500'000'000), 1234, 50, 8000};
  const ReportBlock block{7, 25, -3, 70'000, 80, static_cast<uint32_t>(info.ntp >> 16), 65536 / 10};
  std::array<uint8_t, 256> buffer;
  RtcpWriter writer(buffer);
  writer.sender_report(99, info, {&block, 1});
  writer.cname(99, "0123456789abcdef");
  writer.bye(99);
  REQUIRE(writer.size() % 4 == 0);
  RtcpReader reader({buffer.data(), writer.size()});
  const auto report = reader.next();
  REQUIRE(report);
  CHECK(rtcp_sender(*report) == 99u);
  CHECK(sender_info(*report)->packets == 50);
  const auto read = report_block(*report, 0);
  REQUIRE(read);
  CHECK(read->cumulative_lost == -3);
  CHECK(read->extended_highest == 70'000);
  CHECK(!report_block(*report, 1));
  CHECK(reader.next()->type == RtcpType::sdes);
  CHECK(reader.next()->type == RtcpType::bye);
  CHECK(!reader.next());
  CHECK(!reader.is_broken());
  // Answered 100 ms after it came, which was 30 ms after it left; 30 ms back.
  const auto trip = round_trip_ms(*read, ntp_of(1'700'000'000'660'000'000));
  REQUIRE(trip);
  CHECK(*trip == doctest::Approx(60).epsilon(0.01));
  CHECK(!round_trip_ms(ReportBlock{}, 1));
}

TEST_CASE("a broken compound is read up to where it breaks") {
  std::array<uint8_t, 64> buffer;
  RtcpWriter writer(buffer);
  writer.receiver_report(1, {});
  buffer[writer.size()] = 0x81;
  buffer[writer.size() + 1] = 201;
  buffer[writer.size() + 2] = 0xff;
  buffer[writer.size() + 3] = 0xff;
  RtcpReader reader({buffer.data(), writer.size() + 8});
  CHECK(reader.next());
  CHECK(!reader.next());
  CHECK(reader.is_broken());
}

TEST_CASE("G.711 tables give every code back, and change between the laws without drift") {
  for (int code = 0; code < 256; ++code) {
    const auto byte = static_cast<uint8_t>(code);
    if (byte != 0x7f) CHECK(encode_ulaw(decode_ulaw(byte)) == byte);  // 0x7f is the other zero
    CHECK(encode_alaw(decode_alaw(byte)) == byte);
    const uint8_t there = alaw_of_ulaw(byte);
    CHECK(std::abs(decode_alaw(there) - decode_ulaw(byte)) <= std::max(16, std::abs(decode_ulaw(byte)) / 16));
    CHECK(alaw_of_ulaw(ulaw_of_alaw(there)) == there);
  }
  CHECK(decode_ulaw(0x00) == -32124);
  CHECK(decode_ulaw(0x80) == 32124);
  CHECK(decode_alaw(0x2a) == -32256);
  CHECK(std::abs(decode_alaw(encode_alaw(1000)) - 1000) <= 32);
  CHECK(std::abs(decode_ulaw(encode_ulaw(-1000)) + 1000) <= 32);
}

TEST_CASE("an event is told once whatever is lost, doubled or late") {
  EventDetector detector;
  const auto feed = [&](uint32_t timestamp, uint8_t event, bool is_end, uint16_t duration, int64_t ms) {
    return detector.on_event(timestamp, {.event = event, .is_end = is_end, .duration = duration}, 8000, at(ms));
  };
  CHECK(feed(1000, 5, false, 160, 0).count == 0);
  CHECK(feed(1000, 5, true, 800, 100).count == 1);
  CHECK(feed(1000, 5, true, 800, 101).count == 0);
  CHECK(feed(1000, 5, false, 640, 102).count == 0);
  // All ends lost: the next event tells it.
  CHECK(feed(3000, 6, false, 160, 300).count == 0);
  const auto two = feed(5000, 7, true, 400, 500);
  REQUIRE(two.count == 2);
  CHECK(two.pressed[0].digit == '6');
  CHECK(two.pressed[1].digit == '7');
  CHECK(feed(3000, 6, true, 400, 501).count == 0);
  // Or time does.
  CHECK(feed(9000, 11, false, 160, 600).count == 0);
  CHECK(!detector.on_time(at(700)));
  CHECK(detector.on_time(at(801))->digit == '#');
  CHECK(!detector.on_time(at(900)));
  CHECK(feed(20'000, 200, true, 1, 1000).count == 0);  // no digit
}

TEST_CASE("a sender presses a key in growing steps and lets go three times") {
  EventSender sender(9, 480);
  std::vector<EventPayload> said;
  while (auto payload = sender.next()) said.push_back(*payload);
  REQUIRE(said.size() == 5);
  CHECK(said[0].duration == 160);
  CHECK(!said[1].is_end);
  for (size_t i = 2; i < 5; ++i) CHECK((said[i].is_end && said[i].duration == 480));
}

TEST_CASE("a switch of source goes on at the next sequence number and at the time of the wall clock") {
  Continuity out(1, 100, 50'000);
  for (int i = 0; i < 100; ++i)
    REQUIRE(out.place(1, {.sequence = static_cast<uint16_t>(i), .timestamp = i * 160u}, 160, 8000, false, at(i * 20)));
  CHECK(out.last_sequence() == 199);
  // The next source begins 70 ms after the last frame: three frames were missed, no number is.
  const auto place =
      out.place(2, {.marker = true, .sequence = 9000, .timestamp = 5}, 160, 8000, false, at(99 * 20 + 80));
  REQUIRE(place);
  CHECK(place->sequence == 200);
  CHECK(place->timestamp == 50'000 + 99 * 160 + 4 * 160);
  CHECK(place->is_switch);
  CHECK(!place->marker);
  CHECK(place->missed_frames == 3);
  // A hole of the source stays a hole.
  CHECK(out.place(2, {.sequence = 9003, .timestamp = 485}, 160, 8000, false, at(2120))->sequence == 203);
  // What was before its first packet comes too late.
  CHECK(!out.place(2, {.sequence = 8999, .timestamp = 5}, 160, 8000, false, at(2121)));
}

TEST_CASE("the first frame of a new source for a moment that is filled is not sent again") {
  Continuity out(1, 0, 0);
  for (int i = 0; i < 50; ++i)
    (void)out.place(1, {.sequence = static_cast<uint16_t>(i), .timestamp = i * 160u}, 160, 8000, false, at(i * 20));
  CHECK(!out.place(2, {.sequence = 7, .timestamp = 1}, 160, 8000, false, at(49 * 20 + 3)));
  const auto next = out.place(2, {.sequence = 8, .timestamp = 161}, 160, 8000, false, at(50 * 20 + 3));
  REQUIRE(next);
  CHECK(next->sequence == 50);
  CHECK(next->timestamp == 50 * 160);
}

TEST_CASE("a frame that nobody has brought before takes the next place, however early it comes") {
  Continuity out(1, 0, 0);
  for (int i = 0; i < 50; ++i)
    (void)out.place(1, {.sequence = static_cast<uint16_t>(i), .timestamp = i * 160u}, 160, 8000, false, at(i * 20));
  const auto unheard = [&](Continuity::Source source, int ms) {
    return out.place(source, {.sequence = 7, .timestamp = 1}, 160, 8000, false, at(49 * 20 + ms),
                     Continuity::Maker::far_end, true);
  };
  const auto next = unheard(2, 3);
  REQUIRE(next);
  CHECK(next->sequence == 50);
  CHECK(next->timestamp == 50 * 160);
  // Two frames ahead of the clock are enough.
  REQUIRE(unheard(3, 4));
  CHECK(!unheard(4, 5));
}

TEST_CASE("the first words after what we made ourselves are sent whenever they come, and the clock keeps its line") {
  Continuity out(1, 0, 0);
  uint16_t sequence = 0;
  uint32_t last = 0;
  const auto ours = Continuity::Maker::ourselves;
  for (int turn = 0; turn < 500; ++turn) {
    const int begin = turn * 400;
    CAPTURE(turn);
    // Our noise keeps to the grid, the talker begins anywhere between two of its frames.
    for (int i = 0; i < 10; ++i)
      (void)out.place(1, {.sequence = static_cast<uint16_t>(turn * 10 + i), .timestamp = (turn * 10 + i) * 160u}, 160,
                      8000, false, at(begin + i * 20), ours);
    const int offset = 180 + 1 + turn % 19;
    const auto source = static_cast<Continuity::Source>(turn + 2);
    sequence = out.last_sequence();
    last = out.last_timestamp();
    for (int i = 0; i < 10; ++i) {
      const auto place = out.place(source, {.sequence = static_cast<uint16_t>(i), .timestamp = i * 160u}, 160, 8000,
                                   false, at(begin + offset + i * 20));
      REQUIRE(place);
      REQUIRE(place->sequence == static_cast<uint16_t>(sequence + 1 + i));
      REQUIRE(place->timestamp - last >= 160);
      const double wall = (begin + offset + i * 20) * 8.0;
      CHECK(std::abs(place->timestamp - wall) <= 240);
    }
  }
}

TEST_CASE("a marker is set after real silence only") {
  Continuity out(1, 0, 0);
  CHECK(out.place(1, {.sequence = 0}, 160, 8000, false, at(0))->marker);
  CHECK(!out.place(2, {.marker = true, .sequence = 9}, 160, 8000, false, at(40))->marker);
  CHECK(out.place(3, {.sequence = 5}, 160, 8000, false, at(1000))->marker);
}
