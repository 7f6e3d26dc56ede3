#pragma once

#include <memory>
#include <optional>

#include "http/http.hpp"
#include "io/loop.hpp"
#include "io/net.hpp"

namespace nearend::http {

/// HTTP/1.1 servers over io streams, parsed by Boost.Beast: keep-alive, chunked bodies, requests of one connection
/// answered in order. Broken requests are answered 400, 408, 413 or 431 and the connection is closed. `OPTIONS *` is
/// answered here (RFC 9110 9.3.7). Runs on any io::Net, so also in the simulator. `loop` and `net` outlive it and the
/// servers.
class BeastServers final : public ServerFactory {
 public:
  /// Above `connections_max` a server takes no more clients.
  BeastServers(io::Loop& loop, io::Net& net, std::optional<io::TlsSettings> tls = std::nullopt,
               size_t connections_max = 10'000);
  Result<std::unique_ptr<Server>> serve(const Endpoint& local, Handler handler) override;

 private:
  io::Loop& loop_;
  io::Net& net_;
  std::optional<io::TlsSettings> tls_;
  size_t connections_max_;
};

}  // namespace nearend::http
