#include <doctest/doctest.h>

#include "base/json.hpp"
#include "io/async.hpp"
#include "media/packet_ring.hpp"
#include "unit/gateway/region.hpp"

using namespace nearend;
using namespace nearend::gateway;
using namespace nearend::gateway::test;
using namespace nearend::sip;
using namespace std::chrono_literals;

namespace {

/// A forwarded call between two phones.
struct Talk {
  Talk() {
    callee.on_event = [this](DialogId dialog, DialogEvent& event) {
      if (std::holds_alternative<event::Invited>(event)) (void)callee.stack.accept(dialog, sdp_of("192.0.2.2", 5000));
    };
    InviteRequest request;
    request.uri = "sip:+15550101@192.0.2.10";
    request.from = "<sip:+15550177@carrier.example>";
    request.targets = {{Protocol::udp, at("192.0.2.10:5060"), {}, 0}};
    request.body = sdp_of("192.0.2.1", 4000);
    REQUIRE(caller.stack.invite(std::move(request)));
    world.run(2s);
  }
  Result<json::value> ask(std::string id) {
    std::optional<Result<std::string>> answer;
    io::Scope scope(region.host.loop());
    scope.spawn(fetch(*region.gateway, std::move(id), answer));
    world.run(100ms);
    REQUIRE(answer);
    if (!*answer) return pass(*answer);
    return parse_json(**answer);
  }
  static Task<void> fetch(Gateway& gateway, std::string id, std::optional<Result<std::string>>& answer) {
    auto text = co_await gateway.legs_json(std::move(id));
    answer = std::move(text);
  }

  World world;
  Region region{world, "192.0.2.10", two_providers()};
  Agent caller{world, "192.0.2.1:5060"}, callee{world, "192.0.2.2:5060"};
};

std::string text_of(const json::object& object, std::string_view key) {
  return json_string_or(object, key, "");
}

}  // namespace

TEST_CASE("the report tells of each leg who it is, where its media runs and how it sounds") {
  Talk talk;
  talk.region.media.figures = {{.packets_in = 970, .lost = 30, .jitter_ms = 4, .rtt_ms = 40}};
  const auto report = talk.ask("");
  REQUIRE(report);
  const json::array& legs = report->as_object().at("legs").as_array();
  REQUIRE(legs.size() == 2);
  const bool is_caller_first = text_of(legs[0].as_object(), "direction") == "inbound";
  const json::object& caller = legs[is_caller_first ? 0 : 1].as_object();
  const json::object& callee = legs[is_caller_first ? 1 : 0].as_object();
  CHECK(text_of(caller, "from") == "+15550177");
  CHECK(text_of(caller, "path") == "local");
  CHECK(text_of(caller, "peer") == text_of(callee, "leg"));
  CHECK(text_of(callee, "direction") == "outbound");
  CHECK(callee.at("answered").as_bool());
  CHECK(json_integer_or(callee, "talked_ms", 0) > 1500);
  const json::object& stream = caller.at("streams").as_array().at(0).as_object();
  CHECK(json_integer_or(stream, "lost", 0) == 30);
  const json::object& quality = stream.at("quality").as_object();
  CHECK(quality.at("loss_percent").as_double() == doctest::Approx(3));
  CHECK(quality.at("score").as_double() == doctest::Approx(4.1).epsilon(0.02));
}

TEST_CASE("what each move has cost is in the call's events, and their sum in the leg's report") {
  Talk talk;
  const auto leg = static_cast<media::AnchorId>(1);
  using media::event::Moved;
  talk.region.media.tell(
      leg, Moved{{.gap_ms = 12.5, .lost = 2, .doubled = 1, .was_proven = true}, media::Path::Kind::bridge});
  talk.region.media.tell(leg, Moved{{.gap_ms = 30, .lost = 3}, media::Path::Kind::inner});
  const auto report = talk.ask("");
  REQUIRE(report);
  std::vector<const json::object*> moved;
  for (const json::value& one : report->as_object().at("legs").as_array())
    if (json_integer_or(one.as_object().at("moves").as_object(), "count", 0) > 0)
      moved.push_back(&one.as_object().at("moves").as_object());
  REQUIRE(moved.size() == 1);
  CHECK(json_integer_or(*moved[0], "count", 0) == 2);
  CHECK(json_integer_or(*moved[0], "unproven", 0) == 1);
  CHECK(json_integer_or(*moved[0], "lost", 0) == 5);
  CHECK(json_integer_or(*moved[0], "doubled", 0) == 1);
  CHECK(json_number_or(*moved[0], "gap_ms_max", 0) == doctest::Approx(30));
  std::vector<std::string> told;
  for (const Record& record : talk.region.journal.records())
    if (record.event.kind == "move") told.push_back(record.event.detail);
  REQUIRE(told.size() == 2);
  const auto first = parse_json(told[0]);
  REQUIRE(first);
  CHECK(text_of(first->as_object(), "path") == "bridge");
  CHECK(json_number_or(first->as_object(), "gap_ms", 0) == doctest::Approx(12.5));
  CHECK(json_integer_or(first->as_object(), "lost", 0) == 2);
  CHECK(json_integer_or(first->as_object(), "doubled", 0) == 1);
  CHECK(first->as_object().at("proven").as_bool());
}

TEST_CASE("a call's SID gives its legs, a leg's id that one, anything else an error that says what to do") {
  Talk talk;
  const auto all = talk.ask("");
  REQUIRE(all);
  const json::object& first = all->as_object().at("legs").as_array().at(0).as_object();
  const auto by_call = talk.ask(text_of(first, "call"));
  REQUIRE(by_call);
  CHECK(by_call->as_object().at("legs").as_array().size() == 2);
  const auto by_leg = talk.ask(text_of(first, "leg"));
  REQUIRE(by_leg);
  CHECK(by_leg->as_object().at("legs").as_array().size() == 1);
  const auto none = talk.ask("LG0");
  REQUIRE_FALSE(none);
  CHECK(none.error().text.find("/v1/legs") != std::string::npos);
}

TEST_CASE("the packets of a call's legs are taken for a while and given as one file, in order of time") {
  Talk talk;
  const std::string leg = text_of(talk.ask("")->as_object().at("legs").as_array()[0].as_object(), "leg");
  const std::string call = text_of(talk.ask("")->as_object().at("legs").as_array()[0].as_object(), "call");
  media::PacketRing first(1000), second(1000);
  const Endpoint at = *parse_endpoint("192.0.2.1:4000");
  const std::array<uint8_t, 3> payload{1, 2, 3};
  first.add(2'000'000, at, at, payload);
  second.add(1'000'000, at, at, payload);
  talk.region.media.captures = {{static_cast<media::AnchorId>(1), first.to_pcap()},
                                {static_cast<media::AnchorId>(2), second.to_pcap()}};
  std::optional<Result<std::string>> answer;
  const auto take = [](Gateway& gateway, std::string id, std::optional<Result<std::string>>& to) -> Task<void> {
    auto packets = co_await gateway.capture(std::move(id), 3s);
    to = std::move(packets);
  };
  const auto ask = [&](std::string id) {
    answer.reset();
    io::Scope scope(talk.region.host.loop());
    scope.spawn(take(*talk.region.gateway, std::move(id), answer));
    talk.world.run(2900ms);
    const bool is_early = answer && answer->has_value();
    talk.world.run(200ms);
    REQUIRE(answer);
    return is_early;
  };
  CHECK_FALSE(ask(call));
  REQUIRE(*answer);
  CHECK(**answer == media::merged_pcap({second.to_pcap(), first.to_pcap()}));
  CHECK((**answer).size() == first.to_pcap().size() + second.to_pcap().size() - 24);
  CHECK(talk.region.media.count("1 tap 4194304") == 1);
  CHECK(talk.region.media.count("2 tap 4194304") == 1);
  CHECK(std::ranges::count_if(talk.region.media.lines, [](const auto& line) { return line.contains(" stop "); }) == 2);

  CHECK_FALSE(ask(leg));
  REQUIRE(*answer);
  CHECK((**answer).size() == first.to_pcap().size());
  (void)ask("CAnobody");
  CHECK(answer->error().kind == Error::Kind::not_found);
  talk.region.media.captures.clear();
  (void)ask(leg);
  CHECK(answer->error().kind == Error::Kind::not_found);
}
