#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "gateway/file_journal.hpp"
#include "gateway/shipper.hpp"
#include "http/peer_signature.hpp"
#include "sim/world.hpp"

namespace nearend::gateway::test {
namespace {

using namespace std::chrono_literals;

/// A file that is gone with the test.
struct TemporaryFile {
  TemporaryFile()
      : path(std::filesystem::temp_directory_path() / fmt::format("nearend-journal-{}-{}", ::getpid(), ++made)) {}
  ~TemporaryFile() {
    std::filesystem::remove(path);
    std::filesystem::remove(path + ".shipped");
  }
  std::string text() const {
    std::ostringstream all;
    all << std::ifstream(path).rdbuf();
    return all.str();
  }
  void write(std::string_view text) const { std::ofstream(path, std::ios::trunc) << text; }
  std::string path;
  static inline int made = 0;
};

Record record(int number) {
  Record one;
  one.event = {.id = fmt::format("EV{:032}", number),
               .call_sid = "CA1",
               .account_sid = "AC1",
               .leg = "LG1",
               .kind = "move",
               .gateway = "gw",
               .at_ms = 1000 + number,
               .detail = R"({"from":"+1"})"};
  one.ship_to = "http://198.51.100.9/v1/call-events";
  return one;
}

/// Appends and waits until the journal's thread has made it durable.
void append_all(sim::World& world, FileJournal& journal, int first, int count) {
  int durable = 0;
  for (int i = first; i < first + count; ++i) journal.append(record(i), [&durable] { ++durable; });
  const auto end = std::chrono::steady_clock::now() + 10s;
  while (durable < count && std::chrono::steady_clock::now() < end) {
    world.run_for(1ms);
    std::this_thread::yield();
  }
  REQUIRE(durable == count);
}

}  // namespace

TEST_CASE("a journal line reads back as it was written") {
  const auto back = parse_line(to_line(record(7)));
  REQUIRE(back);
  CHECK(back->event.id == record(7).event.id);
  CHECK(back->event.at_ms == 1007);
  CHECK(back->event.detail == R"({"from":"+1"})");
  CHECK(back->ship_to == record(7).ship_to);
  CHECK(!parse_line(""));
  CHECK(!parse_line("00000000 {}"));
  std::string flipped = to_line(record(7));
  flipped[40] ^= 1;
  CHECK(!parse_line(flipped));
}

TEST_CASE("records are durable in order and read again after a restart") {
  TemporaryFile file;
  sim::World world(1);
  auto& host = world.add_host("gw", "eu");
  {
    auto journal = FileJournal::open(host.loop(), file.path);
    REQUIRE(journal);
    append_all(world, **journal, 0, 20);
    (*journal)->set_shipped((*journal)->read(0, 5)->next);
  }
  auto again = FileJournal::open(host.loop(), file.path);
  REQUIRE(again);
  const auto batch = (*again)->read((*again)->shipped(), 100);
  REQUIRE(batch);
  REQUIRE(batch->records.size() == 15);
  CHECK(batch->records.front().id == record(5).event.id);
  CHECK((*again)->has_unshipped());
}

TEST_CASE("a journal torn at any byte starts with the records before the tear") {
  TemporaryFile file;
  const std::string first = to_line(record(1)) + "\n";
  const std::string whole = first + to_line(record(2)) + "\n";
  sim::World world(1);
  auto& host = world.add_host("gw", "eu");
  for (size_t length = 0; length <= whole.size(); ++length) {
    file.write(std::string_view(whole).substr(0, length));
    auto journal = FileJournal::open(host.loop(), file.path);
    REQUIRE(journal);
    const size_t expected = length == whole.size() ? 2 : length >= first.size() ? 1 : 0;
    CHECK((*journal)->read(0, 10)->records.size() == expected);
  }
  std::string damaged = whole;
  damaged[first.size() + 30] ^= 4;
  file.write(damaged);
  auto journal = FileJournal::open(host.loop(), file.path);
  CHECK((*journal)->cut() == whole.size() - first.size());
  append_all(world, **journal, 3, 1);
  CHECK((*journal)->read(0, 10)->records.size() == 2);
}

TEST_CASE("legs that a crash left open are ended at the next start, as of the last sign of life") {
  TemporaryFile file;
  sim::World world(1);
  auto& host = world.add_host("gw", "eu");
  Record start = record(1), answer = record(2), other = record(3), other_end = record(4), alive;
  start.event.kind = other.event.kind = "start";
  answer.event.kind = "answer";
  other.event.leg = other_end.event.leg = "LG2";
  other_end.event.kind = "end";
  alive.event.id = alive.event.kind = "alive";
  alive.event.at_ms = 61'002;
  std::string text;
  for (const Record& one : {start, answer, other, other_end, alive}) text += to_line(one) + "\n";
  file.write(text);
  auto journal = FileJournal::open(host.loop(), file.path);
  REQUIRE(journal);
  append_all(world, **journal, 9, 1);
  const auto batch = (*journal)->read(0, 100);
  REQUIRE(batch->records.size() == 6);
  const WrittenLine& end = batch->records[4];
  CHECK(end.kind == "end");
  CHECK(end.json.find("\"leg\":\"LG1\"") != std::string::npos);
  CHECK(end.json.find("\"at_ms\":61002") != std::string::npos);
  CHECK(end.json.find("\"duration_ms\":60000") != std::string::npos);
}

TEST_CASE("events are shipped at least once, in order, signed, and again after failures") {
  TemporaryFile file;
  sim::World world(1);
  auto& gateway = world.add_host("gw", "eu");
  auto& router = world.add_host("router", "us");
  std::vector<std::string> bodies;
  int refusals = 2;
  bool is_signed = true;
  auto server =
      router.http_servers().serve(router.endpoint(80), [&](http::ServerRequest request) -> Task<http::Response> {
        is_signed = is_signed &&
                    http::check_peer_signature("secret", http::find_header(request.headers, "Platform-Signature"),
                                               "POST", request.target, request.body, router.loop().wall_ms() / 1000);
        if (refusals-- > 0) co_return http::Response{.status = 500};
        bodies.push_back(request.body);
        co_return http::Response{.status = 200};
      });
  REQUIRE(server);
  auto journal = FileJournal::open(gateway.loop(), file.path);
  REQUIRE(journal);
  Shipper shipper(gateway.loop(), gateway.http_client(), **journal,
                  {.key = "secret",
                   .fallback_urls = {fmt::format("http://{}/v1/call-events", router.endpoint(80).to_string())},
                   .batch_max = 2});
  append_all(world, **journal, 0, 3);
  shipper.start();
  CHECK(world.run_until([&] { return shipper.is_idle(); }, 120s));
  CHECK(is_signed);
  REQUIRE(bodies.size() == 2);
  CHECK(bodies[0].find(record(0).event.id) < bodies[0].find(record(1).event.id));
  CHECK(bodies[1].find(record(2).event.id) != std::string::npos);
}

}  // namespace nearend::gateway::test
