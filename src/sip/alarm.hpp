#pragma once

#include "io/loop.hpp"

namespace nearend::sip {

/// A timer that calls one member function of its owner, without allocating when it is set, as io::Timer would: a busy
/// stack sets hundreds of thousands. Stops when it goes out of scope; the call may destroy the owner. Loop's thread
/// only.
class Alarm {
 public:
  /// `Alarm late_{Alarm::calls<&Dialog::on_late>(loop, *this)};`
  template <auto Member, class Owner>
  static Alarm calls(io::Loop& loop, Owner& owner) {
    return Alarm(loop, &owner, [](void* whom) { (static_cast<Owner*>(whom)->*Member)(); });
  }
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;
  ~Alarm() { stop(); }

  void set(io::Duration after) {
    stop();
    timer_ = loop_.start_timer(loop_.now() + after, [this] {
      timer_ = io::TimerId::none;
      ring_(owner_);
    });
  }
  void stop() {
    if (is_set()) loop_.cancel_timer(std::exchange(timer_, io::TimerId::none));
  }
  bool is_set() const { return timer_ != io::TimerId::none; }

 private:
  Alarm(io::Loop& loop, void* owner, void (*ring)(void*)) : loop_(loop), owner_(owner), ring_(ring) {}

  io::Loop& loop_;
  void* owner_;
  void (*ring_)(void*);
  io::TimerId timer_ = io::TimerId::none;
};

}  // namespace nearend::sip
