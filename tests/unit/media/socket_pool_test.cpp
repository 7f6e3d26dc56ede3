#include "media/socket_pool.hpp"

#include <doctest/doctest.h>

#include <set>

using namespace nearend;
using namespace nearend::media;
using namespace std::chrono_literals;

namespace {

const IpAddress here = IpAddress::loopback(), there = IpAddress::v4(0x0a000001);
constexpr io::Instant begin{1s};

SocketPair pair(uint16_t port, const IpAddress& address = here) {
  return {.local = {address, port}, .rtp = port, .rtcp = port + 1u};
}

}  // namespace

TEST_CASE("a pair rests before it is taken again, and is found by address and thread only") {
  SocketPool pool(10, 1);
  CHECK(pool.is_empty());
  CHECK(!pool.take(here, 0, 0, begin));
  CHECK(pool.keep(pair(20000), 0, 0, begin));
  CHECK(!pool.is_empty());
  CHECK(!pool.take(here, 0, 0, begin + 1999ms));
  CHECK(!pool.take(here, 1, 0, begin + 5s));
  CHECK(!pool.take(there, 0, 0, begin + 5s));
  CHECK(pool.free_count(begin + 5s) == 1);
  const auto taken = pool.take(here, 0, 0, begin + 2s);
  REQUIRE(taken);
  CHECK(taken->rtp == 20000);
  CHECK(taken->rtcp == 20001);
  CHECK(pool.is_empty());
}

TEST_CASE("a pair is drawn from many or not at all, and no more are kept than may be") {
  SocketPool pool(6, 4);
  for (uint16_t i = 0; i < 3; ++i) CHECK(pool.keep(pair(static_cast<uint16_t>(20000 + 2 * i)), 0, 0, begin));
  CHECK(!pool.take(here, 0, 0, begin + 4s));
  for (uint16_t i = 3; i < 6; ++i) CHECK(pool.keep(pair(static_cast<uint16_t>(20000 + 2 * i)), 0, 0, begin));
  CHECK(!pool.keep(pair(20100), 0, 0, begin));
  std::set<uint32_t> drawn;
  for (uint64_t random : {5, 7, 11})
    if (auto taken = pool.take(here, 0, random, begin + 4s)) drawn.insert(taken->rtp);
  CHECK(drawn.size() == 3);
  CHECK(!pool.take(here, 0, 0, begin + 4s));
}

TEST_CASE("pairs that nobody takes are closed by and by, none that rests") {
  SocketPool pool(100, 1);
  for (uint16_t i = 0; i < 40; ++i) pool.keep(pair(static_cast<uint16_t>(20000 + 2 * i)), i % 2, 0, begin);
  CHECK(pool.trim(0, begin + 1s).empty());
  size_t closed = 0;
  std::set<uint32_t> threads;
  for (int round = 0; round < 60 && !pool.is_empty(); ++round)
    for (const auto& excess : pool.trim(static_cast<uint64_t>(round), begin + 10s)) {
      ++closed;
      threads.insert(excess.thread);
      CHECK(excess.thread == excess.pair.rtp / 2 % 2);
    }
  CHECK(closed == 40);
  CHECK(threads.size() == 2);
  CHECK(pool.is_empty());
}

TEST_CASE("where ports are short, those who ask get what others keep, not what they could take themselves") {
  SocketPool pool(100, 1);
  for (uint16_t i = 0; i < 20; ++i) pool.keep(pair(static_cast<uint16_t>(20000 + 2 * i)), 0, 0, begin);
  CHECK(pool.spare(here, 0, 0, begin + 4s).empty());
  CHECK(pool.spare(there, 0, 0, begin + 1s).empty());
  CHECK(pool.spare(there, 0, 0, begin + 4s).size() == 16);
  CHECK(pool.spare(here, 1, 0, begin + 4s).size() == 4);
  CHECK(pool.is_empty());
}
