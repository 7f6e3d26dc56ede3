#include "http/fetch.hpp"

#include <doctest/doctest.h>

#include <functional>

#include "base/crypto.hpp"
#include "http/digest_auth.hpp"
#include "http/webhook_signature.hpp"
#include "io/async.hpp"
#include "sim/world.hpp"

using namespace nearend;
using namespace nearend::http;
using namespace std::chrono_literals;

namespace {

using Outcome = std::expected<FetchOutcome, FetchFailure>;

Task<void> run(Client& client, io::Loop& loop, FetchRequest request, std::optional<Outcome>& out) {
  auto outcome = co_await fetch(client, loop, std::move(request));
  out.emplace(std::move(outcome));
}

Task<Response> answer_after(io::Loop& loop, io::Duration wait, Response response) {
  co_await io::sleep_for(loop, wait);
  co_return response;
}

/// A router in Europe and a customer's application in America, 100 ms of round trip apart.
struct Site {
  Site() : world(5), router(world.add_host("router.example", "eu")), app(world.add_host("app.example", "us")) {
    world.paths().set_rtt("eu", "us", 100ms);
    world.names().set_delay(0ms);
    start();
  }
  void start() {
    server = std::move(*app.http_servers().serve(app.endpoint(80), [this](ServerRequest request) {
      seen.push_back(request);
      return answer_after(app.loop(), wait, respond(request));
    }));
  }
  Outcome ask(FetchRequest request) {
    std::optional<Outcome> outcome;
    io::Scope scope(router.loop());
    const io::Instant begun = world.now();
    scope.spawn(run(router.http_client(), router.loop(), std::move(request), outcome));
    REQUIRE(world.run_until([&] { return outcome.has_value(); }, 100s));
    took = world.now() - begun;
    return std::move(*outcome);
  }
  sim::World world;
  sim::Host& router;
  sim::Host& app;
  io::Duration wait{};
  io::Duration took{};
  std::vector<ServerRequest> seen;
  std::function<Response(const ServerRequest&)> respond = [](const ServerRequest&) {
    return Response{200, {{"Content-Type", "text/xml"}}, "<Response/>"};
  };
  std::unique_ptr<Server> server;
};

Response redirect_to(std::string where, int status = 302) {
  return {status, {{"Location", std::move(where)}}, ""};
}

}  // namespace

TEST_CASE("a POST carries the form, both signatures and the token") {
  Site site;
  const FetchRequest request{.url = "http://app.example/voice?a=b#rc=2",
                             .form = {{"CallSid", "CA1"}, {"Digits", "1 2"}},
                             .auth_token = "12345",
                             .idempotency_token = "token-1"};
  const auto outcome = site.ask(request);
  REQUIRE(outcome);
  CHECK(outcome->body == "<Response/>");
  CHECK(outcome->content_type == "text/xml");
  CHECK(outcome->url == "http://app.example/voice?a=b");
  const ServerRequest& seen = site.seen.at(0);
  CHECK(seen.method == "POST");
  CHECK(seen.target == "/voice?a=b");
  CHECK(seen.body == "CallSid=CA1&Digits=1+2");
  CHECK(find_header(seen.headers, "Content-Type").starts_with("application/x-www-form-urlencoded"));
  CHECK(find_header(seen.headers, "I-Twilio-Idempotency-Token") == "token-1");
  CHECK(find_header(seen.headers, "X-Twilio-Signature") ==
        twilio_signature("12345", "http://app.example/voice?a=b", request.form));
  CHECK(find_header(seen.headers, "X-Nearend-Signature").starts_with("t=1767225600;h="));
}

TEST_CASE("a GET has the form appended, is signed as sent, and its document's URL is without it") {
  Site site;
  const auto outcome = site.ask(
      {.url = "http://app.example/voice?a=b", .method = "GET", .form = {{"CallSid", "CA1"}}, .auth_token = "12345"});
  REQUIRE(outcome);
  CHECK(outcome->url == "http://app.example/voice?a=b");
  CHECK(site.seen.at(0).target == "/voice?a=b&CallSid=CA1");
  CHECK(site.seen.at(0).body.empty());
  CHECK(find_header(site.seen.at(0).headers, "X-Twilio-Signature") ==
        twilio_signature("12345", "http://app.example/voice?a=b&CallSid=CA1", {}));
}

TEST_CASE("a JSON body is signed by its hash in the query") {
  Site site;
  REQUIRE(site.ask({.url = "http://app.example/x", .json = "{\"a\":1}", .auth_token = "12345"}));
  const std::string hash = hash_hex(HashKind::sha256, "{\"a\":1}");
  CHECK(site.seen.at(0).query == "bodySHA256=" + hash);
  CHECK(find_header(site.seen.at(0).headers, "X-Twilio-Signature") ==
        twilio_signature("12345", "http://app.example/x?bodySHA256=" + hash, {}));
}

TEST_CASE("the user in the URL becomes basic authentication and stays with its origin") {
  Site site;
  site.respond = [](const ServerRequest& request) {
    if (request.path == "/a") return redirect_to("/b");
    if (request.path == "/b") return redirect_to("http://app.example:81/c");
    return Response{200};
  };
  sim::Host& other = site.app;
  std::vector<ServerRequest> elsewhere;
  auto second = other.http_servers().serve(other.endpoint(81), [&](ServerRequest request) {
    elsewhere.push_back(request);
    return answer_after(other.loop(), 0ms, Response{200});
  });
  const auto outcome = site.ask({.url = "http://user:pa%3Ass@app.example/a"});
  REQUIRE(outcome);
  CHECK(find_header(site.seen.at(0).headers, "Authorization") == "Basic " + base64("user:pa:ss"));
  CHECK(find_header(site.seen.at(1).headers, "Authorization") == "Basic " + base64("user:pa:ss"));
  CHECK(find_header(elsewhere.at(0).headers, "Authorization").empty());
  CHECK(outcome->url == "http://app.example:81/c");
  CHECK(site.ask({.url = "http://user:pa%3Ass@app.example/x"})->url == "http://user:pa%3Ass@app.example/x");
}

TEST_CASE("a redirect becomes a GET without the parameters, at most ten of them") {
  Site site;
  int left = 10;
  site.respond = [&](const ServerRequest&) {
    return left-- > 0 ? redirect_to("next?n=" + std::to_string(left), left % 2 ? 307 : 303)
                      : Response{200, {}, "there"};
  };
  auto outcome = site.ask({.url = "http://app.example/dir/first", .form = {{"Digits", "1"}}, .idempotency_token = "t"});
  REQUIRE(outcome);
  CHECK(outcome->redirects == 10);
  CHECK(outcome->url == "http://app.example/dir/next?n=0");
  CHECK(site.seen.at(1).method == "GET");
  CHECK(site.seen.at(1).target == "/dir/next?n=9");
  CHECK(site.seen.at(1).body.empty());
  CHECK(find_header(site.seen.at(10).headers, "I-Twilio-Idempotency-Token") == "t");
  left = 11;
  outcome = site.ask({.url = "http://app.example/"});
  REQUIRE_FALSE(outcome);
  CHECK(outcome.error().code == fetch_code::too_many_redirects);
}

TEST_CASE("cookies of one call come back with its next request") {
  Site site;
  site.respond = [](const ServerRequest& request) {
    if (request.path == "/set") return Response{302, {{"Location", "/next"}, {"Set-Cookie", "session=1; Path=/"}}, ""};
    return Response{200, {}, std::string(find_header(request.headers, "Cookie"))};
  };
  CookieJar jar, other;
  CHECK(site.ask({.url = "http://app.example/set", .cookies = &jar})->body == "session=1");
  CHECK(site.ask({.url = "http://app.example/more", .cookies = &jar})->body == "session=1");
  CHECK(site.ask({.url = "http://app.example/more", .cookies = &other})->body == "");
  CHECK(site.ask({.url = "http://app.example/set"})->body == "");
}

TEST_CASE("only what the policy names is tried again, as often as it says, with the same token") {
  Site site;
  int status = 503;
  site.respond = [&](const ServerRequest&) { return Response{status}; };
  const auto tries = [&](const std::string& url) {
    const auto outcome = site.ask({.url = url, .idempotency_token = "t"});
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error().code == fetch_code::retrieval_failed);
    CHECK(outcome.error().status == status);
    return outcome.error().tries;
  };
  CHECK(tries("http://app.example/") == 1);
  CHECK(tries("http://app.example/#rp=5xx") == 2);
  CHECK(tries("http://app.example/#rp=5xx&rc=5") == 6);
  CHECK(tries("http://app.example/#rp=4xx&rc=5") == 1);
  CHECK(tries("http://app.example/#rp=all&rc=0") == 1);
  status = 404;
  CHECK(tries("http://app.example/#rp=4xx&rc=2") == 3);
  for (const ServerRequest& seen : site.seen) CHECK(find_header(seen.headers, "I-Twilio-Idempotency-Token") == "t");
  int calls = 0;
  site.respond = [&](const ServerRequest&) { return Response{++calls < 3 ? 500 : 200}; };
  CHECK(site.ask({.url = "http://app.example/#rp=5xx&rc=3"})->tries == 3);
}

TEST_CASE("nobody there is tried twice by default, and each in its connect timeout") {
  Site site;
  site.world.paths().set_cut("eu", "us", true);
  auto outcome = site.ask({.url = "http://app.example/"});
  REQUIRE_FALSE(outcome);
  CHECK(outcome.error().code == fetch_code::connection_failed);
  CHECK(outcome.error().tries == 2);
  CHECK(site.took == 10s);
  outcome = site.ask({.url = "http://app.example/#ct=1000&rc=3"});
  CHECK(outcome.error().tries == 4);
  CHECK(site.took == 4s);
  outcome = site.ask({.url = "http://app.example/#ct=10000&rc=5"});
  CHECK(site.took == 15s);
  site.world.paths().set_cut("eu", "us", false);
  outcome = site.ask({.url = "http://unknown.example/"});
  CHECK(outcome.error().code == fetch_code::connection_failed);
  CHECK(outcome.error().tries == 2);
  site.world.names().set_failure(Error::Kind::timeout, 30s);
  outcome = site.ask({.url = "http://app.example/"});
  CHECK(outcome.error().code == fetch_code::connection_failed);
  CHECK(site.took == 10s);
}

TEST_CASE("a slow application is given up after its time, over all tries and redirects") {
  Site site;
  site.wait = 20s;
  auto outcome = site.ask({.url = "http://app.example/"});
  REQUIRE_FALSE(outcome);
  CHECK(outcome.error().code == fetch_code::retrieval_failed);
  CHECK(site.took == 15s);
  CHECK(outcome.error().tries == 1);
  outcome = site.ask({.url = "http://app.example/#rt=1000&rp=rt&rc=2"});
  CHECK(outcome.error().tries == 3);
  CHECK(site.took >= 3s);
  CHECK(site.took < 4s);
  outcome = site.ask({.url = "http://app.example/#tt=2000"});
  CHECK(site.took == 2s);
  site.wait = 4s;
  site.respond = [](const ServerRequest&) { return redirect_to("/again"); };
  outcome = site.ask({.url = "http://app.example/"});
  CHECK(site.took == 15s);
  CHECK(outcome.error().code == fetch_code::retrieval_failed);
}

TEST_CASE("a document above 64 KiB is refused with its own code") {
  Site site;
  site.respond = [](const ServerRequest& request) {
    return Response{200, {}, std::string(request.path == "/fits" ? 65'536 : 65'537, 'x')};
  };
  CHECK(site.ask({.url = "http://app.example/fits"}));
  CHECK(site.ask({.url = "http://app.example/"}).error().code == fetch_code::body_too_large);
}

TEST_CASE("URLs that cannot be asked fail at once, also those a redirect names") {
  Site site;
  for (const char* url : {"", "voice.xml", "ftp://app.example/", "wss://app.example/", "http://my_app.example/",
                          "http://app.example/\r\nX-Injected: 1", "http://-a.example/"}) {
    CAPTURE(url);
    const auto outcome = site.ask({.url = url});
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error().code == fetch_code::invalid_url);
  }
  CHECK(site.ask({.url = "http://app.example/", .method = "DELETE"}).error().code == fetch_code::invalid_url);
  CHECK(site.ask({.url = "http://app.example/", .idempotency_token = "a\r\nb: c"}).error().code ==
        fetch_code::invalid_url);
  CHECK(site.seen.empty());
  for (const char* location : {"ftp://app.example/", "http://my_app.example/", "http://a b/"}) {
    site.respond = [&](const ServerRequest&) { return redirect_to(location); };
    CHECK(site.ask({.url = "http://app.example/"}).error().code == fetch_code::invalid_url);
  }
  site.respond = [](const ServerRequest&) { return Response{302}; };
  CHECK(site.ask({.url = "http://app.example/"}).error().code == fetch_code::retrieval_failed);
}

TEST_CASE("a redirect into the inner network is refused") {
  Site site;
  sim::Host& inner = site.world.add_host("inner.example", "eu", {*parse_ip("10.0.0.7")});
  auto secret = inner.http_servers().serve(
      inner.endpoint(80), [&](ServerRequest) { return answer_after(inner.loop(), 0ms, Response{200, {}, "secret"}); });
  site.respond = [](const ServerRequest&) { return redirect_to("http://inner.example/"); };
  CHECK(site.ask({.url = "http://app.example/"})->body == "secret");
  const auto outcome = site.ask({.url = "http://app.example/", .may_reach_internal = false});
  REQUIRE_FALSE(outcome);
  CHECK(outcome.error().code == fetch_code::connection_failed);
  CHECK(outcome.error().text.find("internal") != std::string::npos);
}

TEST_CASE("an application that dies in mid-answer is asked again only when no byte had come") {
  Site site;
  site.wait = 1s;
  site.world.at(site.world.now() + 500ms, [&] { site.app.kill(); });
  site.world.at(site.world.now() + 550ms, [&] {
    site.server.reset();
    site.app.restart();
    site.start();
  });
  const auto outcome = site.ask({.url = "http://app.example/", .idempotency_token = "t"});
  REQUIRE(outcome);
  CHECK(outcome->tries == 2);
}

TEST_CASE("a Digest challenge is answered as RFC 7616 3.9.1 shows") {
  const DigestQuestion question{.method = "GET",
                                .target = "/dir/index.html",
                                .user = "Mufasa",
                                .password = "Circle of Life",
                                .cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"};
  const std::string challenge =
      "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm={}, "
      "nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"";
  const auto with = [&](std::string_view algorithm) {
    std::string text = challenge;
    text.replace(text.find("{}"), 2, algorithm);
    return digest_authorization(text, question);
  };
  CHECK(with("MD5")->contains("response=\"8ca523f5e9506fed4657c9700eebdbec\""));
  CHECK(with("SHA-256")->contains("response=\"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1\""));
  CHECK(with("SHA-256")->contains("opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""));
  CHECK_FALSE(with("SHA-512"));
  CHECK_FALSE(digest_authorization("Basic realm=\"a\"", question));
  CHECK_FALSE(digest_authorization("Digest qop=\"auth-int\", nonce=\"n\"", question));
  CHECK(digest_authorization("Digest realm=\"a\", nonce=\"n\"", question));
}

TEST_CASE("an application that asks for Digest gets it, once, with the same request") {
  Site site;
  site.respond = [](const ServerRequest& request) {
    if (find_header(request.headers, "Authorization").starts_with("Digest username=\"ann\""))
      return Response{200, {}, "in"};
    return Response{401, {{"WWW-Authenticate", "Digest realm=\"r\", nonce=\"n1\", qop=\"auth\""}}, ""};
  };
  const auto outcome = site.ask({.url = "http://ann:secret@app.example/a?b=1", .form = {{"CallSid", "CA1"}}});
  REQUIRE(outcome);
  CHECK(outcome->body == "in");
  REQUIRE(site.seen.size() == 2);
  CHECK(site.seen[1].body == site.seen[0].body);
  CHECK(find_header(site.seen[1].headers, "Authorization").find("uri=\"/a?b=1\"") != std::string_view::npos);
  site.respond = [](const ServerRequest&) {
    return Response{401, {{"WWW-Authenticate", "Digest realm=\"r\", nonce=\"n1\", qop=\"auth\""}}, ""};
  };
  CHECK_FALSE(site.ask({.url = "http://ann:wrong@app.example/a"}));
  CHECK(site.seen.size() == 4);
}

TEST_CASE("a document got by GET is asked for by its ETag and date, and not sent again while it is the same") {
  Site site;
  DocumentCache cache;
  int whole = 0;
  std::string tag = "\"v1\"";
  site.respond = [&](const ServerRequest& request) {
    if (find_header(request.headers, "If-None-Match") == tag) return Response{304, {}, ""};
    ++whole;
    return Response{200, {{"Content-Type", "text/xml"}, {"ETag", tag}, {"Last-Modified", "Mon, 1 Jan 2024"}}, tag};
  };
  const auto ask = [&](std::string method, std::string pool = "AC1") {
    const auto outcome = site.ask(
        {.url = "http://app.example/a", .method = std::move(method), .pool = std::move(pool), .cache = &cache});
    REQUIRE(outcome);
    CHECK(outcome->content_type == "text/xml");
    return outcome->body;
  };
  CHECK(ask("GET") == "\"v1\"");
  CHECK(ask("GET") == "\"v1\"");
  CHECK(whole == 1);
  CHECK(find_header(site.seen.back().headers, "If-Modified-Since") == "Mon, 1 Jan 2024");
  CHECK(ask("GET", "AC2") == "\"v1\"");  // Another account knows nothing of it.
  CHECK(whole == 2);
  CHECK(ask("POST") == "\"v1\"");
  CHECK(whole == 3);
  tag = "\"v2\"";
  CHECK(ask("GET") == "\"v2\"");
  CHECK(ask("GET") == "\"v2\"");
  CHECK(whole == 4);
  site.respond = [](const ServerRequest&) {
    return Response{200, {{"Content-Type", "text/xml"}, {"ETag", "x"}, {"Cache-Control", "private, no-store"}}, "new"};
  };
  CHECK(ask("GET") == "new");
  CHECK(ask("GET") == "new");
  CHECK(find_header(site.seen.back().headers, "If-None-Match").empty());
}

TEST_CASE("the cache of documents holds what was used last and no more than its limit") {
  DocumentCache cache;
  const auto document = [](std::string body) { return Response{200, {{"ETag", "t"}}, std::move(body)}; };
  const std::string big(900'000, 'x');
  for (int i = 0; i < 30; ++i) {
    cache.put(fmt::format("{}", i), document(big));
    REQUIRE(cache.find("0") != nullptr);
  }
  CHECK(cache.bytes() <= DocumentCache::bytes_max);
  CHECK(cache.find("1") == nullptr);
  CHECK(cache.find("29") != nullptr);
  cache.put("0", Response{404, {}, ""});
  CHECK(cache.find("0") == nullptr);
  cache.put("large", document(std::string(DocumentCache::document_max + 1, 'x')));
  CHECK(cache.find("large") == nullptr);
}
