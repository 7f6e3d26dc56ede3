#pragma once

#include <chrono>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "gateway/recording_outbox.hpp"
#include "http/http.hpp"
#include "io/async.hpp"
#include "media/control.hpp"

namespace nearend::gateway {

/// Brings what the region's media node has recorded to the router whose REST API is to show it: piece by piece, from
/// where the router says it has come to, again and again until it is there. The node's own file is removed a while
/// after that, when the router's is on disk. Gateway's loop only.
class RecordingShipper {
 public:
  struct Settings {
    std::string key;                         ///< Shared key of Platform-Signature.
    std::vector<std::string> fallback_urls;  ///< Event intakes; the first is for calls that name none.
    std::string directory;                   ///< Of the outbox; empty: in memory.
    std::chrono::milliseconds interval{250};
    std::chrono::milliseconds pause_max{10'000};  ///< Longest wait after failures; doubles from the interval.
    std::chrono::seconds kept_for{120};           ///< The node's file, after it has arrived.
  };
  RecordingShipper(io::Loop& loop, http::Client& client, media::Control& media, Settings settings);

  void start() { scope_.spawn(run()); }
  /// A recording of a call of this router has begun, or ended.
  void began(const std::string& sid, std::string events_url);
  void ended(const std::string& sid);
  bool is_idle() const;
  /// The last attempt came to nothing; the outbox keeps what is left for another day.
  bool is_failing() const { return is_failing_; }

 private:
  struct Taken {
    uint64_t have = 0;
    bool is_complete = false, was_there = false;
  };
  Task<void> run();
  Task<bool> ship(std::string sid);
  Task<Result<Taken>> put(std::string url, std::string bytes);
  Task<void> remove_arrived();
  std::string intake_of(const RecordingOutbox::Entry& entry, const std::string& sid) const;

  io::Loop& loop_;
  http::Client& client_;
  media::Control& media_;
  Settings settings_;
  RecordingOutbox outbox_;
  std::map<std::string, io::Instant> arrived_;
  std::set<std::string> begun_;  ///< Of which the router has taken a piece.
  bool is_failing_ = false;
  io::Scope scope_;
};

}  // namespace nearend::gateway
