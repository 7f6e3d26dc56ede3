#include "media/clip_loader.hpp"

#include <doctest/doctest.h>

#include "unit/media/virtual_world.hpp"

using namespace nearend;
using namespace nearend::media;
using namespace nearend::media::test;

namespace {

std::string small_wav() {
  std::string out("RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\x07\0\x01\0\x40\x1f\0\0\x40\x1f\0\0\x01\0\x08\0data\xa0\0\0\0", 44);
  return out + std::string(160, '\x80');
}

/// A web server of one sound.
struct Web final : http::Client {
  explicit Web(io::Loop& on) : loop(on) {}
  Task<Result<http::Response>> send(http::Request request) override {
    requests.push_back(request);
    co_await io::sleep_for(loop, 50ms);
    http::Response response{.status = 200, .headers = headers, .body = small_wav()};
    if (request.url.ends_with("/moved")) {
      response.status = 302;
      response.headers = {{"Location", "/a.wav"}};
    }
    if (request.url.contains("/missing")) response.status = 404;
    if (request.url.ends_with("/page")) response.body = "<html>Sign in</html>";
    if (request.url.ends_with("/large"))
      co_return fail(Error::Kind::unsupported, "larger than {} bytes", request.body_limit);
    if (http::find_header(request.headers, "If-None-Match") == "\"v1\"" && etag_holds) {
      response.status = 304;
      response.body.clear();
    }
    co_return response;
  }
  io::Loop& loop;
  http::Headers headers{{"ETag", "\"v1\""}};
  bool etag_holds = true;
  std::vector<http::Request> requests;
};

struct Loading {
  World world;
  Web web{world.loop};
  ClipLoader loader{world.loop, &web, world.worker, world.settings};
  Result<ClipPtr> load(const char* url) { return world.wait(loader.load({.kind = Source::Kind::url, .value = url})); }
};

}  // namespace

TEST_CASE("a sound is fetched once, asked about by its ETag, and fetched again when that has changed") {
  Loading at;
  const auto first = at.load("http://example.org/a.wav");
  REQUIRE(first);
  CHECK((*first)->samples.size() == 160);
  const auto second = at.load("http://example.org/a.wav");
  REQUIRE(second);
  CHECK(*second == *first);
  REQUIRE(at.web.requests.size() == 2);
  CHECK(http::find_header(at.web.requests[1].headers, "If-None-Match") == "\"v1\"");
  at.web.etag_holds = false;
  const auto third = at.load("http://example.org/a.wav");
  REQUIRE(third);
  CHECK(*third != *first);
}

TEST_CASE("a fresh sound is not asked about, and one that may not be kept is fetched each time") {
  Loading at;
  at.web.headers = {{"Cache-Control", "max-age=60"}};
  REQUIRE(at.load("http://example.org/a.wav"));
  REQUIRE(at.load("http://example.org/a.wav"));
  CHECK(at.web.requests.size() == 1);
  at.world.loop.run_for(61s);
  REQUIRE(at.load("http://example.org/a.wav"));
  CHECK(at.web.requests.size() == 2);
  at.web.headers = {{"Cache-Control", "no-store"}};
  REQUIRE(at.load("http://example.org/b.wav"));
  REQUIRE(at.load("http://example.org/b.wav"));
  CHECK(at.web.requests.size() == 4);
}

TEST_CASE("redirects are followed, the address guard is on, and two who ask at once share one fetch") {
  Loading at;
  REQUIRE(at.load("http://example.org/moved"));
  CHECK(at.web.requests.back().url == "http://example.org/a.wav");
  CHECK(!at.web.requests.back().may_reach_internal);
  at.web.requests.clear();
  at.web.headers = {{"Cache-Control", "max-age=60"}};
  const AnchorInfo leg = at.world.allocate("a");
  io::Scope scope(at.world.loop);
  int loaded = 0;
  const auto ask = [](ClipLoader& loader, int& count) -> Task<void> {
    Source source{.kind = Source::Kind::url, .value = "http://example.org/shared.wav"};
    auto clip = co_await loader.load(std::move(source));
    if (clip) ++count;
  };
  for (int i = 0; i < 5; ++i) scope.spawn(ask(at.loader, loaded));
  at.world.loop.run_for(1s);
  CHECK(loaded == 5);
  CHECK(at.web.requests.size() == 1);
}

TEST_CASE("what cannot be fetched or heard is refused with its address, without the query, and what is wrong") {
  Loading at;
  const std::pair<const char*, std::string_view> wrongs[] = {
      {"http://example.org/missing?token=secret", "http://example.org/missing: the server answered 404"},
      {"http://example.org/page",
       "http://example.org/page: sound is a text or a page; WAV, MP3, Ogg Opus, Matroska and WebM are possible"},
      {"http://example.org/large", "http://example.org/large: larger than 20971520 bytes"},
      {"ftp://example.org/a.wav", "ftp"}};
  for (const auto& [url, text] : wrongs) {
    CAPTURE(url);
    const auto clip = at.load(url);
    REQUIRE(!clip);
    CHECK(clip.error().text.find(text) != std::string::npos);
    CHECK(clip.error().text.find("secret") == std::string::npos);
  }
}
