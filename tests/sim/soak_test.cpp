#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "sim/flows.hpp"

namespace nearend::sim::test {
namespace {

// Each round moves the caller's media twice: to the callee in its region, and back to the router's prompt.
Plan two_moves_a_round() {
  Plan plan;
  plan.documents["/start"] = fmt::format(
      "<Response><Dial timeout=\"20\"><Number>{}</Number></Dial><Play>prompt.wav</Play>"
      "<Redirect>start</Redirect></Response>",
      callee_number);
  plan.without_local_verbs();
  plan.callee.ring = 100ms;
  plan.steps_max = 100'000;
  return plan;
}

/// Packets lost and doubled towards the caller by each move, beyond what the paths' difference explains: the stream's
/// own numbers have no such excuse, so they are what counts.
struct Harm {
  std::vector<uint32_t> by_move;
  uint32_t at(double share) {
    if (by_move.empty()) return UINT32_MAX;
    std::ranges::sort(by_move);
    return by_move[std::min(by_move.size() - 1, static_cast<size_t>(share * static_cast<double>(by_move.size())))];
  }
};

uint32_t harm_between(const Phone& phone, io::Instant from, io::Instant to) {
  const Flaws breaks = phone.breaks(from, to);
  return breaks.lost + breaks.doubled;
}

/// One round; false when it failed.
bool run_round(Platform& platform, Harm& harm) {
  Phone &caller = platform.caller(), &callee = platform.callee();
  const bool is_reached =
      platform.wait([&] { return caller.is_talking() && callee.is_talking(); }, 40s, "the callee was not reached");
  if (!is_reached) return false;
  const auto joined = platform.world.now();
  platform.wait([&] { return caller.heard_of(callee.party(), joined) >= 15; }, 10s,
                "the caller did not hear the callee");
  platform.run(300ms);
  const auto gone = platform.world.now();
  const Flaws talk = caller.flaws(callee.party(), joined, gone);
  harm.by_move.push_back(harm_between(caller, joined - 300ms, gone) + talk.lost + talk.doubled);
  callee.hang_up();
  const bool is_heard =
      platform.wait([&] { return caller.sounds_since(gone) >= 15; }, 10s, "the caller did not hear the prompt");
  if (!is_heard) return false;
  harm.by_move.push_back(harm_between(caller, gone, platform.world.now()));
  platform.expect(platform.near().node.anchors() <= 2, "the edge's anchors grow");
  platform.expect(platform.core().node.anchors() <= 2, "the router's anchors grow");
  caller.forget();
  return platform.failures.empty();
}

TEST_CASE("soak: a call whose media moves 1000 times loses nothing" * doctest::test_suite("soak")) {
  const size_t rounds = 5 * seeds(100).size();
  const auto begin = std::chrono::steady_clock::now();
  Platform platform(1, two_moves_a_round());
  platform.call();
  Harm harm;
  size_t done = 0;
  while (done < rounds && run_round(platform, harm)) ++done;
  if (platform.failures.empty()) {
    platform.caller().hang_up();
    platform.check_end(rounds + 1);
  }
  const double real = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  const double virtual_s = std::chrono::duration<double>(platform.world.now().time_since_epoch()).count();
  fmt::print(
      "soak: {} moves on one call, lost or doubled per move p50 {}, p99 {}, most {}, {:.0f} s in {:.1f} s, {:.0f}:1\n",
      harm.by_move.size(), harm.at(0.5), harm.at(0.99), harm.at(1.0), virtual_s, real, virtual_s / real);
  for (const std::string& failure : platform.failures) FAIL_CHECK(failure);
  CHECK(done == rounds);
  CHECK(harm.at(0.5) == 0);
  CHECK(harm.at(0.99) <= 2);
}

}  // namespace
}  // namespace nearend::sim::test
