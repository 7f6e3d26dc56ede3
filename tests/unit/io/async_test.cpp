#include "io/async.hpp"

#include <doctest/doctest.h>

#include <string>

#include "sim/world.hpp"

using namespace nearend;
using namespace nearend::io;
using namespace std::chrono_literals;

namespace {

struct Clocked {
  sim::World world{1};
  Loop& loop = world.add_host("host", "here").loop();
  std::string trace;
};

/// Leaves a mark when the frame that holds it goes.
struct Mark {
  std::string& trace;
  std::string text;
  ~Mark() { trace += text; }
};

Task<void> sleeper(Loop& loop, Duration length, std::string& trace, std::string word) {
  const Mark mark{trace, "~" + word + " "};
  co_await sleep_for(loop, length);
  trace += word + " ";
}

Task<void> nested(Loop& loop, std::string& trace) {
  const Mark mark{trace, "~outer "};
  co_await sleeper(loop, 10s, trace, "inner");
  trace += "outer ";
}

Task<void> reader(Mailbox<std::string>& box, std::string& trace, std::optional<Instant> deadline) {
  while (true) {
    auto next = co_await box.next(deadline);
    if (!next) break;
    trace += *next + " ";
    if (*next == "end") co_return;
  }
  trace += "timeout ";
}

Task<void> waiter(Reply<std::string> reply, std::string& trace, std::optional<Instant> deadline) {
  auto value = co_await reply.wait(deadline);
  trace += value ? *value + " " : "nothing ";
}

Task<int> depth(int levels) {
  if (levels == 0) co_return 0;
  const int below = co_await depth(levels - 1);
  co_return below + 1;
}

Task<void> run_deep(int levels, int& out) {
  const int reached = co_await depth(levels);
  out = reached;
}

Task<std::unique_ptr<int>> make_value(int value) {
  co_return std::make_unique<int>(value);
}

Task<void> take_value(int& out) {
  auto value = co_await make_value(7);
  out = *value;
}

}  // namespace

TEST_CASE("sleepers wake by their deadlines, not by the order they lay down") {
  Clocked test;
  Scope scope(test.loop);
  scope.spawn(sleeper(test.loop, 2s, test.trace, "second"));
  scope.spawn(sleeper(test.loop, 1s, test.trace, "first"));
  CHECK(scope.size() == 2);
  test.world.run_for(3s);
  CHECK(test.trace == "first ~first second ~second ");
  CHECK(scope.size() == 0);
}

TEST_CASE("destroying a scope destroys its tasks, inner frames first, and their timers never fire") {
  Clocked test;
  {
    Scope scope(test.loop);
    scope.spawn(nested(test.loop, test.trace));
    test.world.run_for(1s);
  }
  CHECK(test.trace == "~inner ~outer ");
  test.world.run_for(20s);
  CHECK(test.trace == "~inner ~outer ");
}

TEST_CASE("a cancelled scope takes new tasks") {
  Clocked test;
  Scope scope(test.loop);
  scope.spawn(sleeper(test.loop, 1s, test.trace, "a"));
  scope.spawn(sleeper(test.loop, 0s, test.trace, "b"));
  test.world.run_until([&] { return test.trace.find('b') != std::string::npos; }, 1s);
  scope.cancel_all();
  scope.spawn(sleeper(test.loop, 1s, test.trace, "c"));
  test.world.run_for(5s);
  CHECK(test.trace == "b ~b ~a c ~c ");
  CHECK(scope.size() == 0);
}

TEST_CASE("a mailbox gives its reader every value in order, never inside the push") {
  Clocked test;
  Mailbox<std::string> box(test.loop, 3);
  Scope scope(test.loop);
  scope.spawn(reader(box, test.trace, std::nullopt));
  CHECK(box.push("a"));
  CHECK(box.push("b"));
  CHECK(test.trace.empty());
  test.world.run_for(1s);
  CHECK(test.trace == "a b ");
  CHECK(box.push("c"));
  CHECK(box.push("d"));
  CHECK(box.push("end"));
  CHECK_FALSE(box.push("too much"));
  test.world.run_for(1s);
  CHECK(test.trace == "a b c d end ");
  CHECK(scope.size() == 0);
}

TEST_CASE("a reader's deadline ends its wait; values that come at that very time are not lost") {
  Clocked test;
  Mailbox<std::string> box(test.loop);
  Scope scope(test.loop);
  test.loop.start_timer(test.loop.now() + 1s, [&] { box.push("just in time"); });
  scope.spawn(reader(box, test.trace, test.loop.now() + 1s));
  test.world.run_for(2s);
  CHECK(test.trace == "just in time timeout ");
  CHECK(box.is_empty());
}

TEST_CASE("a reader that is cancelled between a push and its waking leaves the value for the next one") {
  Clocked test;
  Mailbox<std::string> box(test.loop);
  {
    Scope scope(test.loop);
    scope.spawn(reader(box, test.trace, std::nullopt));
    box.push("a");
  }
  Scope scope(test.loop);
  scope.spawn(reader(box, test.trace, std::nullopt));
  test.world.run_for(1s);
  CHECK(test.trace == "a ");
  box.push("end");
  test.world.run_for(1s);
  CHECK(test.trace == "a end ");
}

TEST_CASE("the first value of a reply counts, also when it came before the wait") {
  Clocked test;
  Scope scope(test.loop);
  Reply<std::string> early(test.loop), late(test.loop), never(test.loop);
  early.set("early");
  early.set("ignored");
  scope.spawn(waiter(early, test.trace, std::nullopt));
  scope.spawn(waiter(late, test.trace, test.loop.now() + 2s));
  scope.spawn(waiter(never, test.trace, test.loop.now() + 3s));
  test.loop.start_timer(test.loop.now() + 1s, [late] { late.set("late"); });
  test.world.run_for(10s);
  CHECK(test.trace == "early late nothing ");
}

TEST_CASE("a reply set after its waiter was cancelled touches nobody") {
  Clocked test;
  Reply<std::string> reply(test.loop);
  {
    Scope scope(test.loop);
    scope.spawn(waiter(reply, test.trace, test.loop.now() + 5s));
    reply.set("value");
  }
  test.world.run_for(10s);
  CHECK(test.trace.empty());
}

TEST_CASE("tasks hand values up without growing the stack, and move-only ones too") {
  Clocked test;
  Scope scope(test.loop);
  int reached = 0, value = 0;
  scope.spawn(run_deep(2000, reached));
  scope.spawn(take_value(value));
  CHECK(reached == 2000);
  CHECK(value == 7);
}

TEST_CASE("a timer may be started again, stopped and destroyed by its own callback") {
  Clocked test;
  auto timer = std::make_unique<Timer>(test.loop);
  int fired = 0;
  std::function<void()> again = [&] {
    if (++fired < 3)
      timer->start(1s, [&] { again(); });
    else
      timer.reset();
  };
  timer->start(1s, [&] { again(); });
  CHECK(timer->is_running());
  test.world.run_for(10s);
  CHECK(fired == 3);
  CHECK_FALSE(timer);
  Timer other(test.loop);
  other.start(1s, [] { FAIL("stopped"); });
  other.stop();
  other.start(1s, [&] { ++fired; });
  test.world.run_for(10s);
  CHECK(fired == 4);
}
