#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/result.hpp"
#include "gateway/journal.hpp"

namespace nearend::gateway {

/// The journal in a file: one line a record, appended by a thread of its own that groups what several calls want
/// durable into one fdatasync: the first of a while at once, others a few milliseconds later together. What a crash
/// left torn at the end is cut off at the start (fault FT39). Beside it, `<path>.shipped` keeps how far the shipping
/// has come. A full disk costs no call: lines wait in memory, up to a limit, and are tried again (FT10).
class FileJournal final : public Journal {
 public:
  /// Opens or makes the file; an empty path keeps the lines in memory, gone with the process. Errors name the path; a
  /// damaged file is no error.
  static Result<std::unique_ptr<FileJournal>> open(io::Loop& loop, std::string path);
  /// Writes what waits, then stops the thread. Callbacks that have not run are forgotten.
  ~FileJournal() override;
  FileJournal(const FileJournal&) = delete;

  void append(Record record, io::Callback on_durable = {}) override;

  /// Records from `offset` on that are durable, at most `records_max`, and the offset after them. Loop's thread.
  struct Batch {
    std::vector<WrittenLine> records;
    uint64_t next = 0;
  };
  Result<Batch> read(uint64_t offset, size_t records_max) const;
  uint64_t shipped() const { return shipped_; }
  /// Everything before `offset` has arrived; an emptied journal of some size is begun anew.
  void set_shipped(uint64_t offset);
  bool has_unshipped() const;
  /// Bytes cut off when it was opened.
  uint64_t cut() const { return cut_; }

 private:
  struct Waiting {
    std::string lines;
    std::vector<io::Callback> on_durable;
  };
  struct Alive {};

  FileJournal(io::Loop& loop, std::string path, int descriptor, uint64_t size, uint64_t cut);
  void run();
  void wait_for_work(std::unique_lock<std::mutex>& lock);
  bool write_out(std::string_view lines);
  void restart_if_shipped();
  Result<void> write_cursor(uint64_t offset) const;

  io::Loop& loop_;
  std::string path_;
  int descriptor_;
  uint64_t cut_;
  uint64_t shipped_ = 0;                                      // loop's thread
  std::shared_ptr<Alive> alive_ = std::make_shared<Alive>();  // posted callbacks look whether we are still there

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  Waiting waiting_;
  uint64_t durable_;
  int64_t legs_open_ = 0;  // begun and not ended since we were opened
  bool is_stopping_ = false;
  bool is_restart_wanted_ = false;
  enum class Rest : uint8_t { none, until_urgent, until_any };
  Rest rest_ = Rest::none;                              // what the thread wants to be woken for
  std::chrono::steady_clock::time_point written_at_{};  // the thread's own
  std::thread thread_;
};

}  // namespace nearend::gateway
