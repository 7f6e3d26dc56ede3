#include "media/clip_cache.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "media/film.hpp"

namespace nearend::media {

Freshness read_freshness(const http::Headers& headers, io::Instant now) {
  Freshness freshness;
  freshness.etag = http::find_header(headers, "ETag");
  freshness.last_modified = http::find_header(headers, "Last-Modified");
  uint64_t age = parse_unsigned(trim(http::find_header(headers, "Age"))).value_or(0);
  bool must_ask = false;
  for (std::string_view directive : split(http::find_header(headers, "Cache-Control"), ',')) {
    if (equal_ignoring_case(directive, "no-store")) freshness.may_store = false;
    if (equal_ignoring_case(directive, "no-cache")) must_ask = true;
    const size_t equals = directive.find('=');
    if (equals == std::string_view::npos || !equal_ignoring_case(trim(directive.substr(0, equals)), "max-age"))
      continue;
    const auto seconds = parse_unsigned(trim(directive.substr(equals + 1)));
    if (!seconds) continue;
    const uint64_t left =
        std::min<uint64_t>(*seconds, 365 * 86400) - std::min(age, std::min<uint64_t>(*seconds, 365 * 86400));
    freshness.fresh_until = now + std::chrono::seconds(left);
  }
  if (must_ask) freshness.fresh_until.reset();
  return freshness;
}

uint64_t ClipCache::size_of(const Entry& entry) {
  const Film* film = entry.clip->film.get();
  return entry.clip->samples.size() * 2 + 512 +
         (film ? film->bytes.size() + film->frames.size() * sizeof(Film::Frame) : 0);
}

ClipCache::Entry* ClipCache::find(const std::string& key) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return nullptr;
  order_.splice(order_.begin(), order_, found->second);
  return &found->second->second;
}

void ClipCache::erase(Order::iterator at) {
  bytes_ -= size_of(at->second);
  by_key_.erase(at->first);
  order_.erase(at);
}

void ClipCache::put(const std::string& key, ClipPtr clip, Freshness freshness) {
  if (const auto found = by_key_.find(key); found != by_key_.end()) erase(found->second);
  order_.emplace_front(key, Entry{std::move(clip), std::move(freshness)});
  by_key_[key] = order_.begin();
  bytes_ += size_of(order_.front().second);
  while (bytes_ > bytes_max_ && !order_.empty()) erase(std::prev(order_.end()));
}

}  // namespace nearend::media
