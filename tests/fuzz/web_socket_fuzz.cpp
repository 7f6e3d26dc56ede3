// links: sim http
// Whatever comes instead of a WebSocket, from a client or from a server, the end is told and nothing is left.
#include <cstdint>
#include <cstdlib>

#include "http/web_socket.hpp"
#include "sim/world.hpp"

using namespace nearend;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const bool is_server = data[0] & 1;
  std::string bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  // Most inputs begin where frames do.
  if (is_server && data[0] & 2)
    bytes = "GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: eHg=\r\n\r\n" + bytes;
  const size_t cut = data[1] * bytes.size() / 256;
  sim::World world(1);
  sim::Host& near = world.add_host("near", "here");
  sim::Host& far = world.add_host("far", "here");
  bool is_closed = false;
  std::unique_ptr<http::WebSocket> socket;
  std::unique_ptr<io::Stream> raw;
  http::WebSocket::Handlers handlers{
      .on_open = [] {},
      .on_message = [&](std::string_view message, bool is_text) { socket->send(message, is_text); },
      .on_close = [&](uint16_t, const std::string&) { is_closed = true; }};
  auto listener = far.net().listen(far.endpoint(80), nullptr, [&](std::unique_ptr<io::Stream> stream) {
    if (is_server)
      socket = std::make_unique<http::WebSocket>(far.loop(), std::move(stream),
                                                 http::WebSocket::Settings{.trust_file = {}}, std::move(handlers));
    else
      raw = std::move(stream);
  });
  if (!listener) std::abort();
  if (is_server)
    raw = near.net().connect(far.endpoint(80), nullptr, {});
  else
    socket = std::make_unique<http::WebSocket>(near.world(), "ws://far/", http::WebSocket::Settings{.trust_file = {}},
                                               std::move(handlers));
  world.run_for(std::chrono::seconds(1));
  if (raw) raw->write(bytes.substr(0, cut));
  world.run_for(std::chrono::seconds(1));
  if (raw) raw->write(bytes.substr(cut));
  world.run_for(std::chrono::seconds(1));
  if (socket) socket->close();
  world.run_for(std::chrono::seconds(20));
  if (socket && !is_closed) std::abort();
  return 0;
}
