// links: media
#include <cstddef>
#include <cstdint>
#include <vector>

#include "media/engine.hpp"

using namespace nearend;
using namespace nearend::media;

namespace {

struct Sink final : EngineOutput {
  void send(Socket, const Endpoint&, std::span<const uint8_t> datagram) override {
    // The shortest RTCP packet is a header alone (RFC 3550 6.1); RTP has twelve octets (5.1).
    const size_t least = rtp::is_rtcp(datagram) ? 4 : rtp::fixed_header_size;
    if (datagram.size() < least) __builtin_trap();
  }
  void tell(AnchorId, Event) override {}
};
struct NoWorker final : Worker {
  void submit(uint64_t, Work) override {}
};

}  // namespace

/// Two bridged legs that take whatever comes: the input is cut into datagrams by a length byte, with a step of time
/// between.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Sink sink;
  NoWorker worker;
  io::Instant now{std::chrono::seconds(1)};
  Engine engine({.now = now, .wall = {}, .seed = 1}, sink, worker);
  const Engine::StreamSockets streams[] = {{.kind = StreamKind::audio}, {.kind = StreamKind::video}};
  const AnchorId a = static_cast<AnchorId>(uint64_t{1} << 32), b = static_cast<AnchorId>(uint64_t{1} << 32 | 1);
  const Endpoint phone{IpAddress::loopback(), 4000};
  for (AnchorId id : {a, b}) {
    engine.add(id, streams, true, now);
    for (size_t stream : {0u, 1u}) {
      Remote remote{.stream = stream, .rtp = phone};
      remote.formats = stream == 1 ? std::vector<Format>{{.payload_type = 96, .name = "VP8", .clock_rate = 90'000}}
                                   : std::vector<Format>{{.payload_type = static_cast<uint8_t>(id == a ? 0 : 8),
                                                          .name = id == a ? "PCMU" : "PCMA"},
                                                         {.payload_type = 101, .name = "telephone-event"}};
      engine.set_remote(id, Side::outer, remote, now);
      engine.set_remote(id, Side::inner, remote, now);
    }
  }
  engine.connect(a, {.kind = Path::Kind::bridge, .peer = b}, now);
  while (size >= 2) {
    const size_t length = std::min<size_t>(data[0], size - 2);
    const uint8_t choice = data[1];
    std::vector<uint8_t> datagram(data + 2, data + 2 + length);
    const Inlet inlet{.anchor = choice & 1 ? a : b,
                      .stream = static_cast<uint8_t>(choice >> 1 & 1),
                      .side = choice & 4 ? Side::inner : Side::outer,
                      .is_rtcp = (choice & 8) != 0};
    engine.input(inlet, phone, datagram, now);
    now += std::chrono::milliseconds(choice >> 4);
    if (choice & 0x80) engine.tick(now);
    if (choice == 0xf1) engine.connect(a, {.kind = Path::Kind::inner}, now);
    if (choice == 0xf3) engine.connect(a, {.kind = Path::Kind::bridge, .peer = b}, now);
    data += 2 + length;
    size -= 2 + length;
  }
  return 0;
}
