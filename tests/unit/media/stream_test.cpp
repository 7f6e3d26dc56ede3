// Legs whose sound goes to and comes from engines over WebSockets, in the simulated world.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <numbers>

#include "http/web_socket.hpp"
#include "media/clip_loader.hpp"
#include "media/loop_control.hpp"
#include "rtp/g711.hpp"
#include "rtp/packet.hpp"
#include "sim/world.hpp"

using namespace nearend;
using namespace nearend::media;
using namespace std::chrono_literals;

namespace {

double strength(std::span<const int16_t> samples, double hz, double rate) {
  double re = 0, im = 0;
  for (size_t i = 0; i < samples.size(); ++i) {
    re += samples[i] * std::cos(2 * std::numbers::pi * hz * static_cast<double>(i) / rate);
    im += samples[i] * std::sin(2 * std::numbers::pi * hz * static_cast<double>(i) / rate);
  }
  return 2 * std::hypot(re, im) / static_cast<double>(std::max<size_t>(samples.size(), 1));
}

/// A media node, a phone on one leg, and an engine.
struct Scene {
  sim::World world{3};
  sim::Host& host = world.add_host("node", "here");
  sim::Host& desk = world.add_host("desk", "here");
  sim::Host& lab = world.add_host("engine.example", "here");
  LoopWorker worker{host.loop()};
  NodeSettings settings;
  std::unique_ptr<ClipLoader> loader;
  std::unique_ptr<LoopControl> node;
  std::vector<Event> events;
  AnchorInfo leg;
  std::unique_ptr<io::UdpSocket> phone;
  std::vector<int16_t> heard;  // by the phone
  uint16_t sequence = 1;
  double phase = 0;

  std::unique_ptr<io::Listener> listener;
  std::unique_ptr<http::WebSocket> engine;
  std::vector<std::string> texts;
  std::vector<int16_t> received;  // by the engine
  std::optional<uint16_t> engine_closed;

  explicit Scene(NodeSettings with = {}) : settings(std::move(with)) {
    settings.bind_outer = settings.bind_inner = host.address();
    loader = std::make_unique<ClipLoader>(host.loop(), nullptr, worker, settings);
    node = std::make_unique<LoopControl>(host.loop(), host.net(), settings, *loader);
    node->set_world(host.world());
    node->set_event_handler([this](AnchorId, Event event) { events.push_back(std::move(event)); });
    phone = *desk.net().open_udp(desk.endpoint(4000), [this](const Endpoint&, io::Bytes bytes) {
      if (const auto packet = rtp::parse_packet(bytes); packet && packet->payload_type == 0)
        for (uint8_t code : packet->payload) heard.push_back(rtp::decode_ulaw(code));
    });
    listener = *lab.net().listen(lab.endpoint(80), nullptr, [this](std::unique_ptr<io::Stream> stream) {
      engine = std::make_unique<http::WebSocket>(
          lab.loop(), std::move(stream), http::WebSocket::Settings{.trust_file = {}},
          http::WebSocket::Handlers{
              .on_open = [] {},
              .on_message = [this](std::string_view message, bool is_text) { take(message, is_text); },
              .on_close = [this](uint16_t code, const std::string&) { engine_closed = code; }});
    });
    AllocateRequest request{.call = "CA1", .leg = "leg-1"};
    request.lease = {};
    leg = *wait(node->allocate(std::move(request)));
    Remote remote{.rtp = desk.endpoint(4000),
                  .formats = {{.payload_type = 0, .name = "PCMU"}, {.payload_type = 101, .name = "telephone-event"}}};
    REQUIRE(wait(node->set_remote(leg.id, Side::outer, std::move(remote))));
    REQUIRE(wait(node->connect(leg.id, {.kind = Path::Kind::idle})));
  }
  template <class T>
  static Task<void> keep(Task<T> task, std::optional<T>& out) {
    auto value = co_await task;
    out.emplace(std::move(value));
  }
  template <class T>
  T wait(Task<T> task) {
    std::optional<T> out;
    io::Scope scope(host.loop());
    scope.spawn(keep(std::move(task), out));
    REQUIRE(world.run_until([&] { return out.has_value(); }, 5s));
    return std::move(*out);
  }
  void take(std::string_view message, bool is_text) {
    if (is_text) {
      texts.emplace_back(message);
      return;
    }
    std::vector<int16_t> samples(message.size() / 2);
    std::memcpy(samples.data(), message.data(), samples.size() * 2);
    received.insert(received.end(), samples.begin(), samples.end());
  }
  JobId stream(StreamRequest request) {
    if (request.url.empty()) request.url = "ws://engine.example/asr";
    auto job = wait(node->stream(leg.id, std::move(request)));
    REQUIRE(job);
    return *job;
  }
  /// The phone says a tone.
  void say(milliseconds length, double hz) {
    for (milliseconds at{0}; at < length; at += 20ms) {
      std::array<uint8_t, 160> payload;
      for (uint8_t& code : payload) {
        code = rtp::encode_ulaw(static_cast<int16_t>(8000 * std::sin(phase)));
        phase += 2 * std::numbers::pi * hz / 8000;
      }
      std::array<uint8_t, 172> bytes;
      rtp::write_packet(bytes, {.sequence = sequence, .timestamp = sequence * 160u, .ssrc = 9, .payload = payload});
      ++sequence;
      phone->send(leg.streams[0].outer, bytes);
      world.run_for(20ms);
    }
  }
  /// The engine says a tone, all at once.
  void speak(milliseconds length, double hz, uint32_t rate) {
    std::vector<int16_t> samples(static_cast<size_t>(length.count()) * rate / 1000);
    for (size_t i = 0; i < samples.size(); ++i)
      samples[i] = static_cast<int16_t>(8000 * std::sin(2 * std::numbers::pi * hz * static_cast<double>(i) / rate));
    // In pieces that cut samples in two.
    const std::string_view bytes(reinterpret_cast<const char*>(samples.data()), samples.size() * 2);
    for (size_t at = 0; at < bytes.size(); at += 3333) engine->send(bytes.substr(at, 3333), false);
  }
  bool was_told(std::string_view part) const {
    return std::ranges::any_of(texts, [&](const std::string& text) { return text.find(part) != std::string::npos; });
  }
  const event::StreamEnded* ended() const {
    for (const Event& event : events)
      if (const auto* one = std::get_if<event::StreamEnded>(&event)) return one;
    return nullptr;
  }
};

}  // namespace

TEST_CASE("what a leg says reaches the engine in real time, at each rate, silence where nothing comes") {
  for (uint32_t rate : {8000u, 16000u, 24000u}) {
    CAPTURE(rate);
    Scene scene;
    const JobId job = scene.stream({.direction = StreamRequest::Direction::from_leg, .rate = rate});
    scene.world.run_for(200ms);
    CHECK(scene.was_told("\"event\":\"start\""));
    CHECK(scene.was_told("\"call\":\"CA1\""));
    CHECK(scene.was_told(fmt::format("\"rate\":{}", rate)));
    const size_t before = scene.received.size();
    scene.say(2000ms, 600);
    scene.world.run_for(100ms);
    const auto said = std::span(scene.received).subspan(before);
    CHECK(strength(said.subspan(rate / 2, rate), 600, rate) == doctest::Approx(8000).epsilon(0.05));
    scene.world.run_for(3s);  // the phone is silent
    const double seconds = static_cast<double>(scene.received.size()) / rate;
    CHECK(seconds > 4.9);
    CHECK(seconds < 5.5);
    scene.node->stop(scene.leg.id, job);
    scene.world.run_for(1s);
    REQUIRE(scene.ended());
    CHECK(scene.ended()->reason == "stopped");
    CHECK(scene.ended()->dropped == 0ms);
    CHECK(scene.ended()->heard > 4900ms);
    CHECK(scene.engine_closed == 1000);
  }
}

TEST_CASE("what the engine says is heard on the leg, with marks when it was, and is forgotten when it says so") {
  for (uint32_t rate : {8000u, 24000u}) {
    CAPTURE(rate);
    Scene scene;
    scene.stream({.direction = StreamRequest::Direction::both, .rate = rate});
    scene.world.run_for(500ms);
    scene.speak(1000ms, 700, rate);
    scene.engine->send(R"({"event":"mark","name":"first"})", true);
    scene.speak(20'000ms, 900, rate);
    scene.engine->send(R"({"event":"mark","name":"second"})", true);
    scene.heard.clear();
    scene.world.run_for(600ms);
    CHECK(!scene.was_told("first"));
    CHECK(strength(std::span(scene.heard).last(2400), 700, 8000) == doctest::Approx(8000).epsilon(0.05));
    scene.world.run_for(800ms);
    CHECK(scene.was_told("\"name\":\"first\""));
    CHECK(!scene.was_told("second"));
    CHECK(strength(std::span(scene.heard).last(1600), 900, 8000) > 7000);
    scene.engine->send(R"({"event":"clear"})", true);
    scene.world.run_for(300ms);
    CHECK(scene.was_told("second"));
    CHECK(strength(std::span(scene.heard).last(800), 900, 8000) < 100);
    scene.speak(200ms, 500, rate);
    scene.world.run_for(150ms);
    CHECK(strength(std::span(scene.heard).last(800), 500, 8000) > 6000);
    // Goodbye: the rest is heard, then it ends.
    scene.speak(1000ms, 500, rate);
    scene.engine->close();
    scene.world.run_for(500ms);
    CHECK(!scene.ended());
    scene.world.run_for(1500ms);
    REQUIRE(scene.ended());
    CHECK(scene.ended()->reason == "peer");
    CHECK(scene.ended()->spoken > 2000ms);
  }
}

TEST_CASE("an engine that sends more than half a minute ahead loses the rest and is told") {
  Scene scene;
  scene.stream({.direction = StreamRequest::Direction::to_leg});
  scene.world.run_for(500ms);
  for (int i = 0; i < 6; ++i) {
    scene.speak(8000ms, 700, 8000);
    scene.world.run_for(100ms);
  }
  scene.world.run_for(1s);
  CHECK(scene.was_told("\"event\":\"dropped\""));
  CHECK(scene.was_told("\"from_leg_ms\":0"));
  CHECK(!scene.was_told("\"to_leg_ms\":0"));
  CHECK(scene.received.empty());
}

TEST_CASE("an engine that is lost, or never there, ends the stream and not the call") {
  Scene scene;
  scene.stream({});
  scene.world.run_for(500ms);
  scene.speak(5000ms, 700, 8000);
  scene.world.run_for(300ms);
  scene.lab.kill();
  scene.engine.reset();
  scene.world.run_for(40s);
  REQUIRE(scene.ended());
  CHECK(scene.ended()->reason == "lost");
  const size_t heard = scene.heard.size();
  scene.world.run_for(1s);
  CHECK(scene.heard.size() >= heard + 45 * 160);  // comfort noise

  Scene other;
  other.stream({.url = "ws://nobody.example/"});
  other.world.run_for(15s);
  REQUIRE(other.ended());
  CHECK(other.ended()->reason == "refused");
  CHECK(!other.ended()->text.empty());
}

TEST_CASE("keys are told to the engine; the end of the leg, and a play, end what they must") {
  Scene scene;
  scene.stream({});
  scene.world.run_for(500ms);
  for (int i = 0; i < 6; ++i) {
    const auto payload = rtp::write_event(
        {.event = 5, .is_end = i >= 3, .volume = 10, .duration = static_cast<uint16_t>(160 * std::min(i + 1, 4))});
    std::array<uint8_t, 172> bytes;
    std::vector<uint8_t> copy(payload.begin(), payload.end());
    const size_t size = rtp::write_packet(bytes, {.marker = i == 0,
                                                  .payload_type = 101,
                                                  .sequence = scene.sequence++,
                                                  .timestamp = 777,
                                                  .ssrc = 9,
                                                  .payload = copy});
    scene.phone->send(scene.leg.streams[0].outer, std::span(bytes).first(size));
    scene.world.run_for(20ms);
  }
  scene.world.run_for(300ms);
  CHECK(scene.was_told("\"digit\":\"5\""));
  scene.speak(5000ms, 700, 8000);
  scene.world.run_for(200ms);
  auto job = scene.wait(scene.node->play(scene.leg.id, {.sources = {{.kind = Source::Kind::tone, .value = "beep"}}}));
  REQUIRE(job);
  scene.world.run_for(500ms);
  CHECK(scene.was_told("\"event\":\"cut\""));
  CHECK(!scene.ended());
  scene.node->release(scene.leg.id);
  scene.world.run_for(1s);
  REQUIRE(scene.ended());
  CHECK(scene.ended()->reason == "hangup");
}

TEST_CASE("streams are refused where they cannot be: rates, addresses, number, capability") {
  Scene scene({.streams_max = 1});
  const auto text_of = [&](StreamRequest request) {
    const auto job = scene.wait(scene.node->stream(scene.leg.id, std::move(request)));
    return job ? std::string() : job.error().text;
  };
  CHECK(text_of({.url = "ws://engine.example/", .rate = 44100}).find("44100") != std::string::npos);
  scene.stream({});
  CHECK(text_of({.url = "ws://engine.example/"}).find("stream: all 1 are taken") != std::string::npos);
  Scene inside;
  inside.stream({.url = "ws://10.1.2.3/"});
  inside.world.run_for(1s);
  REQUIRE(inside.ended());
  CHECK(inside.ended()->reason == "refused");
  Scene without({.capabilities = {"play"}});
  CHECK(!without.wait(without.node->stream(without.leg.id, {.url = "ws://engine.example/"})));
}
