#include <doctest/doctest.h>

#include "http/beast_server.hpp"
#include "http/curl_client.hpp"
#include "io/asio_world.hpp"
#include "io/async.hpp"
#include "support/certificates.hpp"

using namespace nearend;
using namespace nearend::http;
using namespace std::chrono_literals;

namespace {

const Endpoint loopback{IpAddress::loopback(), 0};
using Outcome = std::optional<Result<Response>>;

Task<void> run(Client& client, Request request, io::AsioLoop& loop, Outcome& out) {
  auto response = co_await client.send(std::move(request));
  out.emplace(std::move(response));
  loop.stop();
}

Task<Response> describe(ServerRequest request) {
  Response response{200, {{"Content-Type", "text/plain"}, {"X-Query", request.query}}, {}};
  response.body = request.method + " " + request.path + " " + std::string(find_header(request.headers, "X-In")) + " " +
                  request.body;
  co_return response;
}

Task<Response> answer_after(io::Loop& loop, io::Duration wait) {
  co_await io::sleep_for(loop, wait);
  co_return Response{200};
}

Task<Response> answer(Response response) {
  co_return response;
}

/// A real server and a real client on loopback.
struct Web {
  explicit Web(Handler handler = describe) : client(world.loop, world.dns), servers(world.loop, world.net) {
    server = std::move(*servers.serve(loopback, std::move(handler)));
    world.dns.set_records("app.example",
                          {{.type = io::DnsRecord::Type::a, .ttl_s = 60, .address = IpAddress::loopback()}});
  }
  std::string url(std::string_view path) const { return fmt::format("http://{}{}", server->local().to_string(), path); }
  Result<Response> send(Request request) {
    Outcome outcome;
    io::Scope scope(world.loop);
    scope.spawn(run(client, std::move(request), world.loop, outcome));
    if (!outcome) world.loop.run_for(20s);
    world.loop.run_for(1us);
    REQUIRE(outcome);
    return std::move(*outcome);
  }
  io::AsioWorld world{{.hosts_file = ""}};
  CurlClient client;
  BeastServers servers;
  std::unique_ptr<Server> server;
};

/// A TCP server that says whatever it was told as soon as a request comes, and then closes if told so.
struct RawServer {
  RawServer(io::AsioWorld& world, std::string words, bool is_closing) : text(std::move(words)) {
    listener = std::move(*world.net.listen(loopback, nullptr, [this, is_closing](std::unique_ptr<io::Stream> stream) {
      streams.push_back(std::move(stream));
      io::Stream* self = streams.back().get();
      self->set_handlers({.on_data = [this, self, is_closing](std::string_view data) {
        seen += data;
        self->write(text);
        if (is_closing) self->close();
      }});
    }));
  }
  std::string url() const { return fmt::format("http://{}/", listener->local().to_string()); }
  std::string text, seen;
  std::vector<std::unique_ptr<io::Stream>> streams;
  std::unique_ptr<io::Listener> listener;
};

/// What a server says to raw bytes, until it closes.
std::string say(Web& web, const std::string& bytes, io::Duration wait = 5s) {
  std::string said;
  auto stream = web.world.net.connect(web.server->local(), nullptr,
                                      {.on_data = [&](std::string_view data) { said += data; },
                                       .on_close = [&](const Error&) { web.world.loop.stop(); }});
  for (size_t sent = 0; sent < bytes.size(); sent += 500'000) {
    stream->write(bytes.substr(sent, 500'000));
    web.world.loop.run_for(sent + 500'000 < bytes.size() ? 20ms : wait);
  }
  return said;
}

}  // namespace

TEST_CASE("a request and its answer keep every part") {
  Web web;
  auto response = web.send({.method = "POST",
                            .url = web.url("/a%20b/c?d=e%20f"),
                            .headers = {{"X-In", "in"}, {"X-Empty", ""}, {"Content-Type", "text/plain"}},
                            .body = "hello"});
  if (!response) FAIL(response.error().text);
  CHECK(response->status == 200);
  CHECK(response->body == "POST /a b/c in hello");
  CHECK(find_header(response->headers, "x-query") == "d=e%20f");
  CHECK(web.send({.url = web.url("/")})->body == "GET /  ");
  CHECK(web.send({.method = "DELETE", .url = web.url("/x")})->body == "DELETE /x  ");
  CHECK(web.send({.method = "PUT", .url = web.url("/x"), .body = "b"})->body == "PUT /x  b");
  const auto head = web.send({.method = "HEAD", .url = web.url("/x")});
  REQUIRE(head);
  CHECK(head->body.empty());
  CHECK(web.send({.url = fmt::format("http://app.example:{}/named", web.server->local().port)})->body ==
        "GET /named  ");
}

TEST_CASE("bodies of a mebibyte go both ways; the limits on either side hold") {
  Web web([](ServerRequest request) { return answer({200, {}, std::move(request.body)}); });
  const std::string large(1 << 20, 'x');
  auto response = web.send({.method = "POST", .url = web.url("/"), .body = large});
  if (!response) FAIL(response.error().text);
  CHECK(response->body == large);
  CHECK(web.send({.method = "POST", .url = web.url("/"), .body = large + "y"})->status == 413);
  auto refused = web.send({.method = "POST", .url = web.url("/"), .body = "12345", .body_limit = 4});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == Error::Kind::unsupported);
}

TEST_CASE("an answer larger than the stream's buffer arrives whole") {
  Web web([](ServerRequest) { return answer({200, {}, std::string(5 << 20, 'z')}); });
  auto response = web.send({.url = web.url("/"), .body_limit = 10 << 20});
  if (!response) FAIL(response.error().text);
  CHECK(response->body.size() == 5 << 20);
}

TEST_CASE("a slow server is a timeout, a closed port and an unknown name are no connection") {
  Web* self = nullptr;
  Web web([&self](ServerRequest) { return answer_after(self->world.loop, 1h); });
  self = &web;
  CHECK(web.send({.url = web.url("/"), .total_timeout = 50ms}).error().kind == Error::Kind::timeout);
  CHECK(web.send({.url = web.url("/"), .read_timeout = 50ms}).error().kind == Error::Kind::timeout);
  const std::string gone = web.url("/");
  web.server.reset();
  CHECK(web.send({.url = gone}).error().kind == Error::Kind::unavailable);
  web.world.dns.set_records("empty.example", {});
  CHECK(web.send({.url = "http://empty.example/"}).error().kind == Error::Kind::unavailable);
}

TEST_CASE("internal addresses are refused by number and by name, on kept connections too") {
  Web web;
  const std::string named = fmt::format("http://app.example:{}/", web.server->local().port);
  REQUIRE(web.send({.url = named, .pool = "tenant"}));
  CHECK(web.send({.url = named, .may_reach_internal = false, .pool = "tenant"}).error().kind == Error::Kind::refused);
  CHECK(web.send({.url = web.url("/"), .may_reach_internal = false}).error().kind == Error::Kind::refused);
  CHECK(web.send({.url = "http://[::1]:1/", .may_reach_internal = false}).error().kind == Error::Kind::refused);
  CHECK(web.send({.url = "http://0.0.0.0:1/", .may_reach_internal = false}).error().kind == Error::Kind::refused);
}

TEST_CASE("what could end a line is not sent") {
  Web web;
  CHECK(web.send({.url = web.url("/a\r\nX: y")}).error().kind == Error::Kind::invalid);
  CHECK(web.send({.url = web.url("/"), .headers = {{"X", "a\nb"}}}).error().kind == Error::Kind::invalid);
  CHECK(web.send({.url = web.url("/"), .headers = {{"X\r\nY", "a"}}}).error().kind == Error::Kind::invalid);
  CHECK(web.send({.method = "GET / HTTP/1.1\r\nX:", .url = web.url("/")}).error().kind == Error::Kind::invalid);
  CHECK(web.send({.url = "file:///etc/passwd"}).error().kind == Error::Kind::invalid);
  CHECK(web.send({.url = "gopher://app.example/"}).error().kind == Error::Kind::invalid);
}

TEST_CASE("redirects are handed to the caller") {
  Web web([](ServerRequest) { return answer({302, {{"Location", "/there"}}, ""}); });
  auto response = web.send({.url = web.url("/")});
  if (!response) FAIL(response.error().text);
  CHECK(response->status == 302);
  CHECK(find_header(response->headers, "Location") == "/there");
}

TEST_CASE("broken answers are told apart") {
  Web web;
  const auto fetch = [&](std::string words, bool is_closing, std::chrono::milliseconds patience = 5s) {
    RawServer server(web.world, std::move(words), is_closing);
    return web.send({.url = server.url(), .total_timeout = 10s, .read_timeout = patience, .body_limit = 10'000});
  };
  CHECK(fetch("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", true).error().kind == Error::Kind::malformed);
  CHECK(fetch("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", false, 100ms).error().kind ==
        Error::Kind::timeout);
  CHECK(fetch("", true).error().kind == Error::Kind::unavailable);
  CHECK_FALSE(fetch("SSH-2.0-OpenSSH\r\n", true));
  CHECK(fetch("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", true).error().kind ==
        Error::Kind::malformed);
  std::string endless = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 20; ++i) endless += "400\r\n" + std::string(1024, 'x') + "\r\n";
  CHECK(fetch(endless, false).error().kind == Error::Kind::unsupported);
  std::string wordy = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 2000; ++i) wordy += "X-" + std::to_string(i) + ": " + std::string(64, 'y') + "\r\n";
  CHECK(fetch(wordy + "\r\n", true).error().kind == Error::Kind::unsupported);
  CHECK(fetch("HTTP/1.1 100 Continue\r\nX: 1\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false)->body ==
        "ok");
}

TEST_CASE("a request that is given up while it waits leaves nothing behind") {
  Web web;
  RawServer silent(web.world, "", false);
  Outcome outcome;
  {
    io::Scope scope(web.world.loop);
    scope.spawn(run(web.client, {.url = silent.url()}, web.world.loop, outcome));
    for (int i = 0; i < 1000 && silent.seen.empty(); ++i) web.world.loop.run_for(10ms);
    CHECK(silent.seen.starts_with("GET / HTTP/1.1\r\n"));
  }
  web.world.loop.run_for(10ms);
  CHECK_FALSE(outcome);
}

TEST_CASE("a connection is kept for the next request of the same pool") {
  Web web([](ServerRequest request) { return answer({200, {}, request.peer.to_string()}); });
  const auto port_of = [&](const std::string& pool) { return web.send({.url = web.url("/"), .pool = pool})->body; };
  const std::string first = port_of("a");
  CHECK(port_of("a") == first);
  CHECK(port_of("b") != first);
}

TEST_CASE("the server answers broken requests with their code and closes") {
  Web web;
  CHECK(say(web, "nonsense\r\n\r\n").starts_with("HTTP/1.1 400"));
  CHECK(say(web, "GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n").starts_with("HTTP/1.1 400"));
  CHECK(say(web, "GET / HTTP/1.1\r\nX: " + std::string(40'000, 'x') + "\r\n\r\n").starts_with("HTTP/1.1 431"));
  CHECK(say(web, "POST / HTTP/1.1\r\nContent-Length: 9999999\r\n\r\n").starts_with("HTTP/1.1 413"));
  std::string chunked = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 1100; ++i) chunked += "400\r\n" + std::string(1024, 'x') + "\r\n";
  CHECK(say(web, chunked + "0\r\n\r\n").starts_with("HTTP/1.1 413"));
}

TEST_CASE("the server answers pipelined requests in order, in pieces or at once") {
  Web web;
  const std::string said =
      say(web,
          "GET /1 HTTP/1.1\r\n\r\nPOST /2 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
          "3\r\nabc\r\n0\r\n\r\nOPTIONS * HTTP/1.1\r\n\r\nGET /3 HTTP/1.1\r\nConnection: close\r\n\r\n");
  const size_t first = said.find("GET /1"), second = said.find("POST /2  abc"), third = said.find("GET /3");
  CHECK(first < second);
  CHECK(second < third);
  CHECK(third != std::string::npos);
  CHECK(said.find("Connection: close") != std::string::npos);
}

TEST_CASE("a client that waits for 100 Continue gets it") {
  Web web;
  CHECK(say(web, "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n", 500ms) ==
        "HTTP/1.1 100 Continue\r\n\r\n");
}

TEST_CASE("a line end in a response header never reaches the wire") {
  Web web([](ServerRequest) { return answer({200, {{"X-Bad", "a\r\nX-Injected: b"}, {"X-Good", "c"}}, ""}); });
  auto response = web.send({.url = web.url("/")});
  if (!response) FAIL(response.error().text);
  CHECK(find_header(response->headers, "X-Injected").empty());
  CHECK(find_header(response->headers, "X-Good") == "c");
}

TEST_CASE("https: the server's certificate is checked, and a client may show one of its own") {
  test::TestAuthority authority;
  authority.issue("app.example");
  authority.issue("gateway.example");
  Web web;
  const io::TlsSettings tls{.certificate_file = authority.certificate_file("app.example"),
                            .key_file = authority.key_file("app.example"),
                            .trust_file = authority.authority_file(),
                            .is_peer_required = true};
  BeastServers secure(web.world.loop, web.world.net, tls);
  auto server = secure.serve(loopback, [](ServerRequest request) {
    return answer({200, {}, request.peer_names.empty() ? "nobody" : request.peer_names.front()});
  });
  REQUIRE(server);
  const std::string url = fmt::format("https://app.example:{}/x", (*server)->local().port);
  const auto ask = [&](CurlSettings settings) {
    CurlClient client(web.world.loop, web.world.dns, std::move(settings));
    Outcome outcome;
    io::Scope scope(web.world.loop);
    scope.spawn(run(client, {.url = url}, web.world.loop, outcome));
    web.world.loop.run_for(10s);
    REQUIRE(outcome);
    return std::move(*outcome);
  };
  CHECK(ask({}).error().kind == Error::Kind::unavailable);
  CHECK_FALSE(ask({.ca_file = authority.authority_file()}));
  const auto named = ask({.ca_file = authority.authority_file(),
                          .certificate_file = authority.certificate_file("gateway.example"),
                          .key_file = authority.key_file("gateway.example")});
  if (!named) FAIL(named.error().text);
  CHECK(named->body == "gateway.example");
}
