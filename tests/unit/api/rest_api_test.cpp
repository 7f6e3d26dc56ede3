#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>

#include "api/event_intake.hpp"
#include "api/rest_api.hpp"
#include "base/crypto.hpp"
#include "base/json.hpp"
#include "http/peer_signature.hpp"
#include "io/async.hpp"
#include "store/memory.hpp"

using namespace nearend;

namespace {

class Loop final : public io::Loop {
 public:
  io::Instant time{};
  io::Instant now() const override { return time; }
  io::WallTime wall() const override { return io::WallTime(std::chrono::seconds(1'700'000'000)); }
  io::TimerId start_timer(io::Instant at, io::Callback run) override {
    const auto id = static_cast<io::TimerId>(++last_timer_);
    timers_.emplace(id, std::pair{at, std::move(run)});
    return id;
  }
  void cancel_timer(io::TimerId id) override { timers_.erase(id); }
  /// Turns the clock to the next timer.
  bool skip() {
    const auto next = std::ranges::min_element(timers_, {}, [](const auto& one) { return one.second.first; });
    if (next == timers_.end()) return false;
    time = std::max(time, next->second.first);
    io::Callback run = std::move(next->second.second);
    timers_.erase(next);
    run();
    return true;
  }
  void post(io::Callback run) override { posted_.push_back(std::move(run)); }
  uint64_t random() override { return 1; }
  void run() {
    while (!posted_.empty()) {
      io::Callback next = std::move(posted_.front());
      posted_.pop_front();
      next();
    }
  }

 private:
  std::deque<io::Callback> posted_;
  std::map<io::TimerId, std::pair<io::Instant, io::Callback>> timers_;
  uint64_t last_timer_ = 0;
};

template <class T>
Task<void> keep(Task<T> task, std::optional<T>& value) {
  value = co_await task;
}

constexpr const char* account = "AC00000000000000000000000000000001";
constexpr const char* recording = "RE00000000000000000000000000000001";

struct World {
  Loop loop;
  store::MemoryStore store;
  std::string directory;
  api::RestApi api;
  std::function<void()> on_skip;  ///< Whenever time goes on.

  World()
      : directory(make_directory()),
        api(loop, store,
            {.peer_key = "key", .recordings = directory + "/recordings", .state = [] { return std::string("{}"); }}) {
    std::filesystem::create_directory(directory + "/recordings");
    wait(store.put_account({account, "token", "Us"}));
    wait(store.put_account({"AC00000000000000000000000000000002", "token2", "They"}));
    wait(store.put_call({.sid = "CA1",
                         .account_sid = account,
                         .from = "+1",
                         .to = "+2",
                         .direction = "inbound",
                         .status = "completed",
                         .created_ms = 1'700'000'000'000,
                         .started_ms = 1'700'000'001'000,
                         .ended_ms = 1'700'000'004'000,
                         .duration_s = 3}));
  }
  ~World() { std::filesystem::remove_all(directory); }

  template <class T>
  T wait(Task<T> task) {
    std::optional<T> value;
    io::Scope scope(loop);
    scope.spawn(keep(std::move(task), value));
    loop.run();
    while (!value && loop.skip()) {
      if (on_skip) on_skip();
      loop.run();
    }
    return std::move(*value);
  }
  http::Response get(std::string target, std::string user = account, std::string password = "token") {
    http::ServerRequest request{.method = "GET", .target = target};
    request.path = target.substr(0, target.find('?'));
    if (target.find('?') != std::string::npos) request.query = target.substr(target.find('?') + 1);
    request.headers.emplace_back("Authorization", "Basic " + base64(user + ":" + password));
    return wait(api.handle(std::move(request)));
  }
  http::Response put_piece(uint64_t offset, uint64_t size, std::string bytes, std::string key = "key",
                           std::string sid = recording) {
    const std::string path = "/v1/recordings/" + sid, query = fmt::format("offset={}&size={}", offset, size);
    http::ServerRequest request{
        .method = "PUT", .target = path + "?" + query, .path = path, .query = query, .body = bytes};
    request.headers.emplace_back("Platform-Signature",
                                 http::sign_for_peer(key, "PUT", request.target, bytes, 1'700'000'000));
    return wait(api.handle(std::move(request)));
  }
  http::Response post_events(std::string body, std::string key = "key", int64_t at = 1'700'000'000) {
    http::ServerRequest request{.method = "POST", .target = "/v1/call-events", .path = "/v1/call-events", .body = body};
    request.headers.emplace_back("Platform-Signature", http::sign_for_peer(key, "POST", "/v1/call-events", body, at));
    return wait(api.handle(std::move(request)));
  }
  json::object body(const http::Response& response) { return parse_json(response.body)->get_object(); }

 private:
  static std::string make_directory() {
    char name[] = "/tmp/nearend-api-XXXXXX";
    return mkdtemp(name);
  }
};

std::string path(const std::string& rest) {
  return std::string("/2010-04-01/Accounts/") + account + rest;
}

std::string event(int n, const char* kind, const char* detail, int64_t at_ms) {
  return fmt::format(
      R"({{"id":"EV{}","call_sid":"CA9","account_sid":"{}","leg":"L1","kind":"{}","gateway":"g","at_ms":{},"detail":{}}})",
      n, account, kind, at_ms, detail);
}

}  // namespace

TEST_CASE("a call is shown to its account only") {
  World world;
  const auto response = world.get(path("/Calls/CA1.json"));
  CHECK(response.status == 200);
  const auto call = world.body(response);
  CHECK(json_string_or(call, "sid", "") == "CA1");
  CHECK(json_string_or(call, "duration", "") == "3");
  CHECK(json_string_or(call, "start_time", "") == "Tue, 14 Nov 2023 22:13:21 +0000");
  CHECK(call.at("price").is_null());
  CHECK(world.get(path("/Calls/CA2.json")).status == 404);
  CHECK(world
            .get("/2010-04-01/Accounts/AC00000000000000000000000000000002/Calls/CA1.json",
                 "AC00000000000000000000000000000002", "token2")
            .status == 404);
}

TEST_CASE("without the account's own credentials nothing is shown") {
  World world;
  CHECK(world.get(path("/Calls.json"), account, "wrong").status == 401);
  CHECK(world.get(path("/Calls.json"), "AC00000000000000000000000000000002", "token2").status == 401);
  CHECK(world.get("/2010-04-01/Accounts/AC9/Calls.json", "AC9", "").status == 401);
  http::ServerRequest bare{.method = "GET", .target = path("/Calls.json"), .path = path("/Calls.json")};
  const auto response = world.wait(world.api.handle(std::move(bare)));
  CHECK(response.status == 401);
  CHECK(http::find_header(response.headers, "WWW-Authenticate") == "Basic realm=\"Nearend API\"");
}

TEST_CASE("who fails thirty times in a minute is braked, and let in again after it") {
  World world;
  for (int i = 0; i < 30; ++i) CHECK(world.get(path("/Calls.json"), account, "wrong").status == 401);
  CHECK(world.get(path("/Calls.json")).status == 429);
  world.loop.time += std::chrono::seconds(61);
  CHECK(world.get(path("/Calls.json")).status == 200);
}

TEST_CASE("calls are listed in pages, the newest first") {
  World world;
  for (int i = 2; i <= 5; ++i)
    world.wait(world.store.put_call({.sid = fmt::format("CA{}", i),
                                     .account_sid = account,
                                     .status = "ringing",
                                     .created_ms = 1'700'000'000'000 + i}));
  const auto first = world.body(world.get(path("/Calls.json?PageSize=2")));
  CHECK(first.at("calls").as_array().size() == 2);
  CHECK(json_string_or(first.at("calls").as_array()[0].as_object(), "sid", "") == "CA5");
  CHECK(json_string_or(first, "next_page_uri", "") == path("/Calls.json?PageSize=2&Page=1"));
  CHECK(first.at("previous_page_uri").is_null());
  const auto last = world.body(world.get(path("/Calls.json?PageSize=2&Page=2")));
  CHECK(last.at("calls").as_array().size() == 1);
  CHECK(last.at("next_page_uri").is_null());
  CHECK(world.body(world.get(path("/Calls.json?Page=9"))).at("calls").as_array().empty());
}

TEST_CASE("events of gateways are taken once, however often they are sent") {
  World world;
  const std::string body = "[" + event(1, "start", R"({"direction":"inbound","from":"+1","to":"+2"})", 1000) + "]";
  const auto first = world.body(world.post_events(body));
  CHECK(json_integer_or(first, "new", -1) == 1);
  CHECK(json_integer_or(world.body(world.post_events(body)), "new", -1) == 0);
  const auto events = world.body(world.get(path("/Calls/CA9/Events.json")));
  REQUIRE(events.at("events").as_array().size() == 1);
  CHECK(json_string_or(events.at("events").as_array()[0].as_object(), "kind", "") == "start");
  CHECK(world.get(path("/Calls/CA9.json")).status == 404);
}

TEST_CASE("a call that a gateway ran alone gets its row from its events, in any order") {
  World world;
  world.post_events("[" + event(3, "end", R"({"answered":true,"duration_ms":4200,"cause":"hung up"})", 9000) + "]");
  world.post_events("[" + event(2, "answer", "{}", 4800) + "," +
                    event(1, "start", R"({"direction":"inbound","from":"+1","to":"+2","forwarded":true})", 1000) + "]");
  const auto call = world.body(world.get(path("/Calls/CA9.json")));
  CHECK(json_string_or(call, "status", "") == "completed");
  CHECK(json_string_or(call, "duration", "") == "5");
  CHECK(json_string_or(call, "from", "") == "+1");
}

TEST_CASE("events without a peer's signature, or that make no sense, are refused") {
  World world;
  const std::string good = "[" + event(1, "start", "{}", 1) + "]";
  CHECK(world.post_events(good, "other").status == 403);
  CHECK(world.post_events(good, "key", 1'700'000'000 - 500).status == 403);
  CHECK(world.post_events(good, "key", 1'700'000'100).status == 200);
  for (const char* bad : {"", "{}", "3"}) {
    CAPTURE(bad);
    CHECK(world.post_events(bad).status == 400);
  }
}

TEST_CASE("an event that makes no sense does not hold up the others") {
  World world;
  const std::string body = R"([1, {}, {"id":"","kind":"c","at_ms":1}, {"id":"x","kind":"c","at_ms":"1"}, )" +
                           event(7, "start", "{}", 1) + R"(, {"id":"EV8","kind":"end","at_ms":2}])";
  const auto response = world.post_events(body);
  CHECK(response.status == 200);
  CHECK(json_integer_or(world.body(response), "new", -1) == 2);
  CHECK(json_integer_or(world.body(response), "refused", -1) == 4);
}

TEST_CASE("recordings are served to their account, by SID only, and never through a link") {
  World world;
  const std::string file = world.directory + "/recordings/" + recording + ".wav";
  std::ofstream(file) << "RIFF";
  CHECK(world.get(path(std::string("/Recordings/") + recording + ".wav")).status == 404);
  world.wait(
      world.store.put_recording({.sid = recording, .call_sid = "CA1", .account_sid = account, .status = "completed"}));
  const auto response = world.get(path(std::string("/Recordings/") + recording));
  CHECK(response.status == 200);
  CHECK(response.body == "RIFF");
  CHECK(http::find_header(response.headers, "Content-Type") == "audio/wav");
  CHECK(world.get(path(std::string("/Recordings/") + recording + ".wav")).body == "RIFF");
  CHECK(json_string_or(world.body(world.get(path(std::string("/Recordings/") + recording + ".json"))), "call_sid",
                       "") == "CA1");
  CHECK(world.get(path("/Recordings/..%2f..%2fetc%2fpasswd")).status == 404);
  CHECK(world.get(path("/Recordings/../secret.wav")).status == 404);
  CHECK(world
            .get("/2010-04-01/Accounts/AC00000000000000000000000000000002/Recordings/" + std::string(recording),
                 "AC00000000000000000000000000000002", "token2")
            .status == 404);
  std::ofstream(world.directory + "/secret") << "secret";
  std::filesystem::remove(file);
  std::filesystem::create_symlink(world.directory + "/secret", file);
  CHECK(world.get(path(std::string("/Recordings/") + recording)).status == 404);
}

TEST_CASE("a gateway brings a recording in pieces, and whoever asked too early is served when it is there") {
  World world;
  const std::string url = path(std::string("/Recordings/") + recording);
  world.wait(world.store.put_recording({.sid = recording,
                                        .call_sid = "CA1",
                                        .account_sid = account,
                                        .status = "completed",
                                        .created_ms = 1'699'999'990'000,
                                        .duration_s = 3}));
  CHECK(world.put_piece(0, 8, "RIFF", "another key").status == 403);
  CHECK(world.put_piece(0, 8, "RIFF", "key", "RE1/../../x").status == 400);
  CHECK(world.put_piece(6, 8, "RIFF").status == 400);
  CHECK(world.get(url).status == 404);                                                 // After its patience.
  CHECK(json_integer_or(world.body(world.put_piece(4, 8, "WAVE")), "have", -1) == 0);  // A hole is not written.
  CHECK(json_integer_or(world.body(world.put_piece(0, 8, "RIFF")), "have", -1) == 4);
  CHECK(json_integer_or(world.body(world.put_piece(0, 8, "RI")), "have", -1) == 4);
  world.on_skip = [&world] {
    world.on_skip = {};
    CHECK(json_bool_or(world.body(world.put_piece(4, 8, "WAVE")), "complete", false));
  };
  CHECK(world.get(url).body == "RIFFWAVE");
  const json::object again = world.body(world.put_piece(0, 8, "RIFF"));
  CHECK(json_bool_or(again, "was_there", false));
  CHECK(world.get(url).body == "RIFFWAVE");
}

TEST_CASE("health, metrics and state are there for everybody; the rest is not found") {
  World world;
  CHECK(world.get("/healthz").status == 200);
  CHECK(world.get("/metrics").status == 200);
  CHECK(world.get("/v1/state").body == "{}");
  CHECK(world.get("/").status == 404);
  CHECK(world.get(path("/Nothing.json")).status == 404);
  http::ServerRequest wrong{.method = "DELETE", .target = "/healthz", .path = "/healthz"};
  CHECK(world.wait(world.api.handle(std::move(wrong))).status == 405);
}
