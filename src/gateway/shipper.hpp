#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "gateway/file_journal.hpp"
#include "http/http.hpp"
#include "io/async.hpp"

namespace nearend::gateway {

/// Sends the journal's records to the routers' event intakes, in order, at least once: a batch is done when every
/// destination has said 2xx; ids make repeats harmless (invariants I4, I5). Goes on after a restart where it stopped.
/// Gateway's loop only.
class Shipper {
 public:
  struct Settings {
    std::string key;                         ///< Shared key of Platform-Signature.
    std::vector<std::string> fallback_urls;  ///< Tried when a record's own destination is unknown or does not answer.
    size_t batch_max = 200;
    std::chrono::milliseconds interval{250};      ///< How often it looks for new records.
    std::chrono::milliseconds pause_max{10'000};  ///< Longest wait after failures; doubles from the interval.
  };
  Shipper(io::Loop& loop, http::Client& client, FileJournal& journal, Settings settings)
      : loop_(loop), client_(client), journal_(journal), settings_(std::move(settings)), scope_(loop) {}

  void start() { scope_.spawn(run()); }
  bool is_idle() const { return !journal_.has_unshipped(); }
  /// The last attempt came to nothing; the journal keeps what is left for another day.
  bool is_failing() const { return is_failing_; }

 private:
  Task<void> run();
  Task<bool> ship(std::vector<WrittenLine> records);
  Task<bool> post(std::string url, std::string body);
  std::vector<std::string> destinations(const std::string& wanted) const;

  io::Loop& loop_;
  http::Client& client_;
  FileJournal& journal_;
  Settings settings_;
  bool is_failing_ = false;
  io::Scope scope_;
};

}  // namespace nearend::gateway
