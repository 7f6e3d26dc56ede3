#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ip.hpp"
#include "base/result.hpp"
#include "base/task.hpp"

namespace nearend::http {

using Headers = std::vector<std::pair<std::string, std::string>>;

/// The first header of that name, without regard to case, or empty.
std::string_view find_header(const Headers& headers, std::string_view name);

/// One request to send. `url` is absolute, http or https. The client follows no redirects by itself and keeps no
/// cookies: the rules for application servers live in http/fetch.
struct Request {
  std::string method = "GET";
  std::string url;
  Headers headers;
  std::string body;
  std::chrono::milliseconds connect_timeout{5000};
  std::chrono::milliseconds total_timeout{15000};
  std::chrono::milliseconds read_timeout{
      0};                       ///< To the first byte and between bytes of the answer; 0: only the total counts.
  size_t body_limit = 1 << 20;  ///< Larger answers fail with Error::Kind::unsupported.
  bool may_reach_internal =
      true;                   ///< False: addresses of IpAddress::is_internal are refused at each new connection (TH19).
  std::string pool;           ///< Connections are shared only between requests with the same pool (tenant).
  const void* tls = nullptr;  ///< Reserved for client certificates.
};

struct Response {
  int status = 0;
  Headers headers;
  std::string body;
};

/// Sends requests without blocking the loop. Errors: unavailable (no connection, or it broke before a byte of the
/// answer), timeout (connected, but no whole answer in time), refused (address guard), unsupported (an answer above the
/// limit), malformed (broken or cut off answer), invalid (a request that must not be sent: CR, LF or NUL in it, a URL
/// that is not http). Two implementations: libcurl, and the simulator's.
class Client {
 public:
  virtual ~Client() = default;
  virtual Task<Result<Response>> send(Request request) = 0;
};

/// One request received by a server. `target` is path and query as sent; `path` is decoded, without the query.
struct ServerRequest {
  std::string method;
  std::string target;
  std::string path;
  std::string query;
  Headers headers;
  std::string body;
  Endpoint peer;
  std::vector<std::string> peer_names;  ///< Of the client's verified certificate (mutual TLS), otherwise empty.
};

/// Answers one request; runs on the server's loop and may wait.
using Handler = std::function<Task<Response>(ServerRequest)>;

/// A listening HTTP server; destroying it closes its connections. Limits: 1 MiB a body, 10 s for the head, 60 s idle.
class Server {
 public:
  virtual ~Server() = default;
  virtual Endpoint local() const = 0;
};

/// Makes servers; passed in, so that the simulator can make its own.
class ServerFactory {
 public:
  virtual ~ServerFactory() = default;
  virtual Result<std::unique_ptr<Server>> serve(const Endpoint& local, Handler handler) = 0;
};

/// application/x-www-form-urlencoded, both ways, order and repeats kept.
using Form = std::vector<std::pair<std::string, std::string>>;
std::string encode_form(const Form& form);
Result<Form> parse_form(std::string_view text);

}  // namespace nearend::http
