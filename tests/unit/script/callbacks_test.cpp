#include <doctest/doctest.h>

#include "unit/script/world.hpp"

using namespace nearend;
using namespace nearend::script;
using test::World;

namespace {

Progress progress(std::string event, std::string status, uint32_t sequence) {
  return {.event = std::move(event),
          .call_status = std::move(status),
          .sequence = sequence,
          .wall_ms = 1'700'000'000'000,
          .duration = std::chrono::seconds(61)};
}

}  // namespace

TEST_CASE("progress is told with its own parameters, in order") {
  World world;
  world.client.delayed_on = &world.loop;
  world.client.pages["http://cb.test/"] = {};
  const ProgressTarget target{.url = "http://cb.test/", .events = {"initiated", "ringing", "answered", "completed"}};
  const char* steps[][2] = {
      {"initiated", "initiated"}, {"ringing", "ringing"}, {"answered", "in-progress"}, {"completed", "completed"}};
  uint32_t sequence = 0;
  for (const auto& [event, status] : steps)
    tell_progress(world.callbacks, target, world.control.call, progress(event, status, sequence++));
  CHECK(world.callbacks.waiting() == 3);
  world.loop.run();
  CHECK(world.callbacks.waiting() == 0);
  REQUIRE(world.client.asked.size() == 4);
  for (size_t i = 0; i < 4; ++i) {
    CHECK(world.client.value(i, "CallStatus") == steps[i][1]);
    CHECK(world.client.value(i, "SequenceNumber") == fmt::format("{}", i));
    CHECK(world.client.value(i, "CallbackSource") == "call-progress-events");
    CHECK(world.client.value(i, "Timestamp") == "Tue, 14 Nov 2023 22:13:20 +0000");
    CHECK(world.client.has(i, "CallDuration") == (i == 3));
  }
  CHECK(world.client.value(3, "CallDuration") == "61");
  CHECK(world.client.value(3, "Duration") == "2");
}

TEST_CASE("only the events that were asked for are told, by default the last one") {
  World world;
  world.client.pages["http://cb.test/"] = {};
  const ProgressTarget target{.url = "http://cb.test/", .method = "GET"};
  tell_progress(world.callbacks, target, world.control.call, progress("ringing", "ringing", 1));
  tell_progress(world.callbacks, target, world.control.call, progress("completed", "busy", 2));
  tell_progress(world.callbacks, {}, world.control.call, progress("completed", "busy", 2));
  world.loop.run();
  REQUIRE(world.client.asked.size() == 1);
  CHECK(world.client.asked[0].method == "GET");
  CHECK(world.client.value(0, "CallStatus") == "busy");
}

TEST_CASE("what cannot be queued is dropped, and a failing callback does not hold up the next") {
  World world;
  world.client.delayed_on = &world.loop;
  Callbacks callbacks(world.loop, world.client, {.waiting_max = 3, .waiting_max_per_call = 2});
  world.client.pages["http://cb.test/"] = {.is_down = true};
  for (int i = 0; i < 10; ++i) callbacks.send("CA1", {.url = "http://cb.test/"});
  for (int i = 0; i < 10; ++i) callbacks.send("CA2", {.url = "http://cb.test/"});
  CHECK(callbacks.waiting() == 3);
  world.loop.run();
  CHECK(callbacks.waiting() == 0);
  CHECK(world.client.asked.size() == 10);  // One retry each.
}

TEST_CASE("a recording that holds something is told to whoever keeps the recordings") {
  World world;
  std::vector<RecordingFacts> kept;
  world.settings.on_recording = [&kept](const call::CallFacts&, const RecordingFacts& facts) { kept.push_back(facts); };
  world.document("<Record/>");
  world.page("/done", "<Response/>");
  call::RecordResult result;
  result.recording.length = std::chrono::milliseconds(1500);
  world.control.records = {result, {}};
  world.run();
  REQUIRE(kept.size() == 1);
  CHECK(kept[0].duration.count() == 2);
  CHECK(kept[0].status == "completed");
}
