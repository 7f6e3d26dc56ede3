#pragma once

#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "http/http.hpp"

namespace nearend::http {

/// Answers to GET that said how they can be asked for again: with ETag or Last-Modified. They are always asked for
/// again, and used when the server says 304. The least used leave first. One thread.
class DocumentCache {
 public:
  static constexpr size_t bytes_max = 16 * 1024 * 1024;
  static constexpr size_t document_max = 1024 * 1024;

  struct Document {
    std::string etag, last_modified;
    Response response;
  };

  /// What is there for the key, or nullptr; valid until the next put().
  const Document* find(const std::string& key);
  /// Keeps a 200 that may be kept; forgets what was there otherwise.
  void put(const std::string& key, const Response& response);
  size_t bytes() const { return bytes_; }

 private:
  struct Entry {
    std::string key;
    Document document;
    size_t size = 0;
  };
  void erase(const std::string& key);

  std::list<Entry> entries_;  ///< The last used first.
  std::unordered_map<std::string, std::list<Entry>::iterator> by_key_;
  size_t bytes_ = 0;
};

}  // namespace nearend::http
