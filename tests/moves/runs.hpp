#pragma once

#include <functional>

#include "moves/verdict.hpp"

namespace nearend::media::test {

/// What is to be tried.
struct Plan {
  Tier tier = Tier::simulated;
  uint64_t seed = 1;
  uint32_t count = 200;  ///< Moves a talk, changes of features, digits.
  uint32_t calls = 20'000;
  uint32_t between_ms = 1000;  ///< From one move to the next, half to one and a half of it.
  double loss = 0.01;
  uint32_t jitter_ms = 20;
  uint32_t settle_ms = 4000;  ///< Before the first move: without one, to compare with.
  double margin_ms = 0;       ///< Granted for gaps, and as frames for losses: a busy machine is no measure.
  std::vector<uint32_t> extra_ms;
  std::vector<Kind> kinds;
};

/// 0: the bounds hold; 1: one does not; 77: not possible here.
int run(std::string_view what, const Plan& plan);
int run_moves(const Plan& plan);
/// A recorder that comes and goes in a talk: the flow leaves the kernel and returns.
int run_features(const Plan& plan);
/// A leg that is taken from one party to another: what it says reaches the left one no more.
int run_privacy(const Plan& plan);
/// Keys pressed around each move.
int run_digits(const Plan& plan);
/// Strangers who want to hear, to be heard, or to disturb.
int run_attacks(const Plan& plan);
/// Calls that come and go, with moves and faults; afterwards nothing may be left.
int run_calls(const Plan& plan);
/// Prints how a run ended.
int tell(const std::string& what, const std::string& fault);

/// Talks side by side, each moved at times of its own.
class Stage {
 public:
  Stage(const Plan& plan);
  Talk& add(Kind kind, uint32_t extra_ms);
  void settle();
  using Beside = std::function<void(Talk&, size_t number)>;
  /// How long before a move `before` runs.
  static constexpr std::chrono::milliseconds lead{150};
  /// Moves every talk `count` times.
  void move_all(Beside before = {}, Beside after = {});
  Verdict judge(size_t talk);
  size_t size() const { return talks_.size(); }

  Plan plan;
  Site site;
  Nodes nodes;

 private:
  void schedule(size_t talk);
  struct Played {
    std::unique_ptr<Talk> talk;
    std::string name;
  };
  std::vector<Played> talks_;
  Beside before_, after_;
  io::Instant begin_{}, end_{};

 public:
  Talk& talk(size_t i) { return *talks_[i].talk; }
  const std::string& name(size_t i) const { return talks_[i].name; }
};

}  // namespace nearend::media::test
