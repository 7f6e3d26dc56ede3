#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "io/loop.hpp"
#include "store/store.hpp"

namespace nearend::gateway {

/// A recording that this gateway's media node makes for a router.
struct RecordingNotice {
  std::string sid;
  std::string events_url;  ///< Of the router; said at the beginning.
  bool is_ended = false;
};
using RecordingHandler = std::function<void(const RecordingNotice&)>;

/// One line of the journal: a billing event and where it is to be shipped.
struct Record {
  store::CallEvent event;
  std::string ship_to;  ///< URL of a router's event intake; empty: whoever is known when it is shipped.
};

/// Adds a member to the text of a JSON object that began with '{' and is not closed yet.
void append_member(std::string& object, std::string_view name, std::string_view value);
/// The same for what JSON writes without quotes: a number, true, false.
void append_bare_member(std::string& object, std::string_view name, std::string_view value);

/// The record as one line without the line end: checksum, blank, JSON.
std::string to_line(const Record& record);
/// Errors: malformed (torn, or the checksum is wrong), invalid (whole, but not a record).
Result<Record> parse_line(std::string_view line);
/// A line of our own journal as far as shipping it needs: nothing is parsed but the ends.
struct WrittenLine {
  std::string json;  ///< The event as an object; the ship_to member in it does no harm.
  std::string id, kind, ship_to;
};
/// Nothing when the line does not begin and end as to_line() writes it.
std::optional<WrittenLine> read_written_line(std::string_view line);
/// The lines as the JSON array that is posted to a router.
std::string to_json_array(const std::vector<WrittenLine>& lines);

/// Where call events are written before anything that depends on them happens (invariants I4 to I6): append-only,
/// shipped later at least once. Gateway's loop only.
class Journal {
 public:
  virtual ~Journal() = default;
  /// Appends; `on_durable` runs on the loop once the record would outlive the process. Records become durable in order.
  virtual void append(Record record, io::Callback on_durable = {}) = 0;
};

/// Keeps records in memory: for tests and the simulator, and for gateways without a journal file.
class MemoryJournal final : public Journal {
 public:
  explicit MemoryJournal(io::Loop& loop, size_t limit = 1'000'000) : loop_(loop), limit_(limit) {}
  void append(Record record, io::Callback on_durable = {}) override {
    if (records_.size() < limit_) records_.push_back(std::move(record));
    if (on_durable) loop_.post(std::move(on_durable));
  }
  const std::vector<Record>& records() const { return records_; }

 private:
  io::Loop& loop_;
  size_t limit_;
  std::vector<Record> records_;
};

}  // namespace nearend::gateway
