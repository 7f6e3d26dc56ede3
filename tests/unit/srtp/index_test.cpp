#include <doctest/doctest.h>

#include "srtp/index.hpp"

using namespace nearend::srtp;

TEST_CASE("a sequence number means the nearest index") {
  ReplayWindow window;
  CHECK(estimate_index(window, 65'000) == 65'000);
  window.note(65'530);
  CHECK(estimate_index(window, 65'535) == 65'535);
  CHECK(estimate_index(window, 3) == 0x10003);
  CHECK(estimate_index(window, 40'000) == 40'000);
  window.note(0x10003);
  CHECK(estimate_index(window, 65'530) == 65'530);
  CHECK(estimate_index(window, 4) == 0x10004);
}

TEST_CASE("nothing lies before the first index or after the last") {
  ReplayWindow window;
  window.note(5);
  CHECK_FALSE(estimate_index(window, 65'535));
  ReplayWindow old;
  old.note(rtp_index_max);
  CHECK_FALSE(estimate_index(old, 0));
}

TEST_CASE("the window tells what it has seen, 128 deep, across every kind of step") {
  for (uint64_t step : {1u, 2u, 63u, 64u, 65u, 127u, 128u, 129u, 1000u}) {
    CAPTURE(step);
    ReplayWindow window;
    window.note(1000);
    window.note(998);
    window.note(1000 + step);
    CHECK_FALSE(window.is_new(1000 + step));
    CHECK_FALSE(window.is_new(1000));
    CHECK_FALSE(window.is_new(998));
    CHECK(window.is_new(999) == (step + 1 < ReplayWindow::size));
    CHECK(window.is_new(1001 + step));
    CHECK(window.highest() == 1000 + step);
  }
}

TEST_CASE("each index is new once, in any order within the window") {
  ReplayWindow window;
  uint32_t state = 1;
  bool seen[4096] = {};
  for (int i = 0; i < 20'000; ++i) {
    state = state * 1664525 + 1013904223;
    const uint64_t index = static_cast<uint64_t>(i) / 8 + (state >> 16) % 64;
    const bool is_old = window.has_begun() && window.highest() >= index + ReplayWindow::size;
    REQUIRE(window.is_new(index) == (!seen[index] && !is_old));
    if (!window.is_new(index)) continue;
    window.note(index);
    seen[index] = true;
  }
}
