#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>

#include "base/json.hpp"
#include "base/text.hpp"
#include "gateway/recording_shipper.hpp"
#include "http/peer_signature.hpp"
#include "unit/gateway/region.hpp"

namespace nearend::gateway::test {
namespace {

const std::string sid = "RE00000000000000000000000000000001";

/// A gateway that owes recordings, and the router's intake, which can be away.
struct Shipping {
  Shipping()
      : gateway(world.add_host("gw", "eu")),
        router(world.add_host("router", "us")),
        media(gateway.loop(), gateway.address()),
        directory(std::filesystem::temp_directory_path() / fmt::format("nearend-outbox-{}", ::getpid())) {
    auto serving = router.http_servers().serve(
        router.endpoint(80), [this](http::ServerRequest request) { return take(std::move(request)); });
    REQUIRE(serving);
    server = std::move(*serving);
    events_url = fmt::format("http://{}/v1/call-events", router.endpoint(80).to_string());
    start();
  }
  ~Shipping() {
    shipper.reset();
    std::filesystem::remove_all(directory);
  }
  /// Also after a stop: what the outbox holds is all that the new one knows.
  void start() {
    shipper.reset();
    shipper.emplace(gateway.loop(), gateway.http_client(), media,
                    RecordingShipper::Settings{.key = "secret", .directory = directory.string()});
    shipper->start();
  }
  Task<http::Response> take(http::ServerRequest request) {
    ++asked;
    is_signed &=
        http::check_peer_signature("secret", http::find_header(request.headers, "Platform-Signature"), request.method,
                                   request.target, request.body, router.loop().wall_ms() / 1000)
            .has_value();
    if (is_away) co_return http::Response{.status = 503};
    const http::Form query = *http::parse_form(request.query);
    const size_t offset = *parse_unsigned(query[0].second), size = *parse_unsigned(query[1].second);
    std::string& file = files[request.path];
    const bool was_there = !file.empty() && file.size() == size;
    if (!was_there && offset <= file.size()) file.replace(offset, std::string::npos, request.body);
    co_return http::Response{.status = 200,
                             .body = to_json(json::object{
                                 {"have", file.size()}, {"complete", file.size() == size}, {"was_there", was_there}})};
  }
  void record(std::string bytes) {
    shipper->began(sid, events_url);
    media.recordings[sid] = std::move(bytes);
  }
  const std::string& arrived() { return files["/v1/recordings/" + sid]; }

  sim::World world{1};
  sim::Host &gateway, &router;
  FakeMedia media;
  std::filesystem::path directory;
  std::unique_ptr<http::Server> server;
  std::string events_url;
  std::map<std::string, std::string> files;
  int asked = 0;
  bool is_away = false, is_signed = true;
  std::optional<RecordingShipper> shipper;
};

std::string long_recording() {
  std::string bytes;
  for (int i = 0; bytes.size() < 2500; ++i) bytes += fmt::format("{} ", i);
  return bytes;
}

}  // namespace

TEST_CASE("a recording is brought to its router piece by piece, and removed here a while after it is there") {
  Shipping world;
  world.record(long_recording());
  world.world.run_for(5s);
  CHECK(world.asked == 0);  // It is still being made.
  world.shipper->ended(sid);
  REQUIRE(world.world.run_until([&] { return world.shipper->is_idle(); }, 5s));
  CHECK(world.asked == 3);
  CHECK(world.is_signed);
  CHECK(world.arrived() == long_recording());
  CHECK(world.media.recordings.contains(sid));
  world.world.run_for(130s);
  CHECK_FALSE(world.media.recordings.contains(sid));
  CHECK(std::filesystem::is_empty(world.directory));
}

TEST_CASE("a router that is away gets its recording when it is back, and another one's does not wait for that") {
  Shipping world;
  const std::string other = "RE00000000000000000000000000000000";
  world.shipper->began(other, "http://192.0.2.77/v1/call-events");
  world.media.recordings[other] = "nobody there";
  world.shipper->ended(other);
  world.is_away = true;
  world.record(long_recording());
  world.shipper->ended(sid);
  world.world.run_for(60s);
  CHECK(world.asked > 2);
  CHECK(world.shipper->is_failing());
  world.is_away = false;
  CHECK(world.world.run_until([&] { return world.arrived() == long_recording(); }, 60s));
  CHECK(world.media.recordings.contains(other));
}

TEST_CASE("a gateway that was away itself remembers what it owes, also what its end cut short") {
  Shipping world;
  world.record("half a word");
  world.world.run_for(1s);
  world.start();
  CHECK(world.world.run_until([&] { return world.arrived() == "half a word"; }, 5s));
  world.world.run_for(1s);
  world.start();
  world.world.run_for(130s);
  CHECK_FALSE(world.media.recordings.contains(sid));
  CHECK(std::filesystem::is_empty(world.directory));
}

TEST_CASE("a file that the router had before any of it was sent stays where it is") {
  Shipping world;
  world.record("one directory for two");
  world.files["/v1/recordings/" + sid] = "one directory for two";
  world.shipper->ended(sid);
  world.world.run_for(300s);
  CHECK(world.media.recordings.contains(sid));
  CHECK(world.shipper->is_idle());
}

}  // namespace nearend::gateway::test
