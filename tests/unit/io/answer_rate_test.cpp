#include "io/answer_rate.hpp"

#include <doctest/doctest.h>

using namespace nearend;
using namespace nearend::io;
using namespace std::chrono_literals;

TEST_CASE("a network gets its answers a second and no more, whatever others do") {
  AnswerRate rate(10, 77);
  const Instant start{1s};
  const IpAddress mine = *parse_ip("192.0.2.1"), beside = *parse_ip("192.0.2.200"), other = *parse_ip("198.51.100.1");
  int given = 0;
  for (int i = 0; i < 30; ++i) given += rate.allows(i % 2 ? mine : beside, start);
  CHECK(given == 10);
  CHECK(rate.allows(other, start));
  CHECK(rate.allows(mine, start + 150ms));
  CHECK_FALSE(rate.allows(mine, start + 160ms));
}
