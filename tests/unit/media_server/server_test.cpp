#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "http/beast_server.hpp"
#include "http/curl_client.hpp"
#include "http/url.hpp"
#include "io/asio_world.hpp"
#include "media/control_json.hpp"
#include "media/http_control.hpp"
#include "media_server/server.hpp"
#include "unit/media/virtual_world.hpp"
#include "unit/media_server/wire.hpp"

using namespace nearend;
using namespace nearend::media;
using namespace nearend::media::test;
using nearend::media_server::test::NoDns;
using nearend::media_server::test::Wire;

namespace {

/// A node behind its API, and a client of it.
struct FarNode {
  World world{NodeSettings{
      .recordings = (std::filesystem::temp_directory_path() / fmt::format("nearend-far-{}", ::getpid())).string()}};
  Wire wire{world.loop};
  NoDns dns;
  io::World outside{world.loop, world.net, dns};
  std::unique_ptr<media_server::Server> server;
  std::unique_ptr<HttpControl> control;
  std::map<AnchorId, std::vector<Event>> events;

  explicit FarNode(std::string server_key = "", std::string client_key = "") {
    server = std::make_unique<media_server::Server>(media_server::Settings{.peer_key = std::move(server_key)}, outside,
                                                    wire, *world.node);
    REQUIRE(server->start());
    control = std::make_unique<HttpControl>(world.loop, wire,
                                            HttpControl::Settings{"http://127.0.0.1:7400", std::move(client_key)});
    control->set_event_handler([this](AnchorId id, Event event) { events[id].push_back(std::move(event)); });
  }
  template <class T>
  size_t told(AnchorId id) {
    size_t count = 0;
    for (const Event& event : events[id]) count += std::holds_alternative<T>(event);
    return count;
  }
};

}  // namespace

TEST_CASE("a whole talk is run over the media control API") {
  FarNode far;
  World& world = far.world;
  AllocateRequest request;
  request.leg = "a";
  const auto a = world.wait(far.control->allocate(request));
  request.leg = "b";
  const auto b = world.wait(far.control->allocate(request));
  REQUIRE(a);
  REQUIRE(b);
  CHECK(a->streams[0].outer.port % 2 == 0);
  const auto again = world.wait(far.control->allocate(request));
  CHECK(again->id == b->id);

  Phone phone_a(world.loop, world.net, "192.0.2.10", 111), phone_b(world.loop, world.net, "192.0.2.20", 222);
  Remote remote{.rtp = phone_a.local(), .formats = telephone_formats()};
  REQUIRE(world.wait(far.control->set_remote(a->id, Side::outer, remote)));
  remote.rtp = phone_b.local();
  REQUIRE(world.wait(far.control->set_remote(b->id, Side::outer, remote)));
  REQUIRE(world.wait(far.control->arm(a->id, {.kind = Path::Kind::bridge, .peer = b->id})));
  far.control->open(a->id);
  far.control->watch_silence(a->id, 3s);
  phone_a.talk_to(a->streams[0].outer);
  phone_b.talk_to(b->streams[0].outer);
  world.loop.run_for(1s);
  CHECK(phone_a.heard.size() > 40);
  CHECK(phone_b.heard.size() > 40);
  CHECK(far.told<event::Moved>(a->id) == 1);
  CHECK(far.told<event::FirstPacket>(b->id) == 1);
  phone_a.press('4');
  world.loop.run_for(1s);
  REQUIRE(far.told<event::Digit>(a->id) == 1);

  const auto job = world.wait(
      far.control->play(b->id, {.sources = {{.kind = Source::Kind::tone, .value = "beep", .length = 300ms}}}));
  REQUIRE(job);
  world.loop.run_for(1s);
  CHECK(far.told<event::PlayEnded>(b->id) == 1);
  phone_a.is_talking = false;
  world.loop.run_for(5s);
  CHECK(far.told<event::Silent>(a->id) == 1);
  const auto stats = world.wait(far.control->stats(a->id));
  REQUIRE(stats);
  CHECK((*stats)[0].packets_in > 50);
  const auto state = world.wait(far.control->state());
  CHECK(state->anchors == 2);
  far.control->release(a->id);
  far.control->release(b->id);
  world.loop.run_for(1s);
  CHECK(world.net.bound_count() == 4);  // the phones' own
}

TEST_CASE("a conference is held over the media control API") {
  FarNode far;
  World& world = far.world;
  std::vector<std::unique_ptr<Phone>> phones;
  std::vector<AnchorInfo> legs;
  for (int i = 0; i < 3; ++i) {
    AllocateRequest request;
    request.leg = fmt::format("leg{}", i);
    request.needs = {"mix"};
    legs.push_back(*world.wait(far.control->allocate(request)));
    phones.push_back(
        std::make_unique<Phone>(world.loop, world.net, fmt::format("192.0.2.{}", 10 + i).c_str(), 100 + i));
    Remote remote{.rtp = phones.back()->local(), .formats = telephone_formats()};
    REQUIRE(world.wait(far.control->set_remote(legs.back().id, Side::outer, remote)));
    REQUIRE(world.wait(far.control->seat(legs.back().id, {.room = "CF1"})));
    phones.back()->talk_to(legs.back().streams[0].outer);
  }
  world.loop.run_for(1s);
  for (const auto& phone : phones) CHECK(phone->heard.size() > 40);
  const auto stats = world.wait(far.control->stats(legs[0].id));
  REQUIRE(stats);
  CHECK((*stats)[0].buffer_ms);
  CHECK(far.told<event::Speaker>(legs[0].id) + far.told<event::Speaker>(legs[1].id) +
            far.told<event::Speaker>(legs[2].id) >
        0);
  const auto himself = world.wait(far.control->seat(legs[0].id, {.room = "CF1", .coached = legs[0].id}));
  REQUIRE(!himself);
  CHECK(himself.error().kind == Error::Kind::invalid);
  const auto nobody = world.wait(far.control->seat(legs[0].id, {.room = "CF1", .coached = static_cast<AnchorId>(99)}));
  REQUIRE(!nobody);
  CHECK(nobody.error().kind == Error::Kind::not_found);
  const auto by_path = world.wait(far.control->connect(legs[0].id, {.kind = Path::Kind::room}));
  REQUIRE(!by_path);
  CHECK(by_path.error().kind == Error::Kind::invalid);
  for (const AnchorInfo& leg : legs) REQUIRE(world.wait(far.control->seat(leg.id, {})));
  for (const AnchorInfo& leg : legs) far.control->release(leg.id);
  world.loop.run_for(1s);
  CHECK(world.net.bound_count() == 6);  // the phones' own
}

TEST_CASE("a talk is there after an anchor each and one remote: what is known when allocating goes along") {
  FarNode far;
  World& world = far.world;
  Phone phone_a(world.loop, world.net, "192.0.2.10", 111), phone_b(world.loop, world.net, "192.0.2.20", 222);
  AllocateRequest request{.leg = "a", .has_inner = false};
  request.outer_remotes = {{.rtp = phone_a.local(), .formats = telephone_formats()}};
  const auto a = world.wait(far.control->allocate(request));
  REQUIRE(a);
  request = {.leg = "b", .has_inner = false, .path = Path{.kind = Path::Kind::bridge, .peer = a->id}};
  const auto b = world.wait(far.control->allocate(request));
  REQUIRE(b);
  REQUIRE(world.wait(
      far.control->set_remote(b->id, Side::outer, {.rtp = phone_b.local(), .formats = telephone_formats()})));
  phone_a.talk_to(a->streams[0].outer);
  phone_b.talk_to(b->streams[0].outer);
  world.loop.run_for(1s);
  CHECK(phone_a.heard.size() > 40);
  CHECK(phone_b.heard.size() > 40);

  // Refused as a whole: neither an anchor nor its ports stay.
  request = {.leg = "c", .has_inner = false};
  request.outer_remotes = {{.rtp = *parse_endpoint("224.0.0.9:4000")}};
  const auto refused = world.wait(far.control->allocate(request));
  REQUIRE(!refused);
  CHECK(refused.error().kind == Error::Kind::refused);
  CHECK(refused.error().text.find("outer_remotes") != std::string::npos);
  const auto state = world.wait(far.control->state());
  CHECK(state->anchors == 2);
}

TEST_CASE("errors of the node come back with their kind and words") {
  FarNode far;
  const auto unknown = far.world.wait(far.control->stats(static_cast<AnchorId>(77)));
  REQUIRE(!unknown);
  CHECK(unknown.error().kind == Error::Kind::not_found);
  AllocateRequest request;
  request.leg = "x";
  request.needs = {"amd"};
  const auto refused = far.world.wait(far.control->allocate(request));
  REQUIRE(!refused);
  CHECK(refused.error().kind == Error::Kind::unsupported);
  CHECK(refused.error().text.find("amd") != std::string::npos);
}

TEST_CASE("commands of one anchor arrive in the order they were given, though nobody waits") {
  FarNode far;
  AllocateRequest request;
  request.leg = "a";
  const auto a = far.world.wait(far.control->allocate(request));
  far.world.wait(far.control->arm(a->id, {.kind = Path::Kind::idle}));
  far.wire.requests.clear();
  far.control->open(a->id);
  far.control->watch_silence(a->id, 1s);
  far.control->renew(a->id, 60s);
  far.control->release(a->id);
  far.world.loop.run_for(100ms);
  std::vector<std::string> commands;
  for (const auto& one : far.wire.requests)
    if (!one.starts_with("GET")) commands.push_back(one.substr(0, one.find(' ')) + one.substr(one.find_last_of('/')));
  REQUIRE(commands.size() == 4);
  CHECK(commands[0] == "POST/open");
  CHECK(commands[1] == "PUT/silence-watch");
  CHECK(commands[2] == "PUT/lease");
  CHECK(commands[3].starts_with("DELETE"));
}

TEST_CASE("an anchor asked for without a lease lives as long as its client, and no longer") {
  FarNode far;
  AllocateRequest request;
  request.leg = "a";
  request.lease = {};
  const auto a = far.world.wait(far.control->allocate(request));
  REQUIRE(a);
  far.world.loop.run_for(600s);
  CHECK(far.world.wait(far.control->stats(a->id)));
  far.control.reset();
  far.world.loop.run_for(200s);
  CHECK(far.world.net.bound_count() == 0);
}

TEST_CASE("unsigned and wrongly signed requests are refused where a key is set") {
  FarNode wrong("secret", "other");
  AllocateRequest request;
  request.leg = "a";
  const auto refused = wrong.world.wait(wrong.control->allocate(request));
  REQUIRE(!refused);
  CHECK(refused.error().kind == Error::Kind::refused);
  FarNode right("secret", "secret");
  CHECK(right.world.wait(right.control->allocate(request)));
}

TEST_CASE("a node that began anew or is out of reach loses its anchors, and says so") {
  FarNode far;
  AllocateRequest request;
  request.leg = "a";
  const auto a = far.world.wait(far.control->allocate(request));
  far.world.loop.run_for(1s);
  const auto before = std::move(far.server);  // its last answer is still under way
  far.server = std::make_unique<media_server::Server>(media_server::Settings{}, far.outside, far.wire, *far.world.node);
  REQUIRE(far.server->start());
  far.world.loop.run_for(40s);
  CHECK(far.told<event::Lost>(a->id) == 1);

  request.leg = "b";
  const auto b = far.world.wait(far.control->allocate(request));
  far.wire.is_up = false;
  far.world.loop.run_for(100s);
  CHECK(far.told<event::Lost>(b->id) == 1);
}

TEST_CASE("what is not the API's is answered with a status and words") {
  FarNode far;
  const auto ask = [&](std::string method, std::string path, std::string body) {
    http::Request request{.method = std::move(method), .url = "http://127.0.0.1:7400" + path, .body = std::move(body)};
    return far.world.wait(far.wire.send(std::move(request)))->status;
  };
  CHECK(ask("GET", "/", "") == 404);
  CHECK(ask("POST", "/v1/media/anchors", "{") == 400);
  CHECK(ask("POST", "/v1/media/anchors", "[]") == 400);
  CHECK(ask("POST", "/v1/media/anchors", R"({"leg":"a","streams":["smell"]})") == 400);
  CHECK(ask("PUT", "/v1/media/anchors/zz/path", "{}") == 400);
  CHECK(ask("PUT", "/v1/media/anchors/12/path", R"({"kind":"inner"})") == 404);
  CHECK(ask("PUT", "/v1/media/anchors/12/remotes/outer", R"({"rtp":"224.0.0.1"})") == 400);
  CHECK(ask("POST", "/v1/media/anchors/12/play", R"({"sources":[{"kind":"file","value":"/etc/passwd"}]})") == 403);
  CHECK(ask("PATCH", "/v1/media/state", "") == 404);
}

TEST_CASE("an offer is one request: both anchors and their bridge, later commands naming what earlier ones gave") {
  FarNode far;
  World& world = far.world;
  const auto ask = [&](std::string body) {
    http::Request request{.method = "POST", .url = "http://127.0.0.1:7400/v1/media/commands", .body = std::move(body)};
    const auto response = world.wait(far.wire.send(std::move(request)));
    REQUIRE(response);
    return std::pair(response->status, parse_json(response->body).value());
  };
  const auto [status, answer] = ask(R"({"commands": [
    {"method": "POST", "path": "/v1/media/anchors", "body": {"leg": "a", "has_inner": false}},
    {"method": "POST", "path": "/v1/media/anchors",
     "body": {"leg": "b", "has_inner": false, "path": {"kind": "bridge", "peer": "$0"}}},
    {"method": "PUT", "path": "/v1/media/anchors/$1/remotes/outer", "body": {"rtp": "192.0.2.20:4000"}},
    {"method": "PUT", "path": "/v1/media/anchors/$7/path", "body": {"kind": "idle"}},
    {"method": "PUT", "path": "/v1/media/anchors/$2/path", "body": {"kind": "idle"}},
    {"method": "GET", "path": "/v1/media/events"},
    7,
    {"method": "DELETE", "path": "/v1/media/anchors/$0"}]})");
  CHECK(status == 200);
  std::vector<int64_t> statuses;
  for (const json::value& one : answer.at("answers").as_array()) statuses.push_back(one.at("status").as_int64());
  CHECK(statuses == std::vector<int64_t>{200, 200, 204, 400, 400, 400, 400, 204});
  const std::string words = to_json(answer);
  CHECK(words.find("is no earlier command of this request; it has 3") != std::string::npos);
  CHECK(words.find("that command gave no anchor") != std::string::npos);
  CHECK(words.find("commands are under /v1/media/anchors") != std::string::npos);
  CHECK(world.wait(far.control->state())->anchors == 1);

  const auto [refused, why] = ask(R"({"commands": 3})");
  CHECK(refused == 400);
  CHECK(to_json(why).find("'commands' must be a list of at most 64") != std::string::npos);
}

TEST_CASE("a recording is read piece by piece and removed over the API") {
  FarNode far;
  World& world = far.world;
  const std::string directory = world.settings.recordings;
  std::filesystem::create_directories(directory);
  const std::string file = directory + "/RE7.wav";
  const std::string whole(700'000, '\x8f');
  std::ofstream(file) << whole;
  const auto first = world.wait(far.control->read_recording("RE7", 0));
  REQUIRE(first);
  const auto second = world.wait(far.control->read_recording("RE7", first->bytes.size()));
  REQUIRE(second);
  CHECK(first->size == whole.size());
  CHECK(first->bytes + second->bytes == whole);
  CHECK_FALSE(world.wait(far.control->read_recording("..", 0)));
  CHECK(world.wait(far.control->remove_recording("RE7")));
  const auto again = world.wait(far.control->remove_recording("RE7"));
  REQUIRE_FALSE(again);
  CHECK(again.error().kind == Error::Kind::not_found);
  CHECK_FALSE(std::filesystem::exists(file));
  std::filesystem::remove_all(directory);
}

TEST_CASE("JSON of the API reads back as it was written") {
  Remote remote{.stream = 1,
                .rtp = *parse_endpoint("192.0.2.1:4000"),
                .rtcp = *parse_endpoint("192.0.2.2:4001"),
                .is_rtcp_mux = true,
                .formats = {{.payload_type = 96, .name = "VP8", .clock_rate = 90000}},
                .may_send = false,
                .ptime = 30ms,
                .source = {.mode = SourceRule::Mode::learn, .also = {*parse_cidr("198.51.100.0/24")}}};
  const auto read = read_remote(to_value(remote));
  REQUIRE(read);
  CHECK(to_json(to_value(*read)) == to_json(to_value(remote)));
  const std::vector<Event> events{
      event::Digit{'#', 120ms, true},
      event::PlayEnded{static_cast<JobId>(7), true, Error{Error::Kind::timeout, "slow"}, 20ms},
      event::RecordEnded{static_cast<JobId>(8), "silence", "1", 5s, "/r/RE.wav", true, 2},
      event::CollectEnded{static_cast<JobId>(9), "123", "#", false},
      event::Moved{{12.5, 1, 2, true}, Path::Kind::bridge},
      event::FirstPacket{Side::inner},
      event::Silent{9s},
      event::Resumed{},
      event::Lost{"lease over"}};
  for (const Event& event : events) {
    const auto back = read_event(to_value(event));
    REQUIRE(back);
    CHECK(back->index() == event.index());
    CHECK(to_json(to_value(*back)) == to_json(to_value(event)));
  }
  const auto held = read_remote(to_value(Remote{}));
  CHECK(held);
  AllocateRequest request{.leg = "a", .outer_remotes = {remote}, .path = Path{.kind = Path::Kind::inner}};
  const auto allocate = read_allocate(to_value(request));
  REQUIRE(allocate);
  CHECK(to_json(to_value(*allocate)) == to_json(to_value(request)));
}

namespace {
template <class T>
Task<void> keep(Task<T> task, std::optional<T>& out) {
  auto value = co_await task;
  out.emplace(std::move(value));
}
}  // namespace

TEST_CASE("the API works over real HTTP") {
  io::AsioWorld world;
  LoopWorker worker(world.loop);
  ClipLoader loader(world.loop, nullptr, worker, {});
  LoopControl node(world.loop, world.net, {.port_first = 31300, .port_last = 31399}, loader);
  http::BeastServers servers(world.loop, world.net);
  media_server::Server server({.listen = {IpAddress::loopback(), 0}}, world.world(), servers, node);
  REQUIRE(server.start());
  http::CurlClient client(world.loop, world.dns);
  HttpControl control(world.loop, client, {fmt::format("http://127.0.0.1:{}", server.local().port), ""});
  AllocateRequest request;
  request.leg = "a";
  std::optional<Result<AnchorInfo>> info;
  io::Scope scope(world.loop);
  scope.spawn(keep(control.allocate(request), info));
  const auto end = world.loop.now() + 5s;
  while (!info && world.loop.now() < end) world.loop.run_for(5ms);
  REQUIRE(info);
  REQUIRE(info->has_value());
  std::optional<Result<NodeState>> state;
  scope.spawn(keep(control.state(), state));
  while (!state && world.loop.now() < end) world.loop.run_for(5ms);
  REQUIRE(state);
  CHECK((*state)->anchors == 1);
}

TEST_CASE("a tap and what it kept cross the media control API") {
  FarNode far;
  World& world = far.world;
  AllocateRequest request;
  request.leg = "a";
  const auto leg = world.wait(far.control->allocate(request));
  REQUIRE(leg);
  Phone phone(world.loop, world.net, "192.0.2.10", 111), copy(world.loop, world.net, "192.0.2.30", 333);
  Remote remote{.rtp = phone.local(), .formats = telephone_formats()};
  REQUIRE(world.wait(far.control->set_remote(leg->id, Side::outer, remote)));
  phone.talk_to(leg->streams[0].outer);
  const auto job = world.wait(far.control->tap(leg->id, {.in = copy.local(), .capture_bytes = capture_bytes_max}));
  REQUIRE(job);
  world.loop.run_for(30s);
  CHECK(copy.heard.size() > 1450);
  const auto packets = world.wait(far.control->capture(leg->id, *job));
  REQUIRE(packets);
  CHECK(packets->size() > 1450 * 216);
  CHECK(packets->starts_with("\xd4\xc3\xb2\xa1"));
  far.control->stop(leg->id, *job);
  world.loop.run_for(100ms);
  const size_t before = copy.heard.size();
  world.loop.run_for(1s);
  CHECK(copy.heard.size() == before);
  CHECK(world.wait(far.control->capture(leg->id, *job)).error().kind == Error::Kind::not_found);
  CHECK(world.wait(far.control->tap(leg->id, {})).error().kind == Error::Kind::invalid);
}
