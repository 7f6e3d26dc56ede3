// links: media
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <vector>

#include "media/engine.hpp"

namespace {

using namespace nearend;
using namespace nearend::media;

struct Sink final : EngineOutput {
  void send(Socket, const Endpoint&, std::span<const uint8_t> datagram) override { bytes += datagram.size(); }
  void tell(AnchorId, Event) override {}
  uint64_t bytes = 0;
};
struct NoWorker final : Worker {
  void submit(uint64_t, Work) override {}
};

/// Bridged pairs of legs, all phones at one address with a port each.
struct Pairs {
  Sink sink;
  NoWorker worker;
  io::Instant now{std::chrono::seconds(1)};
  Engine engine{{.now = now, .wall = {}, .seed = 1}, sink, worker};
  uint32_t count;

  static AnchorId leg(uint32_t number) { return static_cast<AnchorId>(uint64_t{1} << 32 | number); }
  static Endpoint phone(uint32_t number) { return {IpAddress::v4(0x0a000001 + number), 4000}; }

  Pairs(uint32_t pairs, const char* law_b) : count(pairs) {
    const Engine::StreamSockets sockets[] = {{}};
    for (uint32_t i = 0; i < pairs * 2; ++i) {
      engine.add(leg(i), sockets, true, now);
      Remote remote{.rtp = phone(i)};
      const bool is_alaw = i % 2 && law_b[3] == 'A';
      remote.formats = {{.payload_type = static_cast<uint8_t>(is_alaw ? 8 : 0), .name = is_alaw ? "PCMA" : "PCMU"},
                        {.payload_type = 101, .name = "telephone-event"}};
      engine.set_remote(leg(i), Side::outer, remote, now);
      engine.set_remote(leg(i), Side::inner, remote, now);
    }
    for (uint32_t i = 0; i < pairs * 2; i += 2)
      engine.connect(leg(i), {.kind = Path::Kind::bridge, .peer = leg(i + 1)}, now);
  }
  void say(uint32_t number, uint32_t frame, uint8_t type) {
    std::array<uint8_t, 172> packet;
    std::array<uint8_t, 160> payload;
    payload.fill(static_cast<uint8_t>(frame));
    rtp::write_packet(packet, {.payload_type = type,
                               .sequence = static_cast<uint16_t>(frame),
                               .timestamp = frame * 160,
                               .ssrc = number,
                               .payload = payload});
    engine.input({.anchor = leg(number)}, phone(number), packet, now);
  }
};

void relay(benchmark::State& state, const char* law_b) {
  Pairs pairs(static_cast<uint32_t>(state.range(0)), law_b);
  uint32_t frame = 0;
  for (auto _ : state) {
    ++frame;
    pairs.now += std::chrono::milliseconds(20);
    for (uint32_t i = 0; i < pairs.count * 2; ++i) pairs.say(i, frame, i % 2 && law_b[3] == 'A' ? 8 : 0);
    pairs.engine.tick(pairs.now);
  }
  state.SetItemsProcessed(state.iterations() * pairs.count * 2);
}
void relay_same(benchmark::State& state) {
  relay(state, "PCMU");
}
void relay_transcoded(benchmark::State& state) {
  relay(state, "PCMA");
}
BENCHMARK(relay_same)->Arg(100)->Arg(1000)->Arg(5000);
BENCHMARK(relay_transcoded)->Arg(1000);

/// Idle legs that hear comfort noise.
void noise(benchmark::State& state) {
  Pairs pairs(static_cast<uint32_t>(state.range(0)), "PCMU");
  for (uint32_t i = 0; i < pairs.count * 2; ++i)
    pairs.engine.connect(Pairs::leg(i), {.kind = Path::Kind::idle}, pairs.now);
  for (auto _ : state) {
    pairs.now += std::chrono::milliseconds(20);
    pairs.engine.tick(pairs.now);
  }
  state.SetItemsProcessed(state.iterations() * pairs.count * 2);
}
BENCHMARK(noise)->Arg(1000);

/// Heap of a held call: two bridged legs, one audio stream each, after the moves are over.
void heap_per_call(benchmark::State& state) {
  for (auto _ : state) {
    const size_t before = mallinfo2().uordblks;
    constexpr uint32_t calls = 2000;
    Pairs pairs(calls, "PCMU");
    for (uint32_t frame = 1; frame < 30; ++frame) {
      pairs.now += std::chrono::milliseconds(20);
      for (uint32_t i = 0; i < calls * 2; ++i) pairs.say(i, frame, 0);
      pairs.engine.tick(pairs.now);
    }
    state.counters["bytes"] = static_cast<double>(mallinfo2().uordblks - before) / calls;
  }
}
BENCHMARK(heap_per_call)->Iterations(1);

}  // namespace
