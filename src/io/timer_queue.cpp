#include "io/timer_queue.hpp"

#include <algorithm>

namespace nearend::io {

TimerId TimerQueue::add(Instant when, Callback run, uint32_t owner) {
  if (free_.empty()) {
    free_.push_back(static_cast<uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const uint32_t index = free_.back();
  free_.pop_back();
  Slot& slot = slots_[index];
  slot.run = std::move(run);
  slot.owner = owner;
  heap_.emplace_back();
  rise(heap_.size() - 1, Entry{when, next_order_++, index});
  return TimerId{(static_cast<uint64_t>(slot.generation) << 32) | index};
}

void TimerQueue::remove(TimerId id) {
  const uint32_t index = static_cast<uint32_t>(static_cast<uint64_t>(id));
  const uint32_t generation = static_cast<uint32_t>(static_cast<uint64_t>(id) >> 32);
  if (index >= slots_.size() || slots_[index].generation != generation) return;
  const Callback forgotten = take_out(slots_[index].place);
}

void TimerQueue::remove_owner(uint32_t owner) {
  std::vector<TimerId> doomed;
  for (const Entry& entry : heap_) {
    const Slot& slot = slots_[entry.slot];
    if (slot.owner == owner) doomed.push_back(TimerId{(static_cast<uint64_t>(slot.generation) << 32) | entry.slot});
  }
  for (TimerId id : doomed) remove(id);
}

void TimerQueue::clear() {
  while (!heap_.empty()) const Callback forgotten = take_out(heap_.size() - 1);
}

std::optional<Instant> TimerQueue::next_due() const {
  if (heap_.empty()) return std::nullopt;
  return heap_.front().when;
}

std::optional<TimerQueue::Due> TimerQueue::take_due(Instant now) {
  if (heap_.empty() || heap_.front().when > now) return std::nullopt;
  const uint32_t owner = slots_[heap_.front().slot].owner;
  return Due{take_out(0), owner};
}

void TimerQueue::put(size_t place, const Entry& entry) {
  heap_[place] = entry;
  slots_[entry.slot].place = static_cast<uint32_t>(place);
}

void TimerQueue::rise(size_t place, Entry entry) {
  while (place > 0) {
    const size_t parent = (place - 1) / 4;
    if (!(entry < heap_[parent])) break;
    put(place, heap_[parent]);
    place = parent;
  }
  put(place, entry);
}

void TimerQueue::sink(size_t place, Entry entry) {
  while (true) {
    const size_t first = place * 4 + 1;
    if (first >= heap_.size()) break;
    size_t least = first;
    const size_t end = std::min(first + 4, heap_.size());
    for (size_t child = first + 1; child < end; ++child)
      if (heap_[child] < heap_[least]) least = child;
    if (!(heap_[least] < entry)) break;
    put(place, heap_[least]);
    place = least;
  }
  put(place, entry);
}

Callback TimerQueue::take_out(size_t place) {
  const uint32_t index = heap_[place].slot;
  Slot& slot = slots_[index];
  // An empty function is left behind, so that what is destroyed outside may come back to this queue.
  Callback run = std::exchange(slot.run, nullptr);
  if (++slot.generation == 0) slot.generation = 1;
  free_.push_back(index);
  const Entry last = heap_.back();
  heap_.pop_back();
  if (place < heap_.size()) {
    if (place > 0 && last < heap_[(place - 1) / 4])
      rise(place, last);
    else
      sink(place, last);
  }
  return run;
}

}  // namespace nearend::io
