// links: media
// What a relayed packet costs with its system calls: one socket a leg on loopback, read when epoll says so. `many`
// reads and writes as the media thread does; the others are what it was compared with (docs/decisions/0005).
#include <benchmark/benchmark.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <vector>

#include "media/datagrams.hpp"
#include "media/engine.hpp"

namespace {

using namespace nearend;
using namespace nearend::media;

/// Read: one datagram a call, or several. Write: a call each, or one for all that leave a socket together.
enum class Read : uint8_t { one, many };
enum class Write : uint8_t { each, grouped };

double thread_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

struct Udp {
  int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  Endpoint local;
  Udp() {
    io::SocketAddress address(Endpoint{IpAddress::loopback(), 0});
    ::bind(socket, address.data(), address.size);
    ::getsockname(socket, address.data(), &address.size);
    local = address.endpoint();
  }
  Udp(Udp&& other) noexcept : socket(std::exchange(other.socket, -1)), local(other.local) {}
  ~Udp() {
    if (socket >= 0) ::close(socket);
  }
};

/// Bridged pairs of legs, each with a socket and a phone.
class Legs final : EngineOutput, Worker {
 public:
  Legs(uint32_t count, Read read, Write write) : read_(read), write_(write), nodes_(count), phones_(count) {
    for (uint32_t i = 0; i < count; ++i) add(i);
  }
  ~Legs() override { ::close(epoll_); }

  void speak(uint32_t burst) {
    now_ += std::chrono::milliseconds(20) * static_cast<int>(burst);
    std::array<uint8_t, 172> packet;
    const std::array<uint8_t, 160> payload{};
    for (uint32_t k = 0; k < burst; ++k, ++frame_) {
      for (uint32_t i = 0; i < nodes_.size(); ++i) {
        const rtp::Packet view{
            .sequence = static_cast<uint16_t>(frame_), .timestamp = frame_ * 160, .ssrc = i, .payload = payload};
        rtp::write_packet(packet, view);
        send_one(phones_[i].socket, nodes_[i].local, packet);
      }
    }
  }
  void relay() {
    std::array<epoll_event, 256> ready;
    for (;;) {
      const int count = ::epoll_wait(epoll_, ready.data(), static_cast<int>(ready.size()), 0);
      for (int i = 0; i < count; ++i) {
        read(ready[static_cast<size_t>(i)].data.fd);
        writer_.flush();
      }
      if (count <= 0) return;
    }
  }
  void hear() {
    std::array<uint8_t, datagram_size_max> buffer;
    for (const Udp& phone : phones_)
      while (::recv(phone.socket, buffer.data(), buffer.size(), MSG_DONTWAIT) > 0) continue;
    engine_.tick(now_);
  }
  int64_t sent() const { return sent_; }

 private:
  static AnchorId id(uint32_t number) { return static_cast<AnchorId>(uint64_t{1} << 32 | number); }

  void add(uint32_t i) {
    const int socket = nodes_[i].socket;
    if (static_cast<size_t>(socket) >= anchors_.size()) anchors_.resize(static_cast<size_t>(socket) * 2);
    anchors_[static_cast<size_t>(socket)] = id(i);
    epoll_event wanted{.events = EPOLLIN, .data = {.fd = socket}};
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, socket, &wanted);
    const Engine::StreamSockets sockets[] = {{.outer_rtp = static_cast<Socket>(socket)}};
    engine_.add(id(i), sockets, false, now_);
    Remote remote{.rtp = phones_[i].local};
    remote.formats = {{.payload_type = 0, .name = "PCMU"}};
    engine_.set_remote(id(i), Side::outer, remote, now_);
    if (i % 2) engine_.connect(id(i), {.kind = Path::Kind::bridge, .peer = id(i - 1)}, now_);
  }
  static void send_one(int socket, const Endpoint& to, std::span<const uint8_t> bytes) {
    const io::SocketAddress address(to);
    ::sendto(socket, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL, address.data(), address.size);
  }
  void read(int socket) {
    const Inlet inlet{.anchor = anchors_[static_cast<size_t>(socket)]};
    const auto take = [&](const Endpoint& from, std::span<uint8_t> bytes) { engine_.input(inlet, from, bytes, now_); };
    if (read_ == Read::many)
      reader_.read_many(socket, take);
    else
      reader_.read_one(socket, take);
  }
  void send(Socket socket, const Endpoint& to, std::span<const uint8_t> datagram) override {
    ++sent_;
    if (write_ == Write::grouped)
      writer_.add(static_cast<int>(socket), to, datagram);
    else
      send_one(static_cast<int>(socket), to, datagram);
  }
  void tell(AnchorId, Event) override {}
  void submit(uint64_t, Work) override {}

  Read read_;
  Write write_;
  std::vector<Udp> nodes_, phones_;
  std::vector<AnchorId> anchors_;  // by descriptor
  int epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  io::Instant now_{std::chrono::seconds(1)};
  uint32_t frame_ = 0;
  int64_t sent_ = 0;
  DatagramReader reader_;
  DatagramWriter writer_;
  Engine engine_{{.now = now_, .wall = {}, .seed = 1}, *this, *this};
};

/// Arguments: legs, and how many packets wait at a socket when it is read.
void relay(benchmark::State& state, Read read, Write write) {
  Legs legs(static_cast<uint32_t>(state.range(0)), read, write);
  for (auto _ : state) {
    legs.speak(static_cast<uint32_t>(state.range(1)));
    const double before = thread_seconds();
    legs.relay();
    state.SetIterationTime(thread_seconds() - before);
    legs.hear();
  }
  state.SetItemsProcessed(legs.sent());
}
void arguments(benchmark::internal::Benchmark* bench) {
  bench->Args({400, 1})->Args({100, 6})->UseManualTime();
}
BENCHMARK_CAPTURE(relay, one_each, Read::one, Write::each)->Apply(arguments);
BENCHMARK_CAPTURE(relay, one_grouped, Read::one, Write::grouped)->Apply(arguments);
BENCHMARK_CAPTURE(relay, many_each, Read::many, Write::each)->Apply(arguments);
BENCHMARK_CAPTURE(relay, many_grouped, Read::many, Write::grouped)->Apply(arguments);

}  // namespace
