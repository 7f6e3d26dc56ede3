#pragma once

#include <list>
#include <optional>
#include <string>
#include <unordered_map>

#include "http/http.hpp"
#include "io/loop.hpp"
#include "media/clip.hpp"

namespace nearend::media {

/// What HTTP said about a thing kept (RFC 9111): until when it is fresh, and how to ask whether it still holds.
struct Freshness {
  bool may_store = true;
  std::optional<io::Instant> fresh_until;  ///< Nothing: ask each time.
  std::string etag;
  std::string last_modified;
};
/// Reads Cache-Control (no-store, no-cache, max-age, s-maxage is not ours), Age, ETag and Last-Modified.
Freshness read_freshness(const http::Headers& headers, io::Instant now);

/// Decoded sound by key, the least recently used leaves first. One thread.
class ClipCache {
 public:
  struct Entry {
    ClipPtr clip;
    Freshness freshness;
  };
  explicit ClipCache(uint64_t bytes_max) : bytes_max_(bytes_max) {}

  /// The entry, fresh or not; null when there is none. Valid until the next put.
  Entry* find(const std::string& key);
  void put(const std::string& key, ClipPtr clip, Freshness freshness);
  uint64_t bytes() const { return bytes_; }

 private:
  using Order = std::list<std::pair<std::string, Entry>>;
  static uint64_t size_of(const Entry& entry);
  void erase(Order::iterator at);

  uint64_t bytes_max_;
  uint64_t bytes_ = 0;
  Order order_;  // most recent first
  std::unordered_map<std::string, Order::iterator> by_key_;
};

}  // namespace nearend::media
