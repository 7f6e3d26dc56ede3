// links: sim http
// Whatever a client sends, in one piece or two, the server answers or closes, and nothing is left when time has passed.
#include <cstdint>
#include <cstdlib>

#include "sim/world.hpp"

using namespace nearend;

namespace {

Task<http::Response> echo(http::ServerRequest request) {
  co_return http::Response{200, {{"X-Path", request.path}}, std::move(request.body)};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  sim::World world(1);
  sim::Host& client = world.add_host("client", "here");
  sim::Host& host = world.add_host("server", "here");
  auto server = host.http_servers().serve(host.endpoint(80), echo);
  if (!server) std::abort();
  const std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const size_t cut = data[0] * bytes.size() / 256;
  bool is_closed = false;
  auto stream = client.net().connect(host.endpoint(80), nullptr, {.on_close = [&](const Error&) { is_closed = true; }});
  stream->write(bytes.substr(0, cut));
  world.run_for(std::chrono::seconds(1));
  stream->write(bytes.substr(cut));
  world.run_for(std::chrono::minutes(5));
  if (!is_closed) std::abort();
  return 0;
}
