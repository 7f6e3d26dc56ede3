#pragma once

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "io/loop.hpp"

namespace nearend::media {

/// Things that are given out in random order, and rest when they come back, so that late packets of an old call do not
/// enter a new one (fault FT19). One thread.
template <class T>
class RestingPool {
 public:
  /// Rest of what was given back: between 2 and 4 s.
  static constexpr std::chrono::milliseconds rest_min{2000};
  static constexpr std::chrono::milliseconds rest_more{2000};

  void add(T one) { free_.push_back(std::move(one)); }

  std::optional<T> take(uint64_t random, io::Instant now) {
    wake(now);
    if (free_.empty()) return std::nullopt;
    std::swap(free_[random % free_.size()], free_.back());
    T one = std::move(free_.back());
    free_.pop_back();
    return one;
  }

  void give_back(T one, uint64_t random, io::Instant now) {
    resting_.push_back({std::move(one), now + rest_min + rest_more * static_cast<int>(random % 1000) / 1000});
    std::ranges::push_heap(resting_, std::ranges::greater(), &Resting::until);
  }

  size_t free_count(io::Instant now) {
    wake(now);
    return free_.size();
  }
  /// Free and resting ones.
  size_t count() const { return free_.size() + resting_.size(); }

 private:
  struct Resting {
    T one;
    io::Instant until;
  };
  void wake(io::Instant now) {
    while (!resting_.empty() && resting_.front().until <= now) {
      std::ranges::pop_heap(resting_, std::ranges::greater(), &Resting::until);
      free_.push_back(std::move(resting_.back().one));
      resting_.pop_back();
    }
  }

  std::vector<T> free_;
  std::vector<Resting> resting_;  // a heap: the first to wake is at its top
};

}  // namespace nearend::media
