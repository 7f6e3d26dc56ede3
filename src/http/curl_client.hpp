#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "http/http.hpp"
#include "io/asio_loop.hpp"
#include "io/net.hpp"

namespace nearend::http {

struct CurlSettings {
  std::string ca_file;           ///< PEM of accepted roots; empty: the system's.
  std::string certificate_file;  ///< PEM chain, shown to servers that ask for one; with key_file.
  std::string key_file;
  std::string user_agent = "nearend";
  size_t pools_max = 1000;  ///< Idle pools above it are closed, the longest unused first.
  size_t connections_per_host_max = 64;
  std::chrono::seconds idle_max{60};  ///< A kept connection older than this is not used again.
};

/// Sends requests with libcurl on an AsioLoop: HTTP/1.1, HTTP/2 over TLS, certificates checked, no redirects, no
/// proxies, no compression. Connections are kept in pools that are parted by Request::pool and may_reach_internal:
/// within one, every address was checked when its connection was made. Loop's thread only; outlives the tasks it has
/// handed out.
class CurlClient final : public Client {
 public:
  /// Names are asked of `dns`: libcurl's own resolver would block the loop when a request is given up while it works.
  CurlClient(io::AsioLoop& loop, io::Dns& dns, CurlSettings settings = {});
  ~CurlClient() override;
  Task<Result<Response>> send(Request request) override;

 private:
  class Pools;
  std::unique_ptr<Pools> pools_;
};

}  // namespace nearend::http
