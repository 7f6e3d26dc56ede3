#include <csignal>
#include <cstdio>

#include "http/beast_server.hpp"
#include "io/asio_loop.hpp"
#include "io/asio_net.hpp"
#include "lab/commands.hpp"
#include "lab/customer_app.hpp"

namespace nearend::lab {

int run_app(const AppOptions& options) {
  io::AsioLoop loop;
  io::AsioNet net(loop);
  http::BeastServers servers(loop, net);
  CustomerApp app(loop, options.directory, options.thinking);
  const auto server = servers.serve(options.listen, app.handler());
  if (!server) {
    fmt::print(stderr, "nearend lab app: {}\n", server.error().text);
    return 1;
  }
  fmt::print("app ready http={}\n", (*server)->local().to_string());
  std::fflush(stdout);
  loop.on_signals({SIGINT, SIGTERM}, [&loop](int) { loop.stop(); });
  loop.run();
  return 0;
}

}  // namespace nearend::lab
