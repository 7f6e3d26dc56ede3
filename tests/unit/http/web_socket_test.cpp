#include "http/web_socket.hpp"

#include <doctest/doctest.h>

#include <map>
#include <optional>
#include <vector>

#include "sim/world.hpp"

using namespace nearend;
using namespace nearend::http;
using namespace std::chrono_literals;

namespace {

/// What one end was told.
struct End {
  std::unique_ptr<WebSocket> socket;
  int opened = 0;
  std::vector<std::pair<std::string, bool>> messages;
  std::optional<std::pair<uint16_t, std::string>> closed;
  bool is_echoing = false;

  WebSocket::Handlers handlers() {
    return {.on_open = [this] { ++opened; },
            .on_message =
                [this](std::string_view message, bool is_text) {
                  messages.emplace_back(message, is_text);
                  if (is_echoing) socket->send(message, is_text);
                },
            .on_close = [this](uint16_t code, std::string reason) { closed = {code, std::move(reason)}; }};
  }
};

struct Pair {
  sim::World world{1};
  sim::Host& near = world.add_host("near", "here");
  sim::Host& far = world.add_host("far.example", "here");
  End client, server;
  std::unique_ptr<io::Listener> listener;
  std::unique_ptr<io::Stream> raw;  // where the server is no WebSocket

  explicit Pair(bool is_web_socket = true) {
    auto made = far.net().listen(far.endpoint(80), nullptr, [this, is_web_socket](std::unique_ptr<io::Stream> stream) {
      if (is_web_socket)
        server.socket =
            std::make_unique<WebSocket>(far.loop(), std::move(stream), WebSocket::Settings{}, server.handlers());
      else
        raw = std::move(stream);
    });
    REQUIRE(made);
    listener = std::move(*made);
  }
  void open(std::string url = "ws://far.example/engine?x=1", WebSocket::Settings settings = {}) {
    client.socket = std::make_unique<WebSocket>(near.world(), std::move(url), std::move(settings), client.handlers());
    world.run_for(1s);
  }
};

}  // namespace

TEST_CASE("a WebSocket carries texts and bytes both ways, of any length, and ends with a code") {
  Pair pair;
  pair.server.is_echoing = true;
  pair.open();
  REQUIRE(pair.client.opened == 1);
  REQUIRE(pair.server.opened == 1);
  CHECK(pair.client.socket->is_open());
  const std::string sizes[] = {"", "x", std::string(125, 'a'), std::string(126, 'b'), std::string(70'000, 'c')};
  for (const std::string& text : sizes) pair.client.socket->send(text, true);
  pair.client.socket->send(std::string("\0\xff\x80", 3), false);
  pair.world.run_for(2s);
  REQUIRE(pair.client.messages.size() == 6);
  for (size_t i = 0; i < 5; ++i) {
    CHECK(pair.client.messages[i].first == sizes[i]);
    CHECK(pair.client.messages[i].second);
  }
  CHECK(pair.client.messages[5].first == std::string("\0\xff\x80", 3));
  CHECK(!pair.client.messages[5].second);
  CHECK(pair.client.socket->unsent() == 0);
  pair.client.socket->close(1001);
  pair.world.run_for(1s);
  REQUIRE(pair.server.closed);
  CHECK(pair.server.closed->first == 1001);
  REQUIRE(pair.client.closed);
  CHECK(pair.client.closed->first == 1001);
  pair.client.socket->send("late", true);  // falls on deaf ears
  CHECK(!pair.client.socket->is_open());
}

TEST_CASE("who cannot be reached, refuses or breaks off is told as such, once") {
  Pair pair;
  pair.open("ws://nowhere.example/");
  REQUIRE(pair.client.closed);
  CHECK(pair.client.closed->first == 1006);
  for (const char* url : {"http://far.example/", "far.example", "ws://far.example:81/"}) {
    CAPTURE(url);
    Pair other;
    other.open(url);
    other.world.run_for(10s);
    REQUIRE(other.client.closed);
    CHECK(other.client.closed->first == 1006);
    CHECK(!other.client.closed->second.empty());
    CHECK(other.client.opened == 0);
  }
  Pair broken;
  broken.open();
  REQUIRE(broken.client.opened == 1);
  broken.server.socket.reset();
  broken.world.run_for(5s);
  REQUIRE(broken.client.closed);
  CHECK(broken.client.closed->first == 1006);
}

TEST_CASE("a server that answers anything but consent is refused with what it said") {
  const std::pair<std::string, std::string> answers[] = {
      {"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "404"},
      {"HTTP/1.1 200 OK\r\n\r\n", "200"},
      {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
       "Sec-WebSocket-Accept: c3RvbGVu\r\n\r\n",
       "consent"},
      {"SSH-2.0-OpenSSH\r\n\r\n", "no HTTP"},
      {std::string(20'000, 'x'), "no HTTP"},
      {"", "10 s"}};
  for (const auto& [answer, word] : answers) {
    CAPTURE(word);
    Pair pair(false);
    pair.open();
    REQUIRE(pair.raw);
    pair.raw->write(answer);
    pair.world.run_for(15s);
    REQUIRE(pair.client.closed);
    CHECK(pair.client.closed->second.find(word) != std::string::npos);
  }
}

TEST_CASE("private addresses are reached only where that is allowed") {
  sim::World world(1);
  sim::Host& near = world.add_host("near", "here");
  sim::Host& inside = world.add_host("inside", "here", {*parse_ip("10.0.0.7")});
  End server;
  auto listener = inside.net().listen(inside.endpoint(80), nullptr, [&](std::unique_ptr<io::Stream> stream) {
    server.socket =
        std::make_unique<WebSocket>(inside.loop(), std::move(stream), WebSocket::Settings{}, server.handlers());
  });
  REQUIRE(listener);
  for (const bool is_allowed : {false, true}) {
    End client;
    client.socket = std::make_unique<WebSocket>(
        near.world(), "ws://10.0.0.7/", WebSocket::Settings{.may_reach_internal = is_allowed}, client.handlers());
    world.run_for(2s);
    CHECK(client.opened == is_allowed);
  }
}

TEST_CASE("a message that is too long, or broken frames, end it on both sides") {
  Pair pair;
  pair.open("ws://far.example/", {.message_max = 1000});
  REQUIRE(pair.server.opened == 1);
  pair.server.socket->send(std::string(2000, 'x'), false);
  pair.world.run_for(5s);
  CHECK(pair.client.messages.empty());
  REQUIRE(pair.client.closed);
  REQUIRE(pair.server.closed);
  CHECK(pair.server.closed->first == 1009);
  Pair junk;
  auto stream = junk.near.net().connect(junk.far.endpoint(80), nullptr, {});
  stream->write(
      "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: eHg=\r\n"
      "Sec-WebSocket-Version: 13\r\n\r\nthis is no frame");
  junk.world.run_for(5s);
  CHECK(junk.server.opened == 1);
  CHECK(junk.server.closed);
}
