#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "io/loop.hpp"

namespace nearend::io {

/// Timers by due time, equal ones in the order they were started: an indexed heap of four children a node, so that
/// starting and cancelling cost O(log n) and a cancelled timer leaves nothing behind. Shared by AsioLoop and the
/// simulator. Not thread-safe. Callbacks may add and remove timers, and so may their destructors.
class TimerQueue {
 public:
  struct Due {
    Callback run;
    uint32_t owner = 0;
  };

  TimerQueue() = default;
  TimerQueue(const TimerQueue&) = delete;
  ~TimerQueue() { clear(); }

  /// `owner` is the caller's mark, handed back with the callback.
  TimerId add(Instant when, Callback run, uint32_t owner = 0);
  /// Forgets a timer; ids of timers that have fired, were removed or never were are ignored.
  void remove(TimerId id);
  /// Forgets every timer of that owner.
  void remove_owner(uint32_t owner);
  void clear();
  std::optional<Instant> next_due() const;
  /// Takes out the earliest timer that is due at `now`.
  std::optional<Due> take_due(Instant now);
  size_t size() const { return heap_.size(); }

 private:
  struct Entry {
    Instant when;
    uint64_t order;
    uint32_t slot;
    bool operator<(const Entry& other) const { return when != other.when ? when < other.when : order < other.order; }
  };
  struct Slot {
    Callback run;
    uint32_t generation = 1;
    uint32_t place = 0;
    uint32_t owner = 0;
  };

  void put(size_t place, const Entry& entry);
  void rise(size_t place, Entry entry);
  void sink(size_t place, Entry entry);
  Callback take_out(size_t place);

  std::vector<Entry> heap_;
  std::vector<Slot> slots_;
  std::vector<uint32_t> free_;
  uint64_t next_order_ = 0;
};

}  // namespace nearend::io
