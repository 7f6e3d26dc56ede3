#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "io/loop.hpp"

namespace nearend::sip {

class Alarm;

/// The timers of one stack: a heap of alarms over a single timer of the loop, since a busy stack sets and stops
/// hundreds of thousands of them. Loop's thread only; outlives its alarms.
class Alarms {
 public:
  explicit Alarms(io::Loop& loop) : timer_(loop), loop_(loop) {}
  Alarms(const Alarms&) = delete;
  io::Instant now() const { return loop_.now(); }

 private:
  friend class Alarm;
  void add(Alarm& alarm);
  void remove(Alarm& alarm);
  void sift_up(uint32_t place);
  void sift_down(uint32_t place);
  void put(Alarm* alarm, uint32_t place);
  void watch_first();
  void ring();

  std::vector<Alarm*> heap_;
  io::Timer timer_;
  io::Instant watched_{};
  io::Loop& loop_;
};

/// Calls one member function of its owner at a time, once per setting; stops when it goes out of scope. The call may
/// destroy the owner.
class Alarm {
 public:
  /// `Alarm late_{Alarm::calls<&Dialog::on_late>(alarms, *this)};`
  template <auto Member, class Owner>
  static Alarm calls(Alarms& alarms, Owner& owner) {
    return Alarm(alarms, &owner, [](void* whom) { (static_cast<Owner*>(whom)->*Member)(); });
  }
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;
  ~Alarm() { stop(); }

  void set(io::Duration after) { set_at(alarms_.now() + after); }
  void set_at(io::Instant when) {
    stop();
    when_ = when;
    alarms_.add(*this);
  }
  void stop() {
    if (is_set()) alarms_.remove(*this);
  }
  bool is_set() const { return place_ != kNowhere; }

 private:
  friend class Alarms;
  static constexpr uint32_t kNowhere = std::numeric_limits<uint32_t>::max();
  Alarm(Alarms& alarms, void* owner, void (*ring)(void*)) : alarms_(alarms), owner_(owner), ring_(ring) {}

  Alarms& alarms_;
  void* owner_;
  void (*ring_)(void*);
  io::Instant when_{};
  uint32_t place_ = kNowhere;
};

}  // namespace nearend::sip
