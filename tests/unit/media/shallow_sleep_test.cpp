#include "media/shallow_sleep.hpp"

#include <doctest/doctest.h>

namespace nearend::media {
namespace {

using namespace std::chrono_literals;

/// A second after another, each with so many packets.
struct Seconds {
  explicit Seconds(uint32_t from) : sleep(from) {}
  void pass(int count, double packets_a_second) {
    for (; count > 0; --count) sleep.note(packets_a_second, now += 1s);
  }
  ShallowSleep sleep;
  io::Instant now{100s};
};

}  // namespace

TEST_CASE("cores are kept awake by what lasts, and sleep again when it is over") {
  if (!ShallowSleep::is_possible()) {
    MESSAGE("SKIP: /dev/cpu_dma_latency cannot be written here (root)");
    return;
  }
  Seconds seconds(1000);
  seconds.pass(1, 5000);
  CHECK_FALSE(seconds.sleep.is_held());  // the first packets of streams that the kernel takes over
  seconds.pass(1, 1000);
  CHECK(seconds.sleep.is_held());
  seconds.pass(4, 999);
  CHECK(seconds.sleep.is_held());
  seconds.pass(1, 1000);
  seconds.pass(4, 0);
  CHECK(seconds.sleep.is_held());
  seconds.pass(1, 0);
  CHECK_FALSE(seconds.sleep.is_held());
}

TEST_CASE("cores are left alone by few packets, and where that is turned off") {
  Seconds few(1000), never(0);
  few.pass(10, 999);
  never.pass(10, 1e6);
  CHECK_FALSE(few.sleep.is_held());
  CHECK_FALSE(never.sleep.is_held());
}

}  // namespace nearend::media
