#include "media/control_json.hpp"
#include "unit/media/line.hpp"

using namespace nearend;
using namespace nearend::media;
using namespace nearend::media::test;

namespace {

uint32_t used(Line& line, std::string_view name) {
  const auto state = line.world.wait(line.world.node->state());
  REQUIRE(state);
  for (const auto& one : state->resources)
    if (one.name == name) return one.used;
  return 9999;
}

}  // namespace

TEST_CASE(
    "a node counts its jobs from their beginning to the event of their end, and refuses recordings above its number") {
  const std::string directory = scratch("capacity");
  Line line({.recordings = directory, .recorders_max = 2});
  for (const char* name : {"play", "record", "collect", "listen", "stream"}) CHECK(used(line, name) == 0);
  REQUIRE(line.world.wait(line.world.node->record(line.leg.id, {.path_hint = "RE1"})));
  const auto second = line.world.wait(line.world.node->record(line.leg.id, {.path_hint = "RE2"}));
  REQUIRE(second);
  const auto third = line.world.wait(line.world.node->record(line.leg.id, {.path_hint = "RE3"}));
  REQUIRE(!third);
  CHECK(third.error().kind == Error::Kind::unavailable);
  CHECK(used(line, "record") == 2);
  CHECK(line.world.wait(line.world.node->state())->load == 1.0);
  line.world.node->stop(line.leg.id, *second);
  line.world.loop.run_for(100ms);
  CHECK(used(line, "record") == 1);
  REQUIRE(line.world.wait(line.world.node->record(line.leg.id, {.path_hint = "RE3"})));
  line.play({{.kind = Source::Kind::tone, .value = "dial"}});
  REQUIRE(line.world.wait(
      line.world.node->collect(line.leg.id, {.prompt = {.sources = {{.kind = Source::Kind::tone, .value = "busy"}}}})));
  REQUIRE(line.world.wait(line.world.node->listen(line.leg.id, {})));
  line.world.loop.run_for(20ms);
  CHECK(used(line, "play") == 0);  // the prompt has taken its place
  CHECK(used(line, "collect") == 1);
  CHECK(used(line, "listen") == 1);
  line.world.node->release(line.leg.id);
  line.world.loop.run_for(1s);
  for (const char* name : {"play", "record", "collect", "listen", "stream"}) {
    CAPTURE(name);
    CHECK(used(line, name) == 0);
  }
  std::filesystem::remove_all(directory);
}

TEST_CASE("what a node has is told over the network with how full it is; what it has not is left out") {
  Line line({.capabilities = {"play", "record"}});
  const auto state = line.world.wait(line.world.node->state());
  REQUIRE(state);
  REQUIRE(state->resources.size() == 2);
  CHECK(state->resources[1].name == "record");
  CHECK(state->resources[1].max == 500);
  const auto read = read_state(to_value(*state));
  REQUIRE(read);
  REQUIRE(read->resources.size() == 2);
  CHECK(read->resources[1].max == 500);
}
