#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "base/json.hpp"
#include "call/hooks.hpp"
#include "call/planner.hpp"
#include "io/async.hpp"
#include "store/store.hpp"

namespace nearend::router {

/// What the store keeps of one call: its row, a row for each leg it dialled, its events and its recordings. Nothing
/// here waits: rows are written in the router's scope of writes and outlive the call; one that cannot be written is
/// logged. Loop's thread only.
class CallRecord {
 public:
  /// `row` has the call's facts; `leg` is the caller's, which the events are about.
  CallRecord(io::Loop& loop, store::Store& store, io::Scope& writes, store::Call row, std::string leg);

  /// The first call of each counts; times are this loop's wall clock.
  void answered();
  void ended();
  /// Why it ended, and how long it lasted by the gateway's clock where the gateway said so.
  void set_end(std::string reason, std::optional<call::milliseconds> duration);
  bool is_answered() const { return row_.started_ms != 0; }
  bool is_ended() const { return row_.ended_ms != 0; }
  /// From answer to end; 0 before the end and for a call that was not answered.
  std::chrono::seconds duration() const;

  /// Writes the row as it stands, under this CallStatus.
  void write(std::string status);
  /// Writes the row of a dialled leg: `progress` is what its status callback is told.
  void write_leg(const call::LegProgress& progress);
  void write_recording(store::Recording recording);
  void note(std::string kind, json::object detail);
  /// A decision of the planner, which is counted too.
  void note_plan(const call::Step& step, const call::Decision& decision);

 private:
  template <class T>
  void keep(Task<Result<T>> write, std::string_view what);

  io::Loop& loop_;
  store::Store& store_;
  io::Scope& writes_;
  store::Call row_;
  std::string leg_;
  std::optional<call::milliseconds> duration_;
  std::unordered_map<std::string, store::Call> legs_;  // by call SID, until completed
};

}  // namespace nearend::router
