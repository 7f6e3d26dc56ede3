#include "http/document_cache.hpp"

#include "base/text.hpp"

namespace nearend::http {
namespace {

bool may_be_kept(const Response& response) {
  if (response.status != 200 || response.body.size() > DocumentCache::document_max) return false;
  for (std::string_view rule : split(find_header(response.headers, "Cache-Control"), ','))
    if (equal_ignoring_case(rule, "no-store")) return false;
  return !find_header(response.headers, "ETag").empty() || !find_header(response.headers, "Last-Modified").empty();
}

}  // namespace

const DocumentCache::Document* DocumentCache::find(const std::string& key) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return &found->second->document;
}

void DocumentCache::erase(const std::string& key) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return;
  bytes_ -= found->second->size;
  entries_.erase(found->second);
  by_key_.erase(found);
}

void DocumentCache::put(const std::string& key, const Response& response) {
  erase(key);
  if (!may_be_kept(response)) return;
  Entry entry{.key = key,
              .document = {.etag = std::string(find_header(response.headers, "ETag")),
                           .last_modified = std::string(find_header(response.headers, "Last-Modified")),
                           .response = response}};
  entry.size = key.size() + response.body.size();
  for (const auto& [name, value] : response.headers) entry.size += name.size() + value.size();
  bytes_ += entry.size;
  entries_.push_front(std::move(entry));
  by_key_[key] = entries_.begin();
  while (bytes_ > bytes_max) {
    const std::string last = entries_.back().key;
    erase(last);
  }
}

}  // namespace nearend::http
