#include "sim/flows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>

namespace nearend::sim::test {
namespace {

constexpr auto talk_length = 1500ms;
constexpr uint32_t talk_packets = 60;  // Of 75 in that time.
constexpr uint32_t prompt_packets = 20, whole_prompt = 30;
constexpr auto prompt_length = 600ms;

std::string dial(std::string_view attributes = {}) {
  return fmt::format("<Dial timeout=\"20\"{}><Number>{}</Number></Dial>", attributes, callee_number);
}
const std::string prompt_document = "<Play>prompt.wav</Play>";
std::string response(const std::string& verbs) {
  return "<Response>" + verbs + "</Response>";
}

bool is_over(Platform& platform) {
  return platform.caller().is_ended() && !platform.callee().is_talking();
}

bool begin_talk(Platform& platform) {
  platform.call();
  return platform.wait([&] { return platform.caller().is_talking() && platform.callee().is_talking(); }, 40s,
                       "the two did not come to talk");
}

/// Both hear the other, each packet once. A 200 that was lost on the access link delays the first packets by T1 and
/// more: what counts begins when both have heard something.
void talk(Platform& platform, io::Duration length = talk_length) {
  Phone &caller = platform.caller(), &callee = platform.callee();
  const auto since = platform.world.now();
  const bool is_heard = platform.wait(
      [&] { return caller.heard_of(callee.party(), since) >= 3 && callee.heard_of(caller.party(), since) >= 3; }, 10s,
      "the two did not hear each other");
  if (!is_heard) return;
  platform.run(200ms);
  const auto begin = platform.world.now();
  platform.run(length);
  const auto end = platform.world.now();
  for (Phone* phone : {&caller, &callee}) {
    const Phone& other = phone == &caller ? callee : caller;
    const Flaws flaws = phone->flaws(other.party(), begin, end);
    const std::string who = phone->host().name();
    platform.expect(flaws.heard + 15 >= static_cast<uint32_t>(length / 20ms),
                    fmt::format("{} heard {} packets of the other in {} ms", who, flaws.heard,
                                std::chrono::duration_cast<std::chrono::milliseconds>(length).count()));
    platform.expect(flaws.lost == 0 && flaws.doubled == 0,
                    fmt::format("{} lost {} packets, {} came twice", who, flaws.lost, flaws.doubled));
    platform.expect(flaws.longest_gap <= 40ms, who + " heard a gap");
    platform.expect(phone->heard_of(phone->party()) == 0, who + " heard himself");
  }
}

void hear_prompt(Platform& platform, io::Instant since, io::Duration limit = 10s) {
  platform.wait([&] { return platform.caller().sounds_since(since) >= prompt_packets; }, limit,
                "the caller did not hear the prompt");
}
void wait_over(Platform& platform, io::Duration limit = 40s) {
  platform.wait([&] { return is_over(platform); }, limit, "the call did not end");
}

void talk_then_hang_up(Platform& platform) {
  if (!begin_talk(platform)) return;
  talk(platform);
  Phone& who = platform.world.seed() % 2 == 0 ? platform.caller() : platform.callee();
  who.hang_up();
  wait_over(platform);
}

void with_video(Platform& platform) {
  talk_then_hang_up(platform);
  platform.expect(
      platform.caller().pictures() >= talk_packets && platform.callee().pictures() >= talk_packets,
      fmt::format("{} and {} packets of video came", platform.caller().pictures(), platform.callee().pictures()));
}

void three_rounds(Platform& platform) {
  for (int round = 0; round < 3; ++round) {
    if (round == 0 && !begin_talk(platform)) return;
    if (round > 0 && !platform.wait([&] { return platform.callee().is_talking(); }, 40s,
                                    fmt::format("round {}: the callee was not reached", round + 1)))
      return;
    talk(platform);
    const auto gone = platform.world.now();
    platform.callee().hang_up();
    hear_prompt(platform, gone);
  }
  wait_over(platform);
  const Flaws breaks = platform.caller().breaks({}, platform.world.now());
  platform.expect(
      breaks.lost + breaks.doubled <= 12,
      fmt::format("{} lost and {} doubled in the caller's stream over six moves", breaks.lost, breaks.doubled));
}

void say_then_dial(Platform& platform) {
  platform.call();
  hear_prompt(platform, {}, 40s);
  if (!platform.wait([&] { return platform.callee().is_talking(); }, 40s, "the callee was not reached")) return;
  talk(platform);
  platform.callee().hang_up();
  wait_over(platform);
}

void star(Platform& platform) {
  if (!begin_talk(platform)) return;
  talk(platform);
  const auto pressed = platform.world.now();
  platform.caller().press('*');
  platform.wait([&] { return platform.callee().is_ended(); }, 10s, "the callee was not hung up after the star");
  // Where the callee's BYE is lost and sent again, the prompt may be over before it: that it is heard is what counts.
  hear_prompt(platform, pressed);
  wait_over(platform);
}

void caller_silent(Platform& platform) {
  if (!begin_talk(platform)) return;
  talk(platform);
  platform.caller().fall_silent();
  wait_over(platform, platform.plan.rtp_timeout + 6s);
  platform.expect(platform.caller().reason().contains("408"), "the BYE to the caller names no timeout");
}

void callee_silent(Platform& platform) {
  if (!begin_talk(platform)) return;
  talk(platform);
  platform.callee().fall_silent();
  const auto fell = platform.world.now();
  platform.wait([&] { return platform.callee().is_ended(); }, platform.plan.rtp_timeout + 6s,
                "the silent callee was not hung up");
  platform.expect(platform.callee().reason().contains("408"), "the BYE to the callee names no timeout");
  hear_prompt(platform, fell);
  wait_over(platform);
}

void refused(Platform& platform) {
  platform.call();
  platform.wait([&] { return platform.caller().is_ended(); }, 40s, "the caller got no final answer");
  platform.expect(platform.caller().status() >= 400, fmt::format("the call ended with {}", platform.caller().status()));
  platform.expect(!platform.caller().was_offered_media(), "media was opened for a call that needs none");
  platform.expect(platform.caller().heard().empty(), "the caller got RTP");
}

void callee_gone(Platform& platform) {
  if (!begin_talk(platform)) return;
  talk(platform);
  const auto gone = platform.world.now();
  platform.callee().hang_up();
  hear_prompt(platform, gone);
  wait_over(platform);
}

/// A callee who is heard while it rings, as from a carrier's announcement: before the answer, each packet once, and on
/// into the talk without a gap.
void early_media(Platform& platform) {
  Phone &caller = platform.caller(), &callee = platform.callee();
  platform.call();
  const auto hears = [&] { return caller.heard_of(callee.party()) >= 3; };
  if (!platform.wait(hears, 40s, "the caller did not hear the callee's ringing")) return;
  platform.expect(!callee.is_talking(), "the callee was heard only when it had answered");
  const auto begin = platform.world.now();
  if (!platform.wait([&] { return caller.is_talking() && callee.is_talking(); }, 40s, "the two did not come to talk"))
    return;
  const Flaws flaws = caller.flaws(callee.party(), begin, platform.world.now());
  platform.expect(flaws.lost == 0 && flaws.doubled == 0,
                  fmt::format("of the ringing {} packets were lost, {} came twice", flaws.lost, flaws.doubled));
  platform.expect(platform.events("answer").size() <= 2, "ringing was billed as an answer");
  talk(platform);
  callee.hang_up();
  wait_over(platform);
}

/// The router hears of the callee's end long before the caller's gateway does, which asks for the same a moment later.
void crossing(Platform& platform) {
  constexpr auto next_door = 10ms, far_edges = 300ms, offer_patience = 100ms;
  platform.world.paths().set_rtt("as", "us", next_door);
  platform.world.paths().set_rtt("eu", "as", far_edges);
  if (!begin_talk(platform)) return;
  talk(platform);
  platform.callee().hang_up();
  const size_t ends = platform.events("end").size();
  platform.wait([&] { return platform.events("end").size() > ends; }, 10s, "the callee's leg did not end");
  const auto gone = platform.world.now();
  const auto prompt_begins = [&] { return platform.caller().sounds_since(gone) > 0; };
  if (!platform.wait(prompt_begins, 10s, "the caller did not hear the prompt")) return;
  const auto took = std::chrono::duration<double, std::milli>(platform.world.now() - gone).count();
  // Metric M5, with the router's hearing of the end in place of the round trip's first half.
  constexpr double access_ms = 20.5, application_ms = 10, margin_ms = 30;
  const double way_ms = next_door / 2ms + offer_patience / 1ms + platform.rtt_ms / 2;
  const double owed = 1.05 * way_ms + application_ms + access_ms + margin_ms;
  platform.expect(took <= owed, fmt::format("the prompt began after {:.0f} ms, {:.0f} were owed", took, owed));
  platform.run(prompt_length);
  const uint32_t sounds = platform.caller().sounds_since(gone);
  platform.expect(sounds + 1 >= whole_prompt, fmt::format("{} packets of the prompt's 30 were heard", sounds));
  wait_over(platform);
}

void busy_then_say(Platform& platform) {
  platform.call();
  hear_prompt(platform, {}, 40s);
  wait_over(platform);
}

void caller_gives_up(Platform& platform) {
  platform.call();
  platform.wait([&] { return platform.callee().state() == Phone::State::ringing; }, 40s, "the callee did not ring");
  platform.run(std::chrono::milliseconds(platform.world.random() % 700));
  platform.caller().hang_up();
  wait_over(platform);
}

void set_up(Platform& platform) {
  if (!begin_talk(platform)) return;
  platform.run(200ms);
  platform.caller().hang_up();
  wait_over(platform);
}

void kill_remote(Platform& platform) {
  if (!begin_talk(platform)) return;
  talk(platform);
  const auto killed = platform.world.now();
  platform.kill_remote();
  talk(platform, 3s);
  for (Phone* phone : {&platform.caller(), &platform.callee()}) {
    const Flaws breaks = phone->breaks(killed - 200ms, platform.world.now());
    platform.expect(breaks.longest_gap <= 40ms, "a gap above 40 ms when the router died (I1)");
    platform.expect(breaks.lost + breaks.doubled == 0, "packets were lost when the router died (I1)");
  }
  talk(platform, 60s);
  const bool is_by_caller = platform.world.seed() % 2 == 0;
  (is_by_caller ? platform.caller() : platform.callee()).hang_up();
  wait_over(platform);
}

Flow make(std::string id, std::string title, std::string verbs, void (*run)(Platform&)) {
  Flow flow{.id = std::move(id), .title = std::move(title), .plan = {}, .run = run};
  flow.plan.documents["/start"] = response(verbs);
  return flow;
}

std::vector<Flow> make_flows() {
  std::vector<Flow> out;
  out.push_back(make("f1", "number to number in one region", dial(), talk_then_hang_up));
  out.push_back(make("f1ask", "the same with the router asked at the answer", dial(), talk_then_hang_up));
  out.back().plan.has_arming = false;
  out.push_back(make("f1x", "number to number across two edge regions", dial(), talk_then_hang_up));
  out.back().plan.is_callee_far = true;
  out.push_back(make("f2", "a call with a video line, relayed", dial(), with_video));
  out.back().plan.caller.has_video = out.back().plan.callee.has_video = true;
  out.push_back(make("f3", "dial, then a prompt from the router, three rounds",
                     dial() + prompt_document + dial() + prompt_document + dial() + prompt_document, three_rounds));
  out.back().plan.without_local_verbs();
  out.back().legs = 4;
  out.back().is_media_local = false;
  out.push_back(make("f3local", "dial, then a prompt in the region, three rounds",
                     dial() + prompt_document + dial() + prompt_document + dial() + prompt_document, three_rounds));
  out.back().legs = 4;
  out.push_back(make("f4", "a prompt, then dial", prompt_document + dial(), say_then_dial));
  out.push_back(make("f4remote", "a prompt from the router, then dial", prompt_document + dial(), say_then_dial));
  out.back().plan.without_local_verbs();
  out.back().is_media_local = false;
  for (const auto path : {gateway::StarPath::router, gateway::StarPath::peer_gateway}) {
    const bool is_by_router = path == gateway::StarPath::router;
    out.push_back(make(is_by_router ? "f5a" : "f5b",
                       is_by_router ? "star hangs the callee up by way of the router"
                                    : "star hangs the callee up by way of its gateway",
                       dial(" hangupOnStar=\"true\"") + prompt_document, star));
    out.back().plan.is_callee_far = true;
    out.back().plan.star = path;
  }
  out.push_back(make("f6a", "the caller falls silent: both are hung up", dial() + prompt_document, caller_silent));
  out.back().plan.rtp_timeout = 3s;
  out.push_back(
      make("f6b", "the callee falls silent: the caller's document goes on", dial() + prompt_document, callee_silent));
  out.back().plan.rtp_timeout = 3s;
  out.push_back(make("forward", "a number that only forwards, with no router", "", talk_then_hang_up));
  out.back().plan.forward_to = callee_number;
  out.back().plan.has_router = false;
  out.push_back(make("reject", "Reject opens no media", "<Reject/>", refused));
  out.back().legs = 1;
  out.push_back(make("redirect", "Redirect, then Reject: no media", "<Redirect>next</Redirect>", refused));
  out.back().plan.documents["/next"] = response("<Reject reason=\"busy\"/>");
  out.back().legs = 1;
  out.push_back(make("glare", "gateway and router both bring the media back", dial() + prompt_document, callee_gone));
  out.back().plan.without_local_verbs();
  out.back().plan.has_continuations = false;
  out.back().is_media_local = false;
  out.push_back(
      make("crossing", "both bring the media back, and their re-INVITEs cross", dial() + prompt_document, crossing));
  out.back().plan.without_local_verbs();
  out.back().plan.has_continuations = false;
  out.back().plan.is_callee_far = true;
  out.back().is_media_local = false;
  struct Early {
    std::string id, title;
    std::string_view attributes;
    bool is_far, is_remote;
  };
  for (const Early& one :
       {Early{"early", "the callee is heard before it answers, in one region", "", false, false},
        Early{"earlyx", "the same across two edge regions", "", true, false},
        Early{"earlyb", "the same to a caller whom only its answer answers", " answerOnBridge=\"true\"", true, false},
        Early{"earlyr", "the same by way of the router", "", false, true},
        Early{"earlyrb", "the same by way of the router to a caller not answered", " answerOnBridge=\"true\"", true,
              true}}) {
    out.push_back(make(one.id, one.title, dial(one.attributes), early_media));
    Plan& plan = out.back().plan;
    plan.callee.has_early_media = true;
    plan.callee.ring = 3s;
    plan.is_callee_far = one.is_far;
    if (one.is_remote) plan.features = {"hangup-on-star"};
    out.back().is_media_local = !one.is_remote;
  }
  out.push_back(make("busy", "the callee is busy: the document goes on", dial() + prompt_document, busy_then_say));
  out.back().plan.callee.refuses_with = 486;
  out.push_back(make("cancel", "the caller gives up while the callee rings or answers", dial(), caller_gives_up));
  out.push_back(make("setup", "a call is set up", dial(), set_up));
  out.push_back(make("kill", "router, policy and application die in the middle of a talk", dial(), kill_remote));
  return out;
}

size_t count_of(const char* name, size_t usual) {
  const char* text = std::getenv(name);
  return text == nullptr ? usual : std::strtoull(text, nullptr, 10);
}

/// The failures of one seed.
std::vector<std::string> run_seed(const Flow& flow, uint64_t seed, Tally& tally) {
  Platform platform(seed, flow.plan);
  if (platform.failures.empty()) flow.run(platform);
  if (flow.is_media_local) {
    const Counts counts = platform.world.paths().counts("eu", "us");
    platform.expect(counts.rtp_packets == 0,
                    fmt::format("{} RTP packets left for the router's region", counts.rtp_packets));
  }
  // A flow that went wrong leaves calls behind: what hangs on them is no finding of its own.
  if (platform.failures.empty()) platform.check_end(flow.legs);
  tally.faults += platform.faults_done();
  tally.virtual_s += std::chrono::duration<double>(platform.world.now().time_since_epoch()).count();
  return platform.failures;
}

}  // namespace

std::vector<Flow> all_flows() {
  return make_flows();
}

const Flow& flow(std::string_view id) {
  static const std::vector<Flow> flows = make_flows();
  return *std::ranges::find(flows, id, &Flow::id);
}

std::vector<uint64_t> seeds(size_t usual) {
  if (const size_t one = count_of("NEAREND_SIM_SEED", 0)) return {one};
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  usual = (usual + 9) / 10;
#endif
#endif
  std::vector<uint64_t> out(count_of("NEAREND_SIM_SEEDS", usual));
  for (size_t i = 0; i < out.size(); ++i) out[i] = i + 1;
  return out;
}

Tally run_flow(const Flow& flow, const std::vector<uint64_t>& seeds) {
  Tally tally{.seeds = seeds.size()};
  const auto begin = std::chrono::steady_clock::now();
  for (const uint64_t seed : seeds) {
    const auto failures = run_seed(flow, seed, tally);
    if (failures.empty()) continue;
    ++tally.failures;
    if (tally.first_failures.size() >= 5) continue;
    std::string text =
        fmt::format("flow {}, seed {} (replay: NEAREND_SIM_SEED={} with this test)", flow.id, seed, seed);
    for (const std::string& failure : failures) text += "\n    " + failure;
    tally.first_failures.push_back(std::move(text));
  }
  tally.real_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  fmt::print(
      "{:<9} {:>5} seeds, {} failed, {} SIP datagrams lost, doubled or held back, {:.0f} s in {:.1f} s, {:.0f}:1\n",
      flow.id, tally.seeds, tally.failures, tally.faults, tally.virtual_s, tally.real_s, tally.ratio());
  for (const std::string& failure : tally.first_failures) fmt::print("  {}\n", failure);
  std::fflush(stdout);
  return tally;
}

}  // namespace nearend::sim::test
