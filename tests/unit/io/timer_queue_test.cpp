#include "io/timer_queue.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <random>

using namespace nearend::io;

namespace {
Instant at(int64_t nanoseconds) {
  return Instant(Duration(nanoseconds));
}
}  // namespace

TEST_CASE("timers come out by time, equal ones in the order they were started") {
  TimerQueue queue;
  std::vector<int> fired;
  queue.add(at(20), [&] { fired.push_back(3); });
  queue.add(at(10), [&] { fired.push_back(1); });
  queue.add(at(10), [&] { fired.push_back(2); });
  CHECK(queue.next_due() == at(10));
  while (auto due = queue.take_due(at(15))) due->run();
  CHECK(fired == std::vector<int>{1, 2});
  while (auto due = queue.take_due(at(20))) due->run();
  CHECK(fired == std::vector<int>{1, 2, 3});
  CHECK_FALSE(queue.next_due());
}

TEST_CASE("a removed timer never fires, and its id does not touch the one that took its place") {
  TimerQueue queue;
  const TimerId first = queue.add(at(1), [] { FAIL("fired"); });
  queue.remove(first);
  bool is_fired = false;
  queue.add(at(1), [&] { is_fired = true; });
  queue.remove(first);
  queue.remove(TimerId::none);
  queue.take_due(at(1))->run();
  CHECK(is_fired);
}

TEST_CASE("any mix of adding and removing keeps the order of a sorted list") {
  std::mt19937_64 random(7);
  TimerQueue queue;
  std::vector<std::pair<int64_t, TimerId>> alive;
  int64_t now = 0;
  for (int step = 0; step < 20000; ++step) {
    const auto choice = random() % 10;
    if (choice < 6 || alive.empty()) {
      const int64_t when = now + static_cast<int64_t>(random() % 1000);
      alive.emplace_back(when, queue.add(at(when), [] {}));
    } else if (choice < 9) {
      const size_t victim = random() % alive.size();
      queue.remove(alive[victim].second);
      alive.erase(alive.begin() + static_cast<long>(victim));
    } else {
      const auto least = std::min_element(alive.begin(), alive.end());
      REQUIRE(queue.next_due() == at(least->first));
      now = least->first;
      REQUIRE(queue.take_due(at(now)));
      const auto taken = std::find_if(alive.begin(), alive.end(), [&](auto& entry) { return entry.first == now; });
      queue.remove(taken->second);  // Either this one has fired, or an equal one did and this one stands for it.
      if (queue.size() < alive.size() - 1) {
        std::erase_if(alive, [&](auto& entry) { return entry.first == now; });
        while (queue.take_due(at(now))) {
        }
      } else {
        alive.erase(taken);
      }
    }
    REQUIRE(queue.size() == alive.size());
  }
}

TEST_CASE("an owner's timers go together and leave the others") {
  TimerQueue queue;
  for (uint32_t i = 0; i < 100; ++i) queue.add(at(i), [] {}, i % 2);
  queue.remove_owner(1);
  CHECK(queue.size() == 50);
  while (auto due = queue.take_due(at(100))) CHECK(due->owner == 0);
}

TEST_CASE("what a callback holds may remove timers when it is destroyed") {
  struct Remover {
    TimerQueue* queue;
    TimerId id;
    ~Remover() { queue->remove(id); }
  };
  TimerQueue queue;
  const TimerId other = queue.add(at(5), [] {});
  const TimerId holder = queue.add(at(6), [held = std::make_unique<Remover>(&queue, other)] {});
  queue.remove(holder);
  CHECK(queue.size() == 0);
}
