#include <doctest/doctest.h>

#include "unit/sip/test_agents.hpp"

using namespace nearend;
using namespace nearend::sip;
using namespace nearend::sip::test;

namespace {

StackSettings answering(std::string key = "a key that instances share", std::string server = "gw (eu/de1)") {
  StackSettings settings;
  settings.options_key = std::move(key);
  settings.answer_options = [server] {
    return OptionsAnswer{200, {{"Server", server}, {"Accept", "application/sdp"}}};
  };
  return settings;
}

std::string options(std::string branch = "z9hG4bKone", std::string from = "192.0.2.9:5060", std::string extra = {}) {
  return RawRequest{
      .method = "OPTIONS", .from = std::move(from), .branch = std::move(branch), .extra = std::move(extra)}
      .text();
}

/// What an instance at that address answers to this datagram.
std::string answer_of(std::string_view address, StackSettings settings, const std::string& request) {
  World world(std::hash<std::string_view>{}(address));
  Agent instance(world, address, std::move(settings));
  RawPeer peer(world, "192.0.2.9:5060");
  peer.send(instance.endpoint, request);
  world.run(100ms);
  return peer.last("SIP/2.0");
}

}  // namespace

TEST_CASE("OPTIONS outside dialogs are answered with what there is and leave nothing behind, however many come") {
  World world;
  Agent bob(world, "192.0.2.2:5060", answering());
  RawPeer peer(world, "192.0.2.9:5060");
  size_t told = 0;
  bob.on_outside = [&](ServerTransactionId, const Message&, const Flow&) { ++told; };
  for (int i = 0; i < 5000; ++i) {
    peer.send(bob.endpoint, options(fmt::format("z9hG4bK{}", i)));
    if (i % 100 == 0) world.run(1ms);
  }
  world.run(100ms);
  CHECK(peer.count("SIP/2.0 200") == 5000);
  CHECK(bob.stack.transactions() == 0);
  CHECK(bob.stack.dialogs() == 0);
  CHECK(told == 0);
  const Message answer = peer.last_message("SIP/2.0 200");
  CHECK(answer.header(HeaderId::server) == "gw (eu/de1)");
  CHECK(answer.header(HeaderId::allow).starts_with("INVITE, "));
  CHECK(answer.header(HeaderId::supported) == "100rel, timer, replaces");
  CHECK(answer.header(HeaderId::accept) == "application/sdp");
  CHECK_FALSE(answer.to_tag().empty());
  world.run(40s);
  CHECK(peer.heard.size() == 5000);  // nothing is sent again
}

TEST_CASE("an OPTIONS that comes again gets the same answer from any instance that has the key") {
  const std::string first = answer_of("192.0.2.2:5060", answering(), options());
  CHECK(first == answer_of("192.0.2.2:5060", answering(), options()));
  CHECK(first == answer_of("192.0.2.77:5060", answering(), options()));
  CHECK(first != answer_of("192.0.2.2:5060", answering(), options("z9hG4bKtwo")));
  CHECK(first != answer_of("192.0.2.2:5060", answering("another key"), options()));
  CHECK(first != answer_of("192.0.2.2:5060", answering(""), options()));
  const std::string named =
      answer_of("192.0.2.77:5060", answering("a key that instances share", "gw2 (us/va1)"), options());
  CHECK(parse_message(first).message.to_tag() == parse_message(named).message.to_tag());
}

TEST_CASE("OPTIONS over a connection are answered statelessly as well") {
  World world;
  Agent bob(world, "192.0.2.2:5060", answering()), ann(world, "192.0.2.1:5060");
  int status = 0;
  REQUIRE(ann.stack.send_request(Method::options, "sip:192.0.2.2;transport=tcp", "sip:ann@192.0.2.1",
                                 {{Protocol::tcp, bob.endpoint, {}, 0}}, {}, {},
                                 [&](int outcome, const Message&) { status = outcome; }));
  world.run(5ms);
  CHECK(bob.stack.transactions() == 0);
  world.run(100ms);
  CHECK(status == 200);
}

TEST_CASE("what is wrong with an OPTIONS is said statelessly") {
  const auto status_of = [](std::string request) {
    return parse_message(answer_of("192.0.2.2:5060", answering(), request)).message.status();
  };
  CHECK(status_of(options("z9hG4bKa", "192.0.2.9:5060", "Require: telepathy\r\n")) == 420);
  CHECK(status_of(RawRequest{.method = "OPTIONS", .uri = "gopher:x"}.text()) == 416);
  CHECK(status_of(RawRequest{.method = "OPTIONS", .to_tag = "nobodys"}.text()) == 481);
}

TEST_CASE("a gateway that takes no calls says so in its answer to OPTIONS, without what it could do") {
  StackSettings settings = answering();
  settings.answer_options = [] { return OptionsAnswer{503, {{"Server", "gw (eu/de1)"}, {"Retry-After", "30"}}}; };
  const Message answer = parse_message(answer_of("192.0.2.2:5060", settings, options())).message;
  CHECK(answer.status() == 503);
  CHECK(answer.header(HeaderId::retry_after) == "30");
  CHECK_FALSE(answer.has(HeaderId::allow));
}
