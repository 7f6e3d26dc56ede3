#include <doctest/doctest.h>

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <mutex>

#include "io/async.hpp"
#include "store/database.hpp"
#include "store/memory.hpp"
#include "store/sqlite.hpp"

using namespace nearend;
using namespace nearend::store;

namespace {

/// A loop without timers that waits for what other threads post.
class Loop final : public io::Loop {
 public:
  io::Instant now() const override { return {}; }
  io::WallTime wall() const override { return {}; }
  io::TimerId start_timer(io::Instant, io::Callback) override { return io::TimerId::none; }
  void cancel_timer(io::TimerId) override {}
  void post(io::Callback run) override {
    const std::lock_guard lock(mutex_);
    posted_.push_back(std::move(run));
    changed_.notify_one();
  }
  uint64_t random() override { return 1; }
  void run_until(const bool& is_done) {
    while (!is_done) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return !posted_.empty(); });
      io::Callback next = std::move(posted_.front());
      posted_.pop_front();
      lock.unlock();
      next();
    }
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<io::Callback> posted_;
};

template <class T>
Task<void> keep(Task<T> task, std::optional<T>& value, bool& is_done) {
  value = co_await task;
  is_done = true;
}

template <class T>
T wait(Loop& loop, Task<T> task) {
  std::optional<T> value;
  bool is_done = false;
  io::Scope scope(loop);
  scope.spawn(keep(std::move(task), value, is_done));
  loop.run_until(is_done);
  return std::move(*value);
}

struct Directory {
  std::string path;
  Directory() {
    char name[] = "/tmp/nearend-store-XXXXXX";
    path = mkdtemp(name);
  }
  ~Directory() { std::filesystem::remove_all(path); }
};

void try_store(Loop& loop, Store& store) {
  REQUIRE(wait(loop, store.put_account({"AC1", "token", "It's \"ours\""})));
  const auto account = wait(loop, store.account("AC1"));
  REQUIRE(account);
  REQUIRE(account->has_value());
  CHECK((*account)->auth_token == "token");
  CHECK((*account)->name == "It's \"ours\"");
  CHECK_FALSE(wait(loop, store.account("AC2"))->has_value());

  REQUIRE(wait(
      loop, store.put_number({.number = "+1555", .account_sid = "AC1", .voice_url = "http://a/", .forward_to = "+2"})));
  const auto number = wait(loop, store.number("+1555"));
  REQUIRE(number->has_value());
  CHECK((*number)->voice_url == "http://a/");
  CHECK((*number)->fallback_method == "POST");
  CHECK((*number)->forward_to == "+2");

  for (int i = 0; i < 5; ++i)
    REQUIRE(wait(
        loop,
        store.put_call(
            {.sid = fmt::format("CA{}", i), .account_sid = "AC1", .from = "a", .status = "ringing", .created_ms = i})));
  REQUIRE(wait(
      loop,
      store.put_call({.sid = "CA3", .account_sid = "AC1", .status = "completed", .created_ms = 3, .duration_s = 7})));
  const auto call = wait(loop, store.call("AC1", "CA3"));
  REQUIRE(call->has_value());
  CHECK((*call)->status == "completed");
  CHECK((*call)->duration_s == 7);
  CHECK_FALSE(wait(loop, store.call("AC2", "CA3"))->has_value());
  const auto calls = wait(loop, store.calls("AC1", 2));
  REQUIRE(calls->size() == 2);
  CHECK(calls->at(0).sid == "CA4");
  CHECK(calls->at(1).sid == "CA3");

  std::vector<CallEvent> events{{.id = "EV2", .call_sid = "CA1", .account_sid = "AC1", .kind = "end", .at_ms = 9},
                                {.id = "EV1", .call_sid = "CA1", .account_sid = "AC1", .kind = "start", .at_ms = 1}};
  CHECK(wait(loop, store.put_events(events)) == 2);
  events.push_back(
      {.id = "EV3", .call_sid = "CA1", .account_sid = "AC1", .kind = "answer", .at_ms = 5, .detail = "{}"});
  CHECK(wait(loop, store.put_events(events)) == 1);
  const auto kept = wait(loop, store.events("AC1", "CA1"));
  REQUIRE(kept->size() == 3);
  CHECK(kept->at(0).kind == "start");
  CHECK(kept->at(1).detail == "{}");
  CHECK(kept->at(2).kind == "end");
  CHECK(wait(loop, store.events("AC2", "CA1"))->empty());

  REQUIRE(wait(loop, store.put_recording({.sid = "RE1", .account_sid = "AC1", .status = "completed", .channels = 2})));
  const auto recording = wait(loop, store.recording("AC1", "RE1"));
  REQUIRE(recording->has_value());
  CHECK((*recording)->channels == 2);
  CHECK_FALSE(wait(loop, store.recording("AC2", "RE1"))->has_value());
}

}  // namespace

TEST_CASE("a store in memory keeps what it is given, by account") {
  Loop loop;
  MemoryStore store;
  try_store(loop, store);
}

TEST_CASE("a store in a file keeps what it is given, by account, and over a restart") {
  Loop loop;
  const Directory directory;
  const std::string path = directory.path + "/nearend.db";
  {
    auto store = open_sqlite(path, loop);
    REQUIRE(store);
    try_store(loop, **store);
  }
  auto store = open_sqlite(path, loop);
  REQUIRE(store);
  CHECK(wait(loop, (*store)->events("AC1", "CA1"))->size() == 3);
  CHECK(wait(loop, (*store)->account("AC1"))->has_value());
}

TEST_CASE("writes handed in before the store goes are in the file") {
  Loop loop;
  const Directory directory;
  const std::string path = directory.path + "/nearend.db";
  {
    auto store = open_sqlite(path, loop);
    REQUIRE(store);
    io::Scope scope(loop);
    std::deque<std::optional<Result<void>>> values(200);
    bool is_done = false;
    for (int i = 0; i < 200; ++i)
      scope.spawn(keep((*store)->put_call({.sid = fmt::format("CA{}", i), .account_sid = "AC1"}), values[i], is_done));
    store->reset();
  }
  auto store = open_sqlite(path, loop);
  REQUIRE(store);
  CHECK(wait(loop, (*store)->calls("AC1", 1000))->size() == 200);
}

TEST_CASE("a file that cannot be used says so and names the file") {
  Loop loop;
  auto missing = open_sqlite("/nonexistent/dir/x.db", loop);
  REQUIRE_FALSE(missing);
  CHECK(missing.error().text.find("/nonexistent/dir/x.db") != std::string::npos);
}

TEST_CASE("a file of a newer version is refused") {
  Loop loop;
  const Directory directory;
  const std::string path = directory.path + "/nearend.db";
  {
    auto database = Database::open(path);
    REQUIRE(database);
    REQUIRE(database->run("PRAGMA user_version = 99"));
  }
  auto store = open_sqlite(path, loop);
  REQUIRE_FALSE(store);
  CHECK(store.error().kind == Error::Kind::unsupported);
}

TEST_CASE("a capsule of an older epoch, of another owner or of a finished call is refused") {
  Loop loop;
  MemoryLiveState live;
  CHECK(wait(loop, live.put_capsule({"CA1", "router-a", 1, "one"})));
  CHECK(wait(loop, live.put_capsule({"CA1", "router-a", 1, "two"})));
  CHECK(wait(loop, live.put_capsule({"CA1", "router-b", 1, "x"})).error().kind == Error::Kind::refused);
  CHECK(wait(loop, live.put_capsule({"CA1", "router-b", 2, "three"})));
  CHECK(wait(loop, live.put_capsule({"CA1", "router-a", 1, "four"})).error().kind == Error::Kind::refused);
  const auto kept = wait(loop, live.capsule("CA1"));
  REQUIRE(kept->has_value());
  CHECK((*kept)->content == "three");
  CHECK(wait(loop, live.drop_capsule("CA1")));
  CHECK_FALSE(wait(loop, live.capsule("CA1"))->has_value());
  CHECK(wait(loop, live.put_capsule({"CA1", "router-a", 3, "five"})).error().kind == Error::Kind::refused);
}
