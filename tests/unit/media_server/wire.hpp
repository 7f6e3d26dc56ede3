#pragma once

#include <string>
#include <vector>

#include "http/url.hpp"
#include "unit/media/virtual_world.hpp"

namespace nearend::media_server::test {

using namespace std::chrono_literals;

/// HTTP without sockets: what is served is called by whoever sends, a few milliseconds later.
struct Wire final : http::ServerFactory, http::Client {
  explicit Wire(io::Loop& on) : loop(on) {}
  struct Listening final : http::Server {
    Endpoint local() const override { return at; }
    Endpoint at;
  };
  Result<std::unique_ptr<http::Server>> serve(const Endpoint& local, http::Handler with) override {
    handler = std::move(with);
    auto server = std::make_unique<Listening>();
    server->at = local;
    return server;
  }
  Task<Result<http::Response>> send(http::Request request) override {
    co_await io::sleep_for(loop, 3ms);
    if (!is_up) co_return fail(Error::Kind::unavailable, "cut");
    auto url = http::parse_url(request.url);
    http::ServerRequest served{.method = request.method,
                               .target = url->target(),
                               .path = url->path,
                               .query = url->query,
                               .headers = request.headers,
                               .body = request.body};
    requests.push_back(served.method + " " + served.path);
    auto response = co_await handler(std::move(served));
    if (answers_lost > 0 && request.method != "GET") {
      --answers_lost;
      co_return fail(Error::Kind::unavailable, "cut before the answer");
    }
    co_return response;
  }
  io::Loop& loop;
  http::Handler handler;
  std::vector<std::string> requests;
  bool is_up = true;
  int answers_lost = 0;  ///< Of commands: what was asked is done, and nobody hears of it.
};

struct NoDns final : io::Dns {
  Task<Result<std::vector<io::DnsRecord>>> query(std::string name, io::DnsRecord::Type) override {
    co_return fail(Error::Kind::not_found, "{} is unknown here", name);
  }
};

}  // namespace nearend::media_server::test
