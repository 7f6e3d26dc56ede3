#include "media/placement.hpp"

#include <doctest/doctest.h>

using namespace nearend::media;

namespace {
AnchorId id(uint64_t number) {
  return static_cast<AnchorId>(number);
}
}  // namespace

TEST_CASE("legs of one call begin on one thread, calls are spread over all") {
  Placement placement(2);
  CHECK(placement.place(id(1), "one") == 0);
  CHECK(placement.place(id(2), "one") == 0);
  CHECK(placement.place(id(3), "two") == 1);
  CHECK(placement.place(id(4), "three") == 1);
  CHECK(placement.place(id(5), "") == 0);
  CHECK(placement.place(id(6), "") == 1);
  for (uint64_t i : {1, 2, 5}) placement.remove(id(i));
  CHECK(placement.place(id(7), "one") == 0);
  CHECK(placement.thread_of(id(3)) == 1);
  CHECK(placement.thread_of(id(7)) == 0);
}

TEST_CASE("anchors that are joined across threads come together with all they were joined to, the fewer to the more") {
  Placement placement(2);
  placement.place(id(1), "one");
  placement.place(id(2), "two");
  CHECK(placement.thread_of(id(2)) == 1);
  auto move = placement.join(id(1), id(2));
  REQUIRE(move);
  CHECK(move->from == 1);
  CHECK(move->to == 0);
  CHECK(move->anchors == std::vector{id(2)});
  CHECK(placement.thread_of(id(2)) == 0);
  CHECK(!placement.join(id(2), id(1)));

  placement.place(id(3), "three");
  REQUIRE(placement.thread_of(id(3)) == 1);
  move = placement.join(id(3), id(2));  // two stay, one goes
  REQUIRE(move);
  CHECK(move->anchors == std::vector{id(3)});
  CHECK(move->to == 0);

  placement.place(id(4), "four");
  placement.place(id(5), "four");
  REQUIRE(placement.thread_of(id(5)) == 1);
  CHECK(!placement.join(id(4), id(5)));
  placement.remove(id(1));
  placement.remove(id(3));
  move = placement.join(id(4), id(2));  // what has gone does not count
  REQUIRE(move);
  CHECK(move->anchors == std::vector{id(2)});
  CHECK(move->to == 1);
}

TEST_CASE("with one thread there is nothing to place") {
  Placement placement(1);
  CHECK(placement.place(id(1), "one") == 0);
  CHECK(placement.place(id(2), "two") == 0);
  CHECK(!placement.join(id(1), id(2)));
  placement.remove(id(1));
  CHECK(placement.thread_of(id(2)) == 0);
}

TEST_CASE("what is not known is on the first thread and joins nothing") {
  Placement placement(3);
  placement.place(id(1), "one");
  CHECK(!placement.join(id(1), id(9)));
  placement.remove(id(9));
  CHECK(placement.thread_of(id(9)) == 0);
}
