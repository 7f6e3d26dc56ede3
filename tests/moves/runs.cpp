#include "moves/runs.hpp"

#include <algorithm>
#include <cstdio>

namespace nearend::media::test {

Stage::Stage(const Plan& with) : plan(with), site(with.tier, with.seed), nodes(site) {}

Talk& Stage::add(Kind kind, uint32_t extra_ms) {
  const Conditions conditions{.extra = std::chrono::milliseconds(extra_ms),
                              .jitter = std::chrono::milliseconds(plan.jitter_ms),
                              .loss = plan.loss};
  talks_.push_back({make_talk(kind, site, nodes, conditions, static_cast<uint32_t>(talks_.size())),
                    fmt::format("{} {} +{} ms", to_string(plan.tier), to_string(kind), extra_ms)});
  return *talks_.back().talk;
}

void Stage::settle() {
  const auto all = std::chrono::milliseconds(plan.settle_ms);
  site.run_for(all / 4);
  begin_ = site.loop().now();
  site.run_for(all - all / 4);
}

void Stage::schedule(size_t talk) {
  const auto after = std::chrono::microseconds((plan.between_ms / 2 + site.random(plan.between_ms)) * 1000) - lead;
  const io::Instant due = site.loop().now() + after + lead;
  site.loop().start_timer(due - lead, [this, talk, due] {
    Talk& one = *talks_[talk].talk;
    const size_t number = one.marks.size();
    if (number >= plan.count) return;
    if (before_) before_(one, number);
    site.loop().start_timer(due, [this, talk, number] {
      Talk& moved = *talks_[talk].talk;
      moved.move();
      if (after_) after_(moved, number);
      schedule(talk);
    });
  });
}

void Stage::move_all(Beside before, Beside after) {
  before_ = std::move(before);
  after_ = std::move(after);
  for (size_t i = 0; i < talks_.size(); ++i) schedule(i);
  const auto is_done = [this] {
    return std::all_of(talks_.begin(), talks_.end(),
                       [&](const Played& one) { return one.talk->marks.size() >= plan.count; });
  };
  site.run_until(is_done, std::chrono::milliseconds(plan.between_ms) * 2 * (plan.count + 2));
  site.run_for(1s);
  end_ = site.loop().now();
  site.run_for(400ms);
}

Verdict Stage::judge(size_t talk) {
  Verdict verdict = test::judge(*talks_[talk].talk, begin_, end_);
  verdict.refused = site.refused;
  verdict.margin_ms = plan.margin_ms;
  return verdict;
}

int run(std::string_view what, const Plan& plan) {
  std::printf("%.*s: tier %s, seed %llu\n", static_cast<int>(what.size()), what.data(),
              std::string(to_string(plan.tier)).c_str(), static_cast<unsigned long long>(plan.seed));
  std::fflush(stdout);
  if (what == "moves") return run_moves(plan);
  if (what == "features") return run_features(plan);
  if (what == "privacy") return run_privacy(plan);
  if (what == "digits") return run_digits(plan);
  if (what == "attacks") return run_attacks(plan);
  if (what == "calls") return run_calls(plan);
  Site::fatal("no such run");
}

int tell(const std::string& what, const std::string& fault) {
  std::printf("%s %s%s%s\n", fault.empty() ? "ok  " : "FAIL", what.c_str(), fault.empty() ? "" : "; ", fault.c_str());
  std::fflush(stdout);
  return fault.empty() ? 0 : 1;
}

int run_moves(const Plan& plan) {
  Stage stage(plan);
  for (Kind kind : plan.kinds) {
    // Only alike telephones can talk to each other past us, and what does not leave us has one way only.
    if (kind == Kind::local_direct && is_processing(plan.tier)) continue;
    const bool has_ways = kind != Kind::local_direct && kind != Kind::local_split;
    for (uint32_t extra : has_ways ? plan.extra_ms : std::vector<uint32_t>{0}) stage.add(kind, extra);
  }
  stage.settle();
  stage.move_all();
  int worst = 0;
  for (size_t i = 0; i < stage.size(); ++i) {
    const Verdict verdict = stage.judge(i);
    worst = std::max(worst, tell(verdict.line(stage.name(i)), verdict.fault()));
  }
  return worst;
}

}  // namespace nearend::media::test
