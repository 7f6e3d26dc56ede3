#include "lab/measure.hpp"

#include <doctest/doctest.h>

#include "lab/marker.hpp"
#include "rtp/g711.hpp"
#include "rtp/packet.hpp"

using namespace nearend;
using namespace nearend::lab;

namespace {

constexpr int64_t one_ms = 1'000'000;
const CallSites sites{.caller = 0, .callee = 1, .x1 = 2, .x2 = 2, .router = 3, .app = 4};

std::vector<uint8_t> udp_packet(std::string_view payload) {
  std::vector<uint8_t> out(28);
  out[0] = 0x45;
  rtp::write16(&out[2], static_cast<uint16_t>(28 + payload.size()));
  out[9] = 17;
  rtp::write16(&out[20], 4000);
  rtp::write16(&out[22], 4002);
  out.insert(out.end(), payload.begin(), payload.end());
  return out;
}

Captured passage(SiteId from, SiteId to, int64_t entered_ms, int64_t left_ms, std::string_view payload) {
  return {entered_ms * one_ms, left_ms * one_ms, from, to, Fate::delivered, udp_packet(payload)};
}

std::string rtp_of(Voice voice, size_t frame, uint16_t sequence) {
  std::string payload;
  for (const int16_t sample : marker_frame(voice, frame)) payload += static_cast<char>(rtp::encode_ulaw(sample));
  std::array<uint8_t, 400> out;
  const auto* bytes = reinterpret_cast<const uint8_t*>(payload.data());
  const size_t size = rtp::write_packet(
      out, {false, 0, sequence, static_cast<uint32_t>(sequence) * 160, 7, rtp::Bytes(bytes, payload.size())});
  return {reinterpret_cast<const char*>(out.data()), size};
}

std::string sip(std::string_view first_line, std::string_view cseq) {
  return fmt::format("{}\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\r\nCSeq: {}\r\nContent-Length: 0\r\n\r\n",
                     first_line, cseq);
}

// A talk through one gateway, 5 ms of access on each side, answered at 1000 ms; the media starts `late_ms` after that.
CallTrace talk(int64_t late_ms) {
  std::vector<Captured> packets;
  packets.push_back(passage(0, 2, 95, 100, sip("INVITE sip:b@x SIP/2.0", "1 INVITE")));
  packets.push_back(passage(2, 1, 140, 145, sip("INVITE sip:b@y SIP/2.0", "1 INVITE")));
  packets.push_back(passage(1, 2, 995, 1000, sip("SIP/2.0 200 OK", "1 INVITE")));
  for (int i = 0; i < 100; ++i) {
    const int64_t at = 900 + 20 * i;
    const auto number = static_cast<uint16_t>(i);
    packets.push_back(passage(0, 2, at, at + 5, rtp_of(Voice::caller, number, number)));
    if (at >= 1000) packets.push_back(passage(1, 2, at, at + 5, rtp_of(Voice::callee, number, number)));
    if (at + 5 < 1000 + late_ms) continue;
    packets.push_back(passage(2, 1, at + 5, at + 10, rtp_of(Voice::caller, number, number)));
    if (at >= 1000) packets.push_back(passage(2, 0, at + 5, at + 10, rtp_of(Voice::callee, number, number)));
  }
  packets.push_back(passage(1, 2, 2900, 2905, sip("BYE sip:a@x SIP/2.0", "2 BYE")));
  packets.push_back(passage(2, 0, 2920, 2925, rtp_of(Voice::prompt, 0, 200)));
  return trace_of(sites, std::move(packets));
}

}  // namespace

TEST_CASE("speech is matched by its contents: delay, losses and clipping at the answer") {
  const CallTrace prompt = talk(0);
  const Delivery speech = delivery(prompt, true, 1000 * one_ms, 2000 * one_ms);
  CHECK(speech.median_ms() == doctest::Approx(10));
  CHECK(speech.lost == 0);
  CHECK(speech.doubled == 0);
  CHECK(speech.longest_gap_ms() == doctest::Approx(20));
  CHECK(clipped_packets(prompt) == 0.0);
  CHECK(clipped_packets(talk(60)) == 3.0);
}

TEST_CASE("the time from the answer to media at both ears leaves out the access networks") {
  const auto at_once = answer_to_media_ms(talk(0), 5, 5);
  REQUIRE(at_once);
  CHECK(*at_once <= 1);
  const auto late = answer_to_media_ms(talk(200), 5, 5);
  REQUIRE(late);
  CHECK(*late == doctest::Approx(200).epsilon(0.11));
}

TEST_CASE("set-up, hang-up to next verb and packets between the regions are counted") {
  const CallTrace trace = talk(0);
  CHECK(set_up_ms(trace) == 40.0);
  CHECK(hangup_to_verb_ms(trace, 5) == 15.0);
  CHECK(cross_region_rtp(trace) == 0);
}

TEST_CASE("a stream with a hole, a repetition and a new source is not continuous") {
  std::vector<RtpSeen> stream;
  for (const uint16_t number : {1, 2, 5, 5, 6})
    stream.push_back({.left_ns = number * 20 * one_ms, .sequence = number, .ssrc = 1});
  CHECK(continuity(stream).lost == 2);
  CHECK(continuity(stream).doubled == 1);
  CHECK(continuity(stream).longest_gap_ms == doctest::Approx(60));
  stream.push_back({.left_ns = 140 * one_ms, .sequence = 7, .ssrc = 2});
  CHECK(continuity(stream).ssrc_changes == 1);
}

TEST_CASE("a straight line is fitted through the figures over the round-trip time") {
  const Line line = fit({{0, 12}, {100, 112}, {200, 212}});
  CHECK(line.slope == doctest::Approx(1));
  CHECK(line.intercept == doctest::Approx(12));
}
