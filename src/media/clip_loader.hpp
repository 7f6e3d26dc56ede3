#pragma once

#include <map>
#include <memory>

#include "io/async.hpp"
#include "media/clip_cache.hpp"
#include "media/node.hpp"
#include "media/source_loader.hpp"
#include "media/worker.hpp"

namespace nearend::media {

/// Fetches, speaks, decodes and keeps sound. URLs by HTTP with the caching rules of RFC 9111, texts by hash of text,
/// voice and language, in memory and, where a cache directory is set, on disk. The same thing asked for twice at once
/// is made once. Control's loop; decoding and speech on the worker, whose completions must run on that loop.
class ClipLoader final : public SourceLoader {
 public:
  static constexpr size_t body_max = size_t{20} << 20;
  static constexpr size_t loads_max = 256;  ///< At a time; above it loading answers unavailable.
  static constexpr int redirects_max = 5;

  /// `client` may be null: then URLs are unsupported. Both outlive this.
  ClipLoader(io::Loop& loop, http::Client* client, Worker& worker, NodeSettings settings);

  ClipPtr cached(const Source& source) override;
  Task<Result<ClipPtr>> load(Source source) override;

 private:
  using Making = std::move_only_function<Result<Clip>()>;
  using Waiting = std::vector<io::Reply<Result<ClipPtr>>>;

  static std::string key_of(const Source& source);
  Task<Result<ClipPtr>> make(Source source, std::string key);
  Task<Result<ClipPtr>> fetch(std::string url, std::string key);
  Task<Result<http::Response>> request(std::string url, http::Headers headers);
  Task<Result<ClipPtr>> on_worker(Making work);
  std::string file_of(const Source& source) const;

  io::Loop& loop_;
  http::Client* client_;
  Worker& worker_;
  NodeSettings settings_;
  ClipCache cache_;
  std::map<std::string, Waiting> under_way_;
  uint64_t lane_ = 0;
};

}  // namespace nearend::media
