#include <doctest/doctest.h>

#include "base/text.hpp"
#include "unit/gateway/region.hpp"

namespace nearend::gateway::test {
namespace {

using namespace sip;

const std::string inactive =
    "v=0\r\no=- 1 1 IN IP4 198.51.100.9\r\ns=-\r\nc=IN IP4 198.51.100.9\r\nt=0 0\r\n"
    "m=audio 9 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=inactive\r\n";

/// One region, one router, a caller and two providers.
struct Routed {
  explicit Routed(Settings settings = two_providers())
      : region(world, "192.0.2.10", std::move(settings)),
        router(world),
        caller(world, "192.0.2.1:5060"),
        callee(world, "192.0.2.2:5060"),
        second(world, "192.0.2.3:5060") {
    region.policy.answer.routers = {router.choice()};
    router.agent.on_event = [this](DialogId dialog, DialogEvent& event) {
      const auto* requested = std::get_if<event::Requested>(&event);
      if (requested == nullptr || is_router_mute) return;
      const bool is_reinvite = requested->method == Method::invite;
      (void)router.agent.stack.respond(requested->transaction, 200, is_reinvite ? reinvite_answer : Body{},
                                       router.headers(context));
      (void)dialog;
    };
  }

  void call(io::Duration wait = 100ms) {
    InviteRequest request;
    request.uri = "sip:+15550100@192.0.2.10";
    request.from = "<sip:+15550177@carrier.example>";
    request.targets = {{Protocol::udp, at("192.0.2.10:5060"), {}, 0}};
    request.body = sdp_of("192.0.2.1", 4000);
    dialog = *caller.stack.invite(std::move(request));
    world.run(wait);
    REQUIRE(router.agent.count<event::Invited>() >= 1);
    context = router.invited().context;
    link1 = router.agent.dialog_of<event::Invited>();
  }
  void answer(std::string body = inactive) {
    (void)router.agent.stack.accept(link1, {"application/sdp", std::move(body)}, router.headers(context));
    world.run(100ms);
  }
  link::CallContext callee_context() const {
    link::CallContext child = context;
    child.parent_leg = context.leg;
    child.leg = "LG00000000000000000000000000000002";
    return child;
  }
  /// H dials the second leg at the same gateway.
  void dial(std::string_view features, std::string_view action = "dial;timeout=30;time-limit=3600") {
    const auto& invite = router.agent.last<event::Invited>().request;
    link2 = *router.agent.stack.invite(router.dial(region, "+4930123", callee_context(),
                                                   {"application/sdp", std::string(invite.body())}, action, features));
    world.run(100ms);
  }
  void answer_callee() {
    (void)callee.stack.accept(callee.dialog_of<event::Invited>(), sdp_of("192.0.2.2", 5000));
    world.run(100ms);
  }
  std::string bridge_feature() const { return "bridge-on-answer;peer=" + context.leg; }
  void info(DialogId link, std::string_view action, std::string json = {}, std::string_view features = {}) {
    Body body;
    if (!json.empty()) body = {json.starts_with("v=") ? "application/sdp" : "application/json", std::move(json)};
    (void)router.agent.stack.request(link, Method::info, std::move(body), router.headers(context, action, features));
    world.run(100ms);
  }
  /// Actions that the gateway has told the router on any dialog, in order.
  std::vector<std::string> told() const {
    std::vector<std::string> all;
    for (const auto& one : router.agent.told)
      if (const auto* requested = std::get_if<event::Requested>(&one.event))
        all.emplace_back(requested->request.header("Action"));
    return all;
  }
  bool was_told(std::string_view prefix) const {
    return std::ranges::any_of(told(), [&](const std::string& action) { return action.starts_with(prefix); });
  }

  World world;
  Region region;
  FakeRouter router;
  Agent caller, callee, second;
  DialogId dialog = DialogId::none, link1 = DialogId::none, link2 = DialogId::none;
  link::CallContext context;
  Body reinvite_answer{"application/sdp", inactive};
  bool is_router_mute = false;
};

/// A talk between two legs of one gateway, opened at the answer (C5).
struct Talk : Routed {
  explicit Talk(Settings settings = two_providers(), std::string_view star = {}) : Routed(std::move(settings)) {
    call();
    answer();
    std::string features = bridge_feature();
    if (!star.empty()) features += fmt::format(", {}", star);
    dial(features);
    (void)callee.stack.progress(callee.dialog_of<event::Invited>(), 180);
    world.run(50ms);
    answer_callee();
  }
};

}  // namespace

TEST_CASE("a router's INVITE comes with the platform headers, the inner side and no trace of the carrier") {
  Routed world;
  world.call();
  const Message& invite = world.router.agent.last<event::Invited>().request;
  const auto headers = world.router.invited();
  CHECK(headers.region.path == "eu/de1");
  CHECK(headers.context.account_sid == "AC1");
  CHECK(headers.context.call_sid.starts_with("CA"));
  REQUIRE(headers.feature("gateway") != nullptr);
  CHECK(headers.feature("gateway")->parameter("uri") == world.region.gateway->link_uri());
  CHECK(headers.feature("bridge") != nullptr);
  CHECK(invite.parsed_request_uri()->user == "+15550100");
  CHECK(invite.body().find("192.0.2.10") != std::string_view::npos);
  CHECK(invite.body().find("192.0.2.1\r\n") == std::string_view::npos);
  CHECK(invite.serialize().find("carrier.example") == std::string::npos);
}

TEST_CASE("the catalogue that a router is told leaves out what the media node lacks or has no room for") {
  Routed world;
  world.region.media.node_state.capabilities = {"bridge", "play", "record"};
  world.region.media.node_state.resources = {{"play", 1, 100}, {"record", 5, 5}};
  world.world.run(5s);
  world.call();
  const auto offers = [&](std::string_view name) {
    const auto& all = world.router.invited().features;
    return std::ranges::any_of(all, [&](const link::Item& one) { return one.name == name; });
  };
  CHECK(offers("bridge"));
  CHECK(offers("play"));
  CHECK(!offers("record"));
  CHECK(!offers("collect"));
  CHECK(!offers("local-tts"));
  CHECK(offers("hangup-on-star"));
  CHECK(offers("profile"));
}

TEST_CASE("a description beside a carrier's ISUP is taken, another body alone is 415") {
  Routed world;
  InviteRequest request;
  request.uri = "sip:+15550100@192.0.2.10";
  request.from = "<sip:+15550177@carrier.example>";
  request.targets = {{Protocol::udp, at("192.0.2.10:5060"), {}, 0}};
  request.body = {"multipart/mixed;boundary=b1",
                  "--b1\r\nContent-Type: application/isup;version=nxv3\r\n\r\n\x01\x02\r\n--b1\r\n"
                  "Content-Type: application/sdp\r\n\r\n" +
                      sdp_of("192.0.2.1", 4000).content + "\r\n--b1--\r\n"};
  world.dialog = *world.caller.stack.invite(request);
  world.world.run(100ms);
  REQUIRE(world.router.agent.count<event::Invited>() == 1);
  CHECK(world.router.agent.last<event::Invited>().request.body().contains("m=audio 20002"));
  CHECK(world.region.media.has("1 outer 192.0.2.1:4000 PCMU"));
  request.body = {"multipart/mixed;boundary=b1", "--b1\r\nContent-Type: application/isup\r\n\r\n\x01\r\n--b1--\r\n"};
  (void)*world.caller.stack.invite(request);
  world.world.run(100ms);
  CHECK(world.caller.last<event::Refused>().status == 415);
  CHECK(world.router.agent.count<event::Invited>() == 1);
}

TEST_CASE("forged platform headers of an outsider do not reach the router") {
  Routed world;
  InviteRequest request;
  request.uri = "sip:+15550100@192.0.2.10";
  request.from = "<sip:+15550177@carrier.example>";
  request.targets = {{Protocol::udp, at("192.0.2.10:5060"), {}, 0}};
  request.body = sdp_of("192.0.2.1", 4000);
  request.headers = {
      {"Region", "us/va1"}, {"Call", "CAevil;account=AC9;leg=LG9;epoch=9"}, {"Action", "dial"}, {"X-Shop", "7"}};
  (void)world.caller.stack.invite(std::move(request));
  world.world.run(100ms);
  const auto headers = world.router.invited();
  CHECK(headers.context.account_sid == "AC1");
  CHECK(headers.actions.empty());
  CHECK(world.router.agent.last<event::Invited>().request.header("X-Shop") == "7");
}

TEST_CASE("the router's ring, answer and refusal reach the caller") {
  Routed world;
  world.call();
  (void)world.router.agent.stack.progress(world.link1, 180, {}, world.router.headers(world.context, "ring"));
  world.world.run(50ms);
  CHECK(world.caller.last<event::Progress>().status == 180);
  world.answer();
  CHECK(world.caller.count<event::Accepted>() == 1);
  CHECK(world.region.media.has("1 connect idle"));
  CHECK(world.region.events("answer") == 1);
  CHECK(world.region.last_event("start").ship_to == "http://198.51.100.9/v1/call-events");

  Routed other;
  other.call();
  (void)other.router.agent.stack.refuse(other.link1, 603, {}, other.router.headers(other.context));
  other.world.run(100ms);
  CHECK(other.caller.last<event::Refused>().status == 603);
  CHECK(other.region.is_clean());
}

TEST_CASE("media goes to the router's node when its answer says so") {
  Routed world;
  world.call();
  world.answer(sdp_of("198.51.100.9", 7000).content);
  CHECK(world.region.media.has("1 inner 198.51.100.9:7000 PCMU"));
  CHECK(world.region.media.has("1 connect inner"));
}

TEST_CASE("a router that cannot be reached is left for the next") {
  Routed world;
  policy::RouterChoice dead{"us-r0", "us/va1", "sip:198.51.100.8:5070;transport=tcp", "http://198.51.100.8/x"};
  world.region.policy.answer.routers = {dead, world.router.choice()};
  world.call(6s);
  CHECK(world.router.agent.count<event::Invited>() == 1);
  world.answer();
  CHECK(world.caller.count<event::Accepted>() == 1);
  CHECK(world.region.last_event("answer").ship_to == "http://198.51.100.9/v1/call-events");
}

TEST_CASE("without any router the caller hears 503") {
  Routed world;
  world.region.policy.answer.routers.clear();
  InviteRequest request;
  request.uri = "sip:+15550100@192.0.2.10";
  request.from = "<sip:+15550177@carrier.example>";
  request.targets = {{Protocol::udp, at("192.0.2.10:5060"), {}, 0}};
  request.body = sdp_of("192.0.2.1", 4000);
  (void)world.caller.stack.invite(std::move(request));
  world.world.run(1s);
  CHECK(world.caller.last<event::Refused>().status == 503);
  CHECK(world.region.is_clean());
}

TEST_CASE(
    "a dialled leg is answered 183 with its inner side at once, then rings, then opens its bridge at the answer") {
  Talk world;
  const auto& progress = world.router.agent.told;
  std::vector<int> statuses;
  for (const auto& one : progress)
    if (const auto* event = std::get_if<event::Progress>(&one.event)) statuses.push_back(event->status);
  CHECK(statuses == std::vector<int>{183, 180});
  CHECK(world.region.media.has("2 arm bridge 1"));
  CHECK(world.region.media.has("2 open"));
  REQUIRE(world.router.agent.count<event::Accepted>() == 1);
  const auto headers = link::read_headers(world.router.agent.last<event::Accepted>().response);
  REQUIRE(headers);
  REQUIRE(headers->action("bridged") != nullptr);
  CHECK(!headers->action("bridged")->parameter("at").empty());
  CHECK(!headers->action("bridged")->parameter("sip-call-id").empty());
  CHECK(world.was_told("bridged;peer=LG00000000000000000000000000000002"));
  CHECK(world.callee.last<event::Invited>().request.from()->uri.user == "+15550199");
  CHECK(world.region.events("answer") == 2);
}

TEST_CASE("answerOnBridge: an armed gateway answers its own caller when the callee answers") {
  Routed world;
  world.call();
  world.dial(world.bridge_feature());
  (void)world.router.agent.stack.progress(
      world.link1, 183, {}, world.router.headers(world.context, "arm;peer=LG00000000000000000000000000000002"));
  world.world.run(50ms);
  CHECK(world.caller.count<event::Accepted>() == 0);
  world.answer_callee();
  CHECK(world.caller.count<event::Accepted>() == 1);
  const size_t lines = world.region.media.lines.size();
  (void)world.router.agent.stack.accept(
      world.link1, {"application/sdp", inactive},
      world.router.headers(world.context, "bridge;peer=LG00000000000000000000000000000002"));
  world.world.run(100ms);
  CHECK(world.caller.count<event::Accepted>() == 1);
  CHECK(world.region.media.lines.size() == lines);  // the 200 finds it done
}

TEST_CASE("two parallel re-INVITEs join two legs of one gateway once (C3)") {
  Routed world;
  world.call();
  world.answer();
  world.dial({});
  world.answer_callee();
  CHECK(!world.region.media.has("2 open"));
  auto child = world.callee_context();
  (void)world.router.agent.stack.reinvite(world.link1, sdp_of("192.0.2.10", 20006),
                                          world.router.headers(world.context, "bridge;peer=" + child.leg));
  (void)world.router.agent.stack.reinvite(world.link2, sdp_of("192.0.2.10", 20002),
                                          world.router.headers(child, "bridge;peer=" + world.context.leg));
  world.world.run(100ms);
  CHECK(world.router.agent.count<event::Accepted>() == 3);
  CHECK(world.region.media.has("1 connect bridge 2"));
  CHECK(!world.region.media.has("2 connect bridge 1"));
}

TEST_CASE("anchor and release move the media, and the endpoint never hears of it") {
  Talk world;
  (void)world.router.agent.stack.reinvite(world.link1, sdp_of("198.51.100.9", 7000),
                                          world.router.headers(world.context, "anchor"));
  world.world.run(100ms);
  CHECK(world.region.media.has("1 connect inner"));
  CHECK(world.region.media.has("2 connect idle"));
  (void)world.router.agent.stack.reinvite(world.link1, {"application/sdp", inactive},
                                          world.router.headers(world.context, "release"));
  world.world.run(100ms);
  CHECK(world.region.media.lines.back() == "1 connect idle");
  CHECK(world.caller.count<event::Requested>() == 0);
  CHECK(world.callee.count<event::Requested>() == 0);
}

TEST_CASE("when the callee hangs up the gateway asks the router to take the media back (M38)") {
  Talk world;
  world.callee.stack.end(world.callee.dialog_of<event::Invited>());
  world.world.run(100ms);
  CHECK(world.was_told("anchor"));
  CHECK(world.router.agent.count<event::Ended>() == 1);  // the callee's leg
  const Message& bye = world.router.agent.last<event::Ended>().request;
  CHECK(bye.header("Action").starts_with("ended;duration-ms="));
  world.world.run(20s);
  CHECK(world.region.gateway->legs() == 1);  // the router is there: the caller stays
  world.router.agent.stack.end(world.link1, {{"Reason", "SIP;cause=200;text=\"done\""}});
  world.world.run(1s);
  CHECK(world.caller.count<event::Ended>() == 1);
  CHECK(world.region.is_clean());
}

TEST_CASE("a router that initiates the re-anchoring is only asked whether it is there") {
  Settings settings = two_providers();
  settings.reanchor = ReanchorBy::router;
  Talk world(settings);
  world.callee.stack.end(world.callee.dialog_of<event::Invited>());
  world.world.run(20s);
  CHECK(!world.was_told("anchor"));
  CHECK(world.region.gateway->legs() == 1);
}

TEST_CASE("a caller that hangs up ends its callee without asking anybody") {
  Talk world;
  world.is_router_mute = true;
  world.caller.stack.end(world.dialog, {{"Reason", "Q.850;cause=16"}});
  world.world.run(100ms);
  REQUIRE(world.callee.count<event::Ended>() == 1);
  CHECK(world.callee.last<event::Ended>().reason.ends_with(", Q.850;cause=16"));
  CHECK(world.region.events("end") == 2);
  CHECK(world.region.is_clean());
}

TEST_CASE("the router dies in the middle of a talk: it goes on, ends at the callee's BYE and is billed once") {
  Talk world;
  world.router.agent.host.kill();
  world.world.run(60s);
  CHECK(world.region.gateway->legs() == 2);
  world.callee.stack.end(world.callee.dialog_of<event::Invited>());
  world.world.run(200ms);
  CHECK(world.region.events("end") == 1);
  CHECK(world.caller.count<event::Ended>() == 0);
  world.world.run(6s);
  REQUIRE(world.caller.count<event::Ended>() == 1);
  CHECK(world.caller.last<event::Ended>().reason.find("router lost") != std::string::npos);
  CHECK(world.region.events("end") == 2);
  CHECK(world.region.is_clean());
}

TEST_CASE("an armed continuation runs without the router: hang-up") {
  Talk world;
  world.info(world.link1, "continuation", R"({"kind":"hangup"})");
  world.callee.stack.end(world.callee.dialog_of<event::Invited>());
  world.world.run(100ms);
  CHECK(world.caller.count<event::Ended>() == 1);
  CHECK(world.region.is_clean());
}

TEST_CASE("an armed continuation runs without the router: its sources one after another, then it reports") {
  Talk world;
  world.info(
      world.link1, "continuation",
      R"({"kind":"play","sources":[{"kind":"url","value":"http://a/1.wav"},{"kind":"url","value":"http://a/2.wav"}]})");
  CHECK(world.region.media.has("prefetch http://a/1.wav"));
  world.callee.stack.end(world.callee.dialog_of<event::Invited>());
  world.world.run(100ms);
  CHECK(world.was_told("continuing"));
  CHECK(world.region.media.has("1 play http://a/1.wav"));
  world.region.media.tell(media::AnchorId{1}, media::event::PlayEnded{.job = media::JobId{1}});
  world.world.run(100ms);
  CHECK(world.region.media.has("1 play http://a/2.wav"));
  CHECK(!world.was_told("continued"));
  world.region.media.tell(media::AnchorId{1}, media::event::PlayEnded{.job = media::JobId{2}});
  world.world.run(100ms);
  CHECK(world.was_told("continued"));
  CHECK(world.router.agent.last<event::Requested>().body.content == R"({"done":2})");
}

TEST_CASE("a continuation that is taken back stops, and says how much was heard") {
  Talk world;
  world.info(
      world.link1, "continuation",
      R"({"kind":"play","sources":[{"kind":"url","value":"http://a/1.wav"},{"kind":"url","value":"http://a/2.wav"}]})");
  world.callee.stack.end(world.callee.dialog_of<event::Invited>());
  world.world.run(100ms);
  world.region.media.tell(media::AnchorId{1}, media::event::PlayEnded{.job = media::JobId{1}});
  world.world.run(100ms);
  world.info(world.link1, "continuation");
  CHECK(world.router.agent.last<event::Responded>().body.content == R"({"done":1})");
  CHECK(world.region.media.has("1 stop 2"));
}

TEST_CASE("the caller's star goes to the router, which ends the callee (F5.2)") {
  Talk world(two_providers(), "hangup-on-star");
  world.region.media.tell(media::AnchorId{2}, media::event::Digit{.digit = '*'});
  world.world.run(50ms);
  CHECK(!world.was_told("hangup"));  // the callee's star is a digit like others
  world.region.media.tell(media::AnchorId{1}, media::event::Digit{.digit = '*'});
  world.world.run(100ms);
  CHECK(world.was_told("hangup;target=peer"));
}

TEST_CASE("the caller's star hangs the callee up where the gateways settle it (F5.4)") {
  Settings settings = two_providers();
  settings.star = StarPath::peer_gateway;
  Talk world(settings, "hangup-on-star");
  world.region.media.tell(media::AnchorId{1}, media::event::Digit{.digit = '*'});
  world.world.run(100ms);
  CHECK(world.callee.count<event::Ended>() == 1);
  CHECK(world.caller.count<event::Ended>() == 0);
  CHECK(world.was_told("anchor"));
}

TEST_CASE("silence is told to the router, and ends the leg when the router says nothing (F6)") {
  Talk world;
  world.region.media.tell(media::AnchorId{2}, media::event::Silent{.since = 60s});
  world.world.run(100ms);
  CHECK(world.was_told("timeout"));
  CHECK(world.region.gateway->legs() == 2);
  world.world.run(6s);
  CHECK(world.callee.last<event::Ended>().reason.find("RTP timeout") != std::string::npos);
  CHECK(world.caller.count<event::Ended>() == 0);  // the callee's silence ends only the callee
  CHECK(world.region.gateway->legs() == 1);

  Talk other;
  other.region.media.tell(media::AnchorId{1}, media::event::Silent{.since = 60s});
  other.world.run(6s);
  CHECK(other.caller.count<event::Ended>() == 1);  // the caller's silence ends both
  CHECK(other.callee.count<event::Ended>() == 1);
}

TEST_CASE("verbs run in the region as jobs, and what the region has not is refused with 501") {
  Settings settings = two_providers();
  settings.features = {"bridge", "play", "collect"};
  Routed world(settings);
  world.call();
  world.answer();
  world.info(world.link1, "play;job=5", R"({"sources":[{"kind":"url","value":"http://a/1.wav"}]})");
  CHECK(world.router.agent.last<event::Responded>().status == 200);
  world.region.media.tell(media::AnchorId{1}, media::event::PlayEnded{.job = media::JobId{1}, .played = 900ms});
  world.world.run(100ms);
  CHECK(world.was_told("done;job=5;kind=play"));
  CHECK(world.router.agent.last<event::Requested>().body.content.find("900") != std::string::npos);
  world.info(world.link1, "play;job=6", R"({"sources":[{"kind":"speech","value":"hello"}]})");
  CHECK(world.router.agent.last<event::Responded>().status == 501);
  world.info(world.link1, "record;job=7", "{}");
  CHECK(world.router.agent.last<event::Responded>().status == 501);
  world.info(world.link1, "gather;job=8", R"({"digits_max":4})");
  CHECK(world.router.agent.last<event::Responded>().status == 200);
  world.info(world.link1, "stop;job=8");
  CHECK(world.region.media.has("1 stop 2"));
  world.region.media.tell(media::AnchorId{1}, media::event::CollectEnded{.job = media::JobId{2}, .digits = "12"});
  world.world.run(100ms);
  CHECK(world.was_told("done;job=8;kind=gather"));
}

TEST_CASE("what is recorded for a router is told to whoever brings it there, before it begins and when it is whole") {
  Routed world;
  std::vector<RecordingNotice> notices;
  world.region.gateway->set_recording_handler([&](const RecordingNotice& notice) { notices.push_back(notice); });
  world.call();
  world.answer();
  world.info(world.link1, "record;job=1", R"({"name":"RE1"})");
  REQUIRE(notices.size() == 1);
  CHECK(notices[0].sid == "RE1");
  CHECK(notices[0].events_url == "http://198.51.100.9/v1/call-events");
  CHECK_FALSE(notices[0].is_ended);
  world.region.media.tell(media::AnchorId{1},
                          media::event::RecordEnded{.job = media::JobId{1}, .file = "/var/recordings/RE1.wav"});
  world.world.run(100ms);
  REQUIRE(notices.size() == 2);
  CHECK(notices[1].sid == "RE1");
  CHECK(notices[1].is_ended);
}

TEST_CASE("a recording of a leg that ends is told to the router before the BYE") {
  Routed world;
  world.call();
  world.answer();
  world.info(world.link1, "record;job=3", "{}");
  CHECK(world.router.agent.last<event::Responded>().status == 200);
  world.caller.stack.end(world.dialog);
  world.world.run(50ms);
  CHECK(world.router.agent.count<event::Ended>() == 0);
  world.region.media.tell(media::AnchorId{1},
                          media::event::RecordEnded{.job = media::JobId{1}, .reason = "hangup", .length = 2s});
  world.world.run(100ms);
  CHECK(world.was_told("done;job=3;kind=record"));
  CHECK(world.router.agent.count<event::Ended>() == 1);
  CHECK(world.region.is_clean());
}

TEST_CASE("ring-back plays until the talk is joined") {
  Routed world;
  world.call();
  world.answer();
  world.info(world.link1, "ring;tone=uk");
  CHECK(world.region.media.has("1 play ringback/uk"));
  world.dial(world.bridge_feature());
  world.answer_callee();
  CHECK(world.region.media.has("1 stop 1"));
}

TEST_CASE("an older epoch is refused with 412, a foreign feature with 420, the same leg twice with 482") {
  Routed world;
  world.call();
  world.context.epoch = 5;
  world.answer();
  world.info(world.link1, "ring;off");
  CHECK(world.router.agent.last<event::Responded>().status == 200);
  world.context.epoch = 4;
  world.info(world.link1, "ring;off");
  CHECK(world.router.agent.last<event::Responded>().status == 412);
  world.context.epoch = 5;
  world.dial(world.bridge_feature());
  world.dial(world.bridge_feature());
  CHECK(world.router.agent.last<event::Refused>().status == 482);

  Settings settings = two_providers();
  settings.features = {"play"};
  Routed poor(settings);
  poor.call();
  poor.dial(poor.bridge_feature());
  CHECK(poor.router.agent.last<event::Refused>().status == 420);
}

TEST_CASE("the callee's failure reaches the router with its status, a timeout as 408, a cancel ends the phone") {
  Routed world;
  world.call();
  world.dial({});
  (void)world.callee.stack.refuse(world.callee.dialog_of<event::Invited>(), 486);
  world.world.run(100ms);
  CHECK(world.router.agent.last<event::Refused>().status == 486);

  Routed late;
  late.call();
  late.dial({}, "dial;timeout=5");
  (void)late.callee.stack.progress(late.callee.dialog_of<event::Invited>(), 180);
  late.world.run(6s);
  CHECK(late.router.agent.last<event::Refused>().status == 408);
  CHECK(late.callee.count<event::Cancelled>() == 1);

  Routed cancelled;
  cancelled.call();
  cancelled.dial({});
  (void)cancelled.callee.stack.progress(cancelled.callee.dialog_of<event::Invited>(), 180);
  cancelled.world.run(100ms);
  cancelled.router.agent.stack.cancel(cancelled.link2);
  cancelled.world.run(1s);
  CHECK(cancelled.callee.count<event::Cancelled>() == 1);
  CHECK(cancelled.region.gateway->legs() == 1);
}

TEST_CASE("the time limit ends the callee's leg, the caller goes on") {
  Routed world;
  world.call();
  world.answer();
  world.dial(world.bridge_feature(), "dial;timeout=30;time-limit=20");
  world.answer_callee();
  world.world.run(21s);
  CHECK(world.callee.count<event::Ended>() == 1);
  CHECK(world.router.agent.last<event::Ended>().reason.find("time limit") != std::string::npos);
  CHECK(world.region.gateway->legs() == 1);
}

TEST_CASE("a stranger on the link hears nothing, a peer without the key is refused") {
  Settings settings = two_providers();
  settings.link_key = "0123456789abcdef";
  Routed world(settings);
  InviteRequest request = world.router.dial(
      world.region, "+4930123", {"CA00000000000000000000000000000001", "AC1", "LG1"}, sdp_of("198.51.100.9", 7000));
  (void)world.router.agent.stack.invite(std::move(request));
  world.world.run(100ms);
  CHECK(world.router.agent.last<event::Refused>().status == 403);
  FakeRouter stranger(world.world, "192.0.2.77:5070");
  (void)stranger.agent.stack.invite(stranger.dial(
      world.region, "+4930123", {"CA00000000000000000000000000000001", "AC1", "LG1"}, sdp_of("198.51.100.9", 7000)));
  world.world.run(40s);
  CHECK(stranger.agent.last<event::Refused>().is_local);
  CHECK(world.region.media.anchors_made == 0);
}

TEST_CASE("the providers that the router proposes are tried in its order, after them the gateway's own choice") {
  Routed world;
  world.call();
  world.dial({}, "dial;timeout=30;providers=\"nobody,second\"");
  CHECK(world.callee.count<event::Invited>() == 0);
  REQUIRE(world.second.count<event::Invited>() == 1);
  (void)world.second.stack.refuse(world.second.dialog_of<event::Invited>(), 503);
  world.world.run(100ms);
  CHECK(world.callee.count<event::Invited>() == 1);
}

TEST_CASE("a provider that rests is not tried first, whatever the router proposes") {
  Routed world;
  world.call();
  world.dial({}, "dial;timeout=30;providers=\"second\"");
  (void)world.second.stack.refuse(world.second.dialog_of<event::Invited>(), 503);
  world.world.run(100ms);
  REQUIRE(world.callee.count<event::Invited>() == 1);
  (void)world.callee.stack.refuse(world.callee.dialog_of<event::Invited>(), 486);
  world.world.run(100ms);
  link::CallContext other = world.callee_context();
  other.leg = "LG00000000000000000000000000000003";
  const auto& invite = world.router.agent.last<event::Invited>().request;
  (void)world.router.agent.stack.invite(world.router.dial(world.region, "+4930124", other,
                                                          {"application/sdp", std::string(invite.body())},
                                                          "dial;timeout=30;providers=\"second,out\"", {}));
  world.world.run(100ms);
  CHECK(world.second.count<event::Invited>() == 1);
  CHECK(world.callee.count<event::Invited>() == 2);
}

}  // namespace nearend::gateway::test
