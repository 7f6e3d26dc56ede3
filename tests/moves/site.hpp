#pragma once

#include <fmt/format.h>

#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>

#include "io/asio_world.hpp"
#include "media/local_control.hpp"
#include "unit/flow/private_network.hpp"
#include "unit/media/virtual_world.hpp"

namespace nearend::media::test {

/// What relays in a run. `simulated` is the engine on a virtual clock and network, the others are real sockets;
/// `processing`, and `simulated_processing`, add what only user space can do: SRTP on one leg, another law on the
/// other.
enum class Tier : uint8_t { simulated, simulated_processing, sockets, range, kernel, processing };
std::string_view to_string(Tier tier);
std::optional<Tier> parse_tier(std::string_view name);
inline bool is_simulated(Tier tier) {
  return tier == Tier::simulated || tier == Tier::simulated_processing;
}
inline bool is_processing(Tier tier) {
  return tier == Tier::simulated_processing || tier == Tier::processing;
}

/// Loop, network and chance of one run.
class Site {
 public:
  /// Real ones live in a network of their own where that is allowed.
  Site(Tier tier, uint64_t seed);
  ~Site();
  io::Loop& loop() { return *loop_; }
  io::Net& net() { return *net_; }
  Tier tier() const { return tier_; }
  void run_for(io::Duration length);
  template <class Done>
  bool run_until(Done is_done, io::Duration limit) {
    const io::Instant end = loop_->now() + limit;
    while (!is_done() && loop_->now() < end) run_for(5ms);
    return is_done();
  }
  uint32_t random(uint32_t below) { return static_cast<uint32_t>(dice_() % below); }
  double chance() { return std::uniform_real_distribution<>(0, 1)(dice_); }

  /// What a command answers; fails the run when it does not.
  template <class T>
  T wait(Task<T> task) {
    std::optional<T> out;
    io::Scope scope(*loop_);
    scope.spawn(keep(std::move(task), out));
    if (!run_until([&] { return out.has_value(); }, 5s)) fatal("a command was not answered");
    return std::move(*out);
  }
  /// A command whose answer comes later; a refused one is counted.
  template <class T>
  void order(Task<Result<T>> task) {
    orders_.spawn(note(std::move(task), *this));
  }
  uint32_t refused = 0;
  [[noreturn]] static void fatal(std::string_view what);
  [[noreturn]] static void skip(std::string_view why);

 private:
  template <class T>
  static Task<void> keep(Task<T> task, std::optional<T>& out) {
    auto value = co_await task;
    out.emplace(std::move(value));
  }
  template <class T>
  static Task<void> note(Task<Result<T>> task, Site& site) {
    auto outcome = co_await task;
    if (!outcome) ++site.refused;
  }

  Tier tier_;
  std::mt19937_64 dice_;
  std::unique_ptr<flow::test::PrivateNetwork> network_;
  std::unique_ptr<VirtualLoop> virtual_loop_;
  std::unique_ptr<VirtualNet> virtual_net_;
  std::unique_ptr<io::AsioWorld> real_;
  io::Loop* loop_ = nullptr;
  io::Net* net_ = nullptr;
  io::Scope orders_;
  static io::Loop& make(Site& site);
};

/// A media node of the site.
class MediaNode {
 public:
  MediaNode(Site& site, uint16_t port_first, uint16_t ports = 2000);
  Control& control() { return *control_; }
  AnchorInfo allocate(AllocateRequest request);
  size_t steered_count() const { return real_ ? real_->local().steered_count() : 0; }
  size_t kept_count() const { return real_ ? real_->local().kept_count() : 0; }
  bool is_in_kernel(uint16_t port) const { return real_ && real_->local().is_in_kernel(port); }
  /// All that was told, by anchor.
  std::map<AnchorId, std::vector<Event>> events;
  template <class T>
  std::vector<T> told(AnchorId anchor) const {
    std::vector<T> found;
    const auto of = events.find(anchor);
    if (of == events.end()) return found;
    for (const Event& event : of->second)
      if (const T* one = std::get_if<T>(&event)) found.push_back(*one);
    return found;
  }

 private:
  Site& site_;
  NodeSettings settings_;
  std::unique_ptr<LocalNode> real_;
  std::unique_ptr<LoopWorker> worker_;
  std::unique_ptr<ClipLoader> loader_;
  std::unique_ptr<LoopControl> simulated_;
  Control* control_ = nullptr;
};

}  // namespace nearend::media::test
