#pragma once

#include <map>
#include <optional>
#include <string>

namespace nearend::gateway {

/// Recordings of the region's media node that a router is owed, each with where it is to go: a file an entry, so that
/// a gateway that was away knows them when it is back. Without a directory it remembers as long as it lives. Gateway's
/// loop only.
class RecordingOutbox {
 public:
  enum class State : uint8_t {
    recording,  ///< Still being written.
    ended,      ///< To be sent.
    arrived     ///< The router has it.
  };
  struct Entry {
    std::string events_url;  ///< Of the router that has the call.
    State state = State::recording;
  };

  /// Reads what an earlier run has left; what it was still recording has ended with it.
  explicit RecordingOutbox(std::string directory);

  void put(const std::string& sid, Entry entry);
  void erase(const std::string& sid);
  const Entry* find(const std::string& sid) const;
  /// By SID, which is the order of their making.
  const std::map<std::string, Entry>& entries() const { return entries_; }

 private:
  void write(const std::string& sid, const Entry& entry) const;

  std::string directory_;
  std::map<std::string, Entry> entries_;
};

}  // namespace nearend::gateway
