#pragma once

#include "io/loop.hpp"

namespace nearend::media {

/// Keeps the machine's cores from sleeping deeply while much media passes: a packet that finds its core asleep waits
/// for it to wake up, and on a virtual machine the waking costs more than the relaying. It is a request to the kernel
/// (PM QoS, /dev/cpu_dma_latency of the kernel's documentation), which ends with the process at the latest. What a core
/// that waits awake takes, it takes of power and, on a virtual machine, of the host; so it is asked for only from a
/// rate on that lasts, and given back when it was lower for a while. What the kernel relays does not count: it gains
/// nothing. One thread's.
class ShallowSleep {
 public:
  /// `from`: packets a second, in and out, that make it worth while; 0: never.
  explicit ShallowSleep(uint32_t from) : from_(from) {}
  ShallowSleep(const ShallowSleep&) = delete;
  ~ShallowSleep() { give_back(); }

  /// Once a second. Where the kernel does not take such requests nothing happens.
  void note(double packets_a_second, io::Instant now);
  bool is_held() const { return request_ >= 0; }
  /// Whether this process may ask.
  static bool is_possible();

 private:
  void ask();
  void give_back();

  uint32_t from_;
  int request_ = -1;
  bool is_refused_ = false;
  io::Instant needed_{};        // the last time
  io::Instant needed_since_{};  // in a row
};

}  // namespace nearend::media
