#include "rtp/rtcp_xr.hpp"

#include <doctest/doctest.h>

#include <array>
#include <vector>

using namespace nearend::rtp;

namespace {

std::vector<XrBlock> blocks_of(Bytes compound) {
  std::vector<XrBlock> all;
  RtcpReader reader(compound);
  while (auto packet = reader.next()) {
    XrReader blocks(*packet);
    while (auto block = blocks.next()) all.push_back(*block);
  }
  CHECK_FALSE(reader.is_broken());
  return all;
}

}  // namespace

TEST_CASE("extended reports come back as they were written") {
  std::array<uint8_t, 256> bytes;
  RtcpWriter writer(bytes);
  writer.receiver_report(7, {});
  write_reference_time(writer, 7, 0x0123456789abcdef);
  write_reference_delay(writer, 7, {.ssrc = 9, .last_reference = 0x456789ab, .delay = 65536});
  const VoipMetrics heard{.ssrc = 9,
                          .loss = 5,
                          .discard = 6,
                          .burst_density = 70,
                          .gap_density = 2,
                          .burst_ms = 120,
                          .gap_ms = 4000,
                          .round_trip_ms = 151,
                          .end_system_ms = 60,
                          .signal_dbm0 = -18,
                          .noise_dbm0 = -62,
                          .rating = 88,
                          .listening_score10 = 42,
                          .conversation_score10 = 41,
                          .receiver_config = 0xb0,
                          .buffer_ms = 40,
                          .buffer_max_ms = 60,
                          .buffer_limit_ms = 200};
  write_voip_metrics(writer, 7, heard);
  REQUIRE(writer.size() == 8 + 20 + 24 + 44);

  const auto blocks = blocks_of(Bytes(bytes).first(writer.size()));
  REQUIRE(blocks.size() == 3);
  CHECK(reference_time(blocks[0]) == 0x0123456789abcdef);
  const auto delay = reference_delay(blocks[1], 0);
  REQUIRE(delay);
  CHECK(delay->ssrc == 9);
  CHECK_FALSE(reference_delay(blocks[1], 1));
  // Half a second and the second that the peer kept it after the reference time.
  CHECK(round_trip_ms(*delay, 0x0123456789abcdef + (3ull << 31)).value_or(0) == doctest::Approx(500).epsilon(0.001));
  const auto metrics = voip_metrics(blocks[2]);
  REQUIRE(metrics);
  CHECK(*metrics == heard);
  CHECK(metrics->external_rating == VoipMetrics::unknown);
}

TEST_CASE("a block that is longer than its packet ends the reading, one of an unknown type is passed over") {
  const std::array<uint8_t, 24> unknown_first{0x80, 207, 0, 5, 0, 0, 0, 1, 200, 0, 0, 0,
                                              4,    0,   0, 2, 1, 2, 3, 4, 5,   6, 7, 8};
  const auto blocks = blocks_of(unknown_first);
  REQUIRE(blocks.size() == 2);
  CHECK(reference_time(blocks[1]) == 0x0102030405060708);
  const std::array<uint8_t, 12> too_long{0x80, 207, 0, 2, 0, 0, 0, 1, 4, 0, 0, 2};
  CHECK(blocks_of(too_long).empty());
  const std::array<uint8_t, 12> too_short{0x80, 207, 0, 2, 0, 0, 0, 1, 7, 0, 0, 0};
  REQUIRE(blocks_of(too_short).size() == 1);
  CHECK_FALSE(voip_metrics(blocks_of(too_short)[0]));
}

TEST_CASE("what does not fit makes the compound empty") {
  std::array<uint8_t, 40> bytes;
  RtcpWriter writer(bytes);
  write_voip_metrics(writer, 7, {});
  CHECK(writer.size() == 0);
}
