#include <doctest/doctest.h>

#include "unit/sip/test_agents.hpp"

using namespace nearend;
using namespace nearend::sip;
using namespace nearend::sip::test;

namespace {

struct Fixture {
  explicit Fixture(StackSettings settings = {}) : bob(world, "192.0.2.2:5060", settings) {}
  /// The status of the final answer to a raw request.
  int ask(const RawRequest& request) {
    raw.heard.clear();
    raw.send(bob.endpoint, request.text());
    world.run(100ms);
    for (const auto& text : raw.heard)
      if (const int status = parse_message(text).message.status(); status >= 200) return status;
    return 0;
  }
  World world;
  Agent bob;
  RawPeer raw{world, "192.0.2.9:5060"};
};

}  // namespace

TEST_CASE("what we do not understand is answered with its proper code") {
  Fixture f;
  CHECK(f.ask({.branch = "z9hG4bK1", .call_id = "1", .extra = "Require: nothing, 100rel\r\n"}) == 420);
  CHECK(f.raw.last_message("SIP/2.0 420").header(HeaderId::unsupported) == "nothing");
  CHECK(f.ask({.method = "DANCE", .branch = "z9hG4bK2", .call_id = "2"}) == 501);
  CHECK(f.raw.last_message("SIP/2.0 501").has(HeaderId::allow));
  CHECK(f.ask({.method = "PUBLISH", .branch = "z9hG4bK3", .call_id = "3"}) == 405);
  CHECK(f.raw.last_message("SIP/2.0 405").has(HeaderId::allow));
  CHECK(f.ask({.uri = "soap:bob", .branch = "z9hG4bK4", .call_id = "4"}) == 416);
  CHECK(f.ask({.branch = "z9hG4bK5", .call_id = "5", .extra = "Content-Encoding: gzip\r\n", .body = "x"}) == 415);
  RawRequest odd{.branch = "z9hG4bK6", .call_id = "6", .body = "x"};
  std::string text = odd.text();
  text.replace(text.find("application/sdp"), 15, "application/abc");
  f.raw.send(f.bob.endpoint, text);
  f.world.run(100ms);
  CHECK(f.raw.last_message("SIP/2.0 415").header(HeaderId::accept) == "application/sdp");
  text = RawRequest{.branch = "z9hG4bK7", .call_id = "7"}.text();
  text.replace(text.find("SIP/2.0"), 7, "SIP/9.0");
  f.raw.send(f.bob.endpoint, text);
  f.world.run(100ms);
  CHECK(f.raw.count("SIP/2.0 505") == 1);
  text = RawRequest{.branch = "z9hG4bK8", .call_id = "8"}.text();
  text.replace(text.find("Max-Forwards: 70"), 16, "Max-Forwards: 0 ");
  f.raw.send(f.bob.endpoint, text);
  f.world.run(100ms);
  CHECK(f.raw.count("SIP/2.0 483") == 1);
  CHECK(f.bob.count<event::Invited>() == 0);
  CHECK(f.bob.stack.dialogs() == 0);
}

TEST_CASE("a request that came by two ways is answered 482 the second time") {
  Fixture f;
  f.raw.send(f.bob.endpoint, RawRequest{.branch = "z9hG4bKone"}.text());
  f.world.run(100ms);
  CHECK(f.ask({.branch = "z9hG4bKtwo"}) == 482);
  CHECK(f.bob.count<event::Invited>() == 1);
}

TEST_CASE("our own request that comes back unchanged is a loop, with another Request-URI it is a new call") {
  Fixture f;
  REQUIRE(f.bob.stack.invite(f.bob.to({at("192.0.2.9:5060")})));
  f.world.run(50ms);
  const Message sent = f.raw.last_message("INVITE");
  Message back = sent;
  REQUIRE(back.prepend(HeaderId::via, "SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKproxy;rport"));
  f.raw.send(f.bob.endpoint, back.serialize());
  f.world.run(50ms);
  CHECK(f.raw.count("SIP/2.0 482") == 1);
  REQUIRE(back.set_request_uri("sip:carol@192.0.2.2"));
  back.remove_first_value(HeaderId::via);
  REQUIRE(back.prepend(HeaderId::via, "SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKproxy2;rport"));
  REQUIRE(back.set(HeaderId::call_id, "another"));
  f.raw.send(f.bob.endpoint, back.serialize());
  f.world.run(50ms);
  CHECK(f.bob.count<event::Invited>() == 1);
}

TEST_CASE("above the limit new INVITEs are shed with 503 and Retry-After, requests in dialogs never") {
  StackSettings settings;
  settings.pending_invites_max = 10;
  Fixture f(settings);
  RawRequest first{.branch = "z9hG4bKfirst", .call_id = "first", .body = "v=0\r\n"};
  f.raw.send(f.bob.endpoint, first.text());
  f.world.run(50ms);
  const auto talk = f.bob.dialog_of<event::Invited>();
  REQUIRE(f.bob.stack.accept(talk, sdp()));
  f.world.run(50ms);
  const std::string tag(f.raw.last_message("SIP/2.0 200").to_tag());
  for (int i = 0; i < 10; ++i) f.ask({.branch = "z9hG4bKp" + std::to_string(i), .call_id = "p" + std::to_string(i)});
  CHECK(f.bob.count<event::Invited>() == 11);
  CHECK(f.ask({.branch = "z9hG4bKmore", .call_id = "more"}) == 503);
  CHECK(f.raw.last_message("SIP/2.0 503").number(HeaderId::retry_after).value_or(0) >= 1);
  CHECK(f.ask({.branch = "z9hG4bKmore", .call_id = "more"}) == 503);
  CHECK(f.bob.stack.dialogs() == 11);
  f.ask({.method = "ACK", .branch = "z9hG4bKack", .call_id = "first", .to_tag = tag});
  f.bob.answer_all();
  CHECK(f.ask({.method = "INFO", .branch = "z9hG4bKinfo", .call_id = "first", .to_tag = tag, .cseq = 2}) == 200);
  CHECK(f.ask({.method = "BYE", .branch = "z9hG4bKbye", .call_id = "first", .to_tag = tag, .cseq = 3}) == 200);
  REQUIRE(f.bob.stack.refuse(f.bob.told[1].dialog == talk ? f.bob.told[3].dialog : f.bob.told[1].dialog, 486));
  CHECK(f.ask({.branch = "z9hG4bKlater", .call_id = "later"}) != 503);
}

TEST_CASE("a source that fills its share is shed, others are served") {
  StackSettings settings;
  settings.pending_invites_per_source_max = 3;
  Fixture f(settings);
  for (int i = 0; i < 3; ++i) f.ask({.branch = "z9hG4bKp" + std::to_string(i), .call_id = "p" + std::to_string(i)});
  CHECK(f.ask({.branch = "z9hG4bKmore", .call_id = "more"}) == 503);
  RawPeer other(f.world, "192.0.2.10:5060");
  other.send(f.bob.endpoint,
             RawRequest{.from = "192.0.2.10:5060", .branch = "z9hG4bKother", .call_id = "other"}.text());
  f.world.run(50ms);
  CHECK(other.count("SIP/2.0 503") == 0);
}

TEST_CASE("full tables refuse and stay bounded") {
  StackSettings settings;
  settings.transactions_max = 20;
  settings.dialogs_max = 5;
  Fixture f(settings);
  for (int i = 0; i < 50; ++i) f.ask({.branch = "z9hG4bKp" + std::to_string(i), .call_id = "p" + std::to_string(i)});
  CHECK(f.bob.stack.dialogs() == 5);
  CHECK(f.bob.stack.transactions() <= 20);
  CHECK_FALSE(f.bob.stack.invite(f.bob.to({at("192.0.2.9:5060")})));
}

TEST_CASE("401 is answered once with the next CSeq, a second 401 is the end, a stale nonce is not") {
  World world;
  Agent ann(world, "192.0.2.1:5060");
  RawPeer carrier(world, "192.0.2.9:5060");
  auto request = ann.to({at("192.0.2.9:5060")});
  request.credentials = Credentials{.username = "ann", .password = "secret", .realm = "carrier", .host = {}};
  const auto call = *ann.stack.invite(std::move(request));
  world.run(50ms);
  const auto challenge = [&](std::string_view nonce, bool is_stale) {
    const std::string value = fmt::format("Digest realm=\"carrier\", nonce=\"{}\", algorithm=SHA-256, qop=\"auth\"{}",
                                          nonce, is_stale ? ", stale=true" : "");
    carrier.answer("INVITE", 407, "t" + std::string(nonce), {{"Proxy-Authenticate", value}});
    world.run(50ms);
  };
  challenge("n1", false);
  REQUIRE(carrier.count("INVITE") == 2);
  Message second = carrier.last_message("INVITE");
  CHECK(second.cseq()->number == 2);
  CHECK(second.call_id() == parse_message(carrier.heard.front()).message.call_id());
  CHECK(second.values(HeaderId::via).size() == 1);
  const auto answer = parse_authorization(second.header(HeaderId::proxy_authorization));
  REQUIRE(answer);
  CHECK(answer->nc == 1);
  CHECK(answer->response == digest_response(DigestAlgorithm::sha256,
                                            digest_ha1(DigestAlgorithm::sha256, "ann", "carrier", "secret"), "n1", 1,
                                            answer->cnonce, "auth", "INVITE", second.request_uri()));
  challenge("n2", true);
  REQUIRE(carrier.count("INVITE") == 3);
  SUBCASE("the password is wrong") {
    challenge("n3", false);
    CHECK(carrier.count("INVITE") == 3);
    CHECK(ann.last<event::Refused>().status == 407);
  }
  SUBCASE("it is right, and BYE is challenged as well") {
    carrier.answer("INVITE", 200, "t", {}, "v=0\r\n");
    world.run(50ms);
    CHECK(carrier.last_message("ACK").cseq()->number == 3);
    ann.stack.end(call);
    world.run(50ms);
    carrier.answer("BYE", 401, {},
                   {{"WWW-Authenticate", "Digest realm=\"carrier\", nonce=\"n4\", algorithm=SHA-256, qop=\"auth\""}});
    world.run(50ms);
    CHECK(carrier.count("BYE") == 2);
    CHECK(carrier.last_message("BYE").cseq()->number == 5);
    CHECK(carrier.last_message("BYE").has(HeaderId::authorization));
  }
}

TEST_CASE("another realm's challenge gets no answer") {
  World world;
  Agent ann(world, "192.0.2.1:5060");
  RawPeer thief(world, "192.0.2.9:5060");
  auto request = ann.to({at("192.0.2.9:5060")});
  request.credentials = Credentials{.username = "ann", .password = "secret", .realm = "carrier", .host = {}};
  REQUIRE(ann.stack.invite(std::move(request)));
  world.run(50ms);
  thief.answer("INVITE", 401, "t", {{"WWW-Authenticate", "Digest realm=\"thief\", nonce=\"n\", qop=\"auth\""}});
  world.run(50ms);
  CHECK(thief.count("INVITE") == 1);
  CHECK(ann.last<event::Refused>().status == 401);
}

TEST_CASE("the next target is tried after silence, a refused connection, or 503, and the failed one rests") {
  World world;
  Agent ann(world, "192.0.2.1:5060"), bob(world, "192.0.2.2:5060");
  bob.answer_all();
  const Endpoint dead = at("192.0.2.3:5060");
  SUBCASE("silence: within 4 s") {
    (void)world.host(dead);
    REQUIRE(ann.stack.invite(ann.to({dead, bob.endpoint})));
    world.run(4s);
    CHECK(ann.count<event::Accepted>() == 1);
    ann.told.clear();
    REQUIRE(ann.stack.invite(ann.to({dead, bob.endpoint})));
    world.run(100ms);
    CHECK(ann.count<event::Accepted>() == 1);  // the dead one rests
  }
  SUBCASE("refused: within 100 ms") {
    (void)world.host(dead);
    REQUIRE(ann.stack.invite(ann.to({dead, bob.endpoint}, Protocol::tcp)));
    world.run(100ms);
    CHECK(ann.count<event::Accepted>() == 1);
  }
  SUBCASE("503") {
    RawPeer busy(world, "192.0.2.3:5060");
    REQUIRE(ann.stack.invite(ann.to({dead, bob.endpoint})));
    world.run(50ms);
    busy.answer("INVITE", 503, "t");
    world.run(100ms);
    CHECK(ann.count<event::Accepted>() == 1);
    CHECK(busy.count("ACK") == 1);
  }
  SUBCASE("486 is final") {
    RawPeer busy(world, "192.0.2.3:5060");
    REQUIRE(ann.stack.invite(ann.to({dead, bob.endpoint})));
    world.run(50ms);
    busy.answer("INVITE", 486, "t");
    world.run(5s);
    CHECK(ann.last<event::Refused>().status == 486);
    CHECK(bob.count<event::Invited>() == 0);
  }
  SUBCASE("one that wakes up late is cancelled: nobody rings twice") {
    RawPeer slow(world, "192.0.2.3:5060");
    REQUIRE(ann.stack.invite(ann.to({dead, bob.endpoint})));
    world.run(4s);
    REQUIRE(ann.count<event::Accepted>() == 1);
    slow.answer("INVITE", 180, "t");
    world.run(100ms);
    CHECK(slow.count("CANCEL") == 1);
    slow.answer("INVITE", 200, "t", {}, "v=0\r\n");
    world.run(100ms);
    CHECK(slow.count("ACK") == 1);
    CHECK(slow.count("BYE") == 1);
    CHECK(ann.stack.dialogs() == 1);
  }
}

TEST_CASE("a connection that breaks during set-up fails the call at once") {
  World world;
  Agent ann(world, "192.0.2.1:5060");
  {
    Agent bob(world, "192.0.2.2:5060");
    REQUIRE(ann.stack.invite(ann.to(bob, Protocol::tcp)));
    world.run(100ms);
    bob.host.kill();
  }
  world.run(1s);
  CHECK(ann.last<event::Refused>().status == 503);
}

TEST_CASE("an INVITE too large for a datagram goes by TCP, and by UDP where TCP is refused") {
  World world;
  Agent ann(world, "192.0.2.1:5060"), bob(world, "192.0.2.2:5060");
  bob.answer_all();
  auto request = ann.to(bob);
  request.body.content.append(1500, 'x');
  REQUIRE(ann.stack.invite(request));
  world.run(100ms);
  CHECK(bob.last<event::Invited>().flow.protocol == Protocol::tcp);
  CHECK(ann.count<event::Accepted>() == 1);
  RawPeer old(world, "192.0.2.3:5060");
  auto again = ann.to({at("192.0.2.3:5060")});
  again.body.content.append(1500, 'x');
  REQUIRE(ann.stack.invite(again));
  world.run(100ms);
  CHECK(old.count("INVITE") == 1);
}

TEST_CASE("a request outside dialogs is answered by its listener, and fails over") {
  World world;
  Agent ann(world, "192.0.2.1:5060"), bob(world, "192.0.2.2:5060");
  std::vector<int> statuses;
  const auto note = [&](int status, const Message&) { statuses.push_back(status); };
  (void)world.host(at("192.0.2.3:5060"));
  REQUIRE(ann.stack.send_request(Method::options, "sip:192.0.2.2", "sip:ann@192.0.2.1", {}, {}, {}, note));
  REQUIRE(ann.stack.send_request(Method::options, "sip:x@192.0.2.3", "sip:ann@192.0.2.1",
                                 {{Protocol::tcp, at("192.0.2.3:5060"), {}, 0}, {Protocol::tcp, bob.endpoint, {}, 0}},
                                 {}, {}, note));
  world.run(1s);
  CHECK(statuses == std::vector{200, 200});
  CHECK_FALSE(ann.stack.send_request(Method::options, "sip:a name", "sip:ann@192.0.2.1", {}, {}, {}, note));
}

TEST_CASE("a re-INVITE too large for a datagram reaches a peer that has no TCP") {
  World world;
  Agent ann(world, "192.0.2.1:5060");
  RawPeer bob(world, "192.0.2.9:5060");
  const auto call = *ann.stack.invite(ann.to({at("192.0.2.9:5060")}));
  world.run(50ms);
  bob.answer("INVITE", 200, "t", {}, "v=0\r\n");
  world.run(50ms);
  REQUIRE(ann.stack.reinvite(call, sdp("v=0\r\n" + std::string(1500, 'x'))));
  world.run(100ms);
  REQUIRE(bob.count("INVITE") == 2);
  CHECK(bob.last_message("INVITE").top_via()->transport == "UDP");
  CHECK(bob.last_message("INVITE").contact()->uri.transport().empty());
  bob.answer("INVITE", 200, {}, {}, "v=0\r\n");
  world.run(100ms);
  CHECK(ann.count<event::Accepted>() == 2);
  CHECK(bob.count("ACK") == 2);
}
