#include "media/quality.hpp"

#include <doctest/doctest.h>

using namespace nearend::media;

TEST_CASE("a clean stream is rated as G.107 rates its delay") {
  const auto quality = quality_of({.packets_in = 1000, .jitter_ms = 5, .rtt_ms = 140});
  REQUIRE(quality);
  CHECK(quality->delay_ms == 100);  // half the round trip, 20 ms of packet, 10 ms of buffer
  CHECK(quality->loss_percent == 0);
  CHECK(quality->rating == doctest::Approx(90.7).epsilon(0.001));
  CHECK(quality->score == doctest::Approx(4.35).epsilon(0.002));
}

TEST_CASE("what is lost and what comes too late count alike, of all that was sent") {
  const auto quality = quality_of({.packets_in = 980, .lost = 20, .late = 10});
  REQUIRE(quality);
  CHECK(quality->loss_percent == doctest::Approx(3));
  CHECK(quality->score < 4.2);
}

TEST_CASE("silence and pictures have no score") {
  CHECK_FALSE(quality_of({.lost = 5}));
  CHECK_FALSE(quality_of({.kind = StreamKind::video, .packets_in = 1000}));
}
