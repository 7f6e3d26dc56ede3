#include "sip/alarm.hpp"

#include <algorithm>

namespace nearend::sip {

void Alarms::put(Alarm* alarm, uint32_t place) {
  heap_[place] = alarm;
  alarm->place_ = place;
}

void Alarms::sift_up(uint32_t place) {
  Alarm* alarm = heap_[place];
  while (place > 0) {
    const uint32_t above = (place - 1) / 2;
    if (heap_[above]->when_ <= alarm->when_) break;
    put(heap_[above], place);
    place = above;
  }
  put(alarm, place);
}

void Alarms::sift_down(uint32_t place) {
  Alarm* alarm = heap_[place];
  const auto size = static_cast<uint32_t>(heap_.size());
  for (;;) {
    uint32_t below = 2 * place + 1;
    if (below >= size) break;
    if (below + 1 < size && heap_[below + 1]->when_ < heap_[below]->when_) ++below;
    if (alarm->when_ <= heap_[below]->when_) break;
    put(heap_[below], place);
    place = below;
  }
  put(alarm, place);
}

void Alarms::add(Alarm& alarm) {
  heap_.push_back(&alarm);
  sift_up(static_cast<uint32_t>(heap_.size() - 1));
  if (heap_.front() == &alarm) watch_first();
}

void Alarms::remove(Alarm& alarm) {
  const uint32_t place = alarm.place_;
  alarm.place_ = Alarm::kNowhere;
  Alarm* last = heap_.back();
  heap_.pop_back();
  if (last == &alarm) return;
  put(last, place);
  sift_up(place);
  sift_down(last->place_);
}

// The loop's timer is moved forward only: one that fires early finds nothing due and is set again.
void Alarms::watch_first() {
  if (heap_.empty()) return timer_.stop();
  const io::Instant first = heap_.front()->when_;
  if (timer_.is_running() && watched_ <= first) return;
  watched_ = first;
  timer_.start_at(first, [this] { ring(); });
}

void Alarms::ring() {
  const io::Instant now = loop_.now();
  while (!heap_.empty() && heap_.front()->when_ <= now) {
    Alarm& alarm = *heap_.front();
    remove(alarm);
    alarm.ring_(alarm.owner_);
  }
  watch_first();
}

}  // namespace nearend::sip
