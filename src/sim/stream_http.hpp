#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "http/http.hpp"
#include "io/async.hpp"
#include "io/net.hpp"

namespace nearend::sim {

class HttpConnection;

/// HTTP/1.1 over the simulated streams: a request pays one round trip to connect (two for https) unless a kept-alive
/// connection of its pool is idle, and one to be answered. Deadlines, body limit and the guard for internal addresses
/// are those of http::Client. A kept-alive connection that turns out closed is replaced once.
class StreamHttpClient final : public http::Client {
 public:
  StreamHttpClient(io::Loop& loop, io::Net& net, io::Dns& dns);
  ~StreamHttpClient() override;
  Task<Result<http::Response>> send(http::Request request) override;
  /// Connections opened so far.
  uint64_t connections() const { return connections_; }
  void forget_connections();

 private:
  Task<Result<http::Response>> exchange(const http::Request& request, const Endpoint& to, bool is_secure,
                                        const std::string& bytes, io::Instant deadline);

  io::Loop& loop_;
  io::Net& net_;
  io::Dns& dns_;
  std::map<std::string, std::vector<std::unique_ptr<HttpConnection>>> idle_;
  uint64_t connections_ = 0;
};

}  // namespace nearend::sim
