#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "router/node_anchor.hpp"

namespace nearend::router {

/// Media nodes by which talks between other regions may go, one a region. Loop's thread only.
class Relays {
 public:
  /// The router's own node serves its own region. `own` outlives this.
  Relays(std::string region, MediaDesk& own) { desks_.emplace(std::move(region), &own); }

  void add(const std::string& region, io::Loop& loop, media::Control& control) {
    if (desks_.contains(region)) return;
    others_.push_back(std::make_unique<MediaDesk>(loop, control));
    desks_.emplace(region, others_.back().get());
  }
  /// Null where there is none.
  MediaDesk* find(std::string_view region) const {
    const auto found = desks_.find(region);
    return found == desks_.end() ? nullptr : found->second;
  }
  /// There is the router's own region's only.
  bool is_alone() const { return others_.empty(); }
  size_t anchors() const {
    size_t count = 0;
    for (const auto& desk : others_) count += desk->anchors();
    return count;
  }

 private:
  std::map<std::string, MediaDesk*, std::less<>> desks_;
  std::vector<std::unique_ptr<MediaDesk>> others_;
};

}  // namespace nearend::router
