#pragma once

#include <unistd.h>

#include <filesystem>

#include "io/asio_world.hpp"
#include "media/audio_file.hpp"
#include "media/clip_loader.hpp"
#include "media/local_control.hpp"
#include "unit/media/virtual_world.hpp"

namespace nearend::media::test {

/// A real node on loopback, driven from an Asio loop.
struct RealNode {
  io::AsioWorld world;
  NodeSettings settings;
  std::unique_ptr<LocalNode> node;
  std::map<AnchorId, std::vector<Event>> events;
  std::unique_ptr<io::UdpSocket> a, b;
  std::vector<rtp::Packet> heard_a, heard_b;  // payloads are not kept
  std::vector<uint32_t> numbers_b;            // what say() put into the payload

  explicit RealNode(NodeSettings with = {}) : settings(std::move(with)) {
    node = std::make_unique<LocalNode>(world.loop, settings, nullptr);
    control().set_event_handler([this](AnchorId id, Event event) { events[id].push_back(std::move(event)); });
    a = *world.net.open_udp({IpAddress::loopback(), 0},
                            [this](const Endpoint&, io::Bytes bytes) { hear(heard_a, bytes); });
    b = *world.net.open_udp({IpAddress::loopback(), 0}, [this](const Endpoint&, io::Bytes bytes) {
      hear(heard_b, bytes);
      if (bytes.size() >= 16) numbers_b.push_back(rtp::read32(&bytes[12]));
    });
  }
  Control& control() { return node->control(); }
  uint32_t last_b() const { return numbers_b.empty() ? 0 : numbers_b.back(); }
  template <class Done>
  bool run_until(Done is_done, milliseconds limit = 5000ms) {
    const auto end = world.loop.now() + limit;
    while (!is_done() && world.loop.now() < end) world.loop.run_for(5ms);
    return is_done();
  }
  template <class T>
  T wait(Task<T> task) {
    std::optional<T> out;
    io::Scope scope(world.loop);
    scope.spawn(keep(std::move(task), out));
    REQUIRE(run_until([&] { return out.has_value(); }));
    return std::move(*out);
  }
  AnchorInfo leg(const std::string& name, const Endpoint& phone) {
    AllocateRequest request;
    request.leg = name;
    auto info = wait(control().allocate(std::move(request)));
    REQUIRE(info);
    Remote remote{.rtp = phone, .formats = telephone_formats()};
    REQUIRE(wait(control().set_remote(info->id, Side::outer, std::move(remote))));
    return *info;
  }
  template <class T>
  const T* told(AnchorId id) {
    for (const Event& event : events[id])
      if (const T* one = std::get_if<T>(&event)) return one;
    return nullptr;
  }
  void say(io::UdpSocket& from, const Endpoint& to, uint16_t number) {
    std::array<uint8_t, 160> payload{};
    rtp::write32(payload.data(), number);
    std::array<uint8_t, 172> bytes;
    rtp::write_packet(bytes, {.sequence = number, .timestamp = number * 160u, .ssrc = 7, .payload = payload});
    from.send(to, bytes);
  }

  template <class T>
  static Task<void> keep(Task<T> task, std::optional<T>& out) {
    auto value = co_await task;
    out.emplace(std::move(value));
  }

 private:
  static void hear(std::vector<rtp::Packet>& heard, io::Bytes bytes) {
    auto packet = rtp::parse_packet(bytes);
    if (!packet) return;
    packet->payload = {};
    heard.push_back(*packet);
  }
};

inline std::string scratch(const char* name) {
  const auto path = std::filesystem::temp_directory_path() / fmt::format("nearend-{}-{}", name, ::getpid());
  std::filesystem::remove_all(path);
  std::filesystem::create_directories(path);
  return path.string();
}

}  // namespace nearend::media::test
