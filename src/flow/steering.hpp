#pragma once

#include <memory>
#include <span>
#include <vector>

#include "base/ip.hpp"
#include "base/result.hpp"

struct bpf_object;
struct bpf_link;
struct steer_slot;

namespace nearend::flow {

/// Datagrams for the node's even ports come in at one socket a media thread and family, instead of at each port's own:
/// a BPF program (sk_lookup, Linux 5.9) steers them. The ports' own sockets stay open and have what nobody owns. Goes
/// with the process. Different ports may be worked on by different threads; one port is one thread's.
class Steering {
 public:
  static constexpr uint32_t threads_max = 64;
  struct Settings {
    uint16_t port_first = 20000, port_last = 29999;
    uint32_t threads = 1;
  };
  /// Errors: refused, a right is missing; unsupported, the kernel lacks something.
  static Result<std::unique_ptr<Steering>> open(const Settings& settings);
  ~Steering();
  Steering(const Steering&) = delete;

  /// What the thread reads; -1 where the host lacks the family.
  int socket(uint32_t thread, IpAddress::Family family) const;
  /// From now on the thread's socket has what comes for this address and port.
  void own(const Endpoint& local, uint32_t thread);
  /// The port's own socket has it again; what is in the thread's socket stays there.
  void disown(uint16_t port);
  /// Ports that a thread's socket has at this moment. Any thread.
  size_t owned_count() const;

 private:
  Steering() = default;
  Result<void> load(const Settings& settings);
  Result<void> open_sockets(uint32_t threads);
  steer_slot* slot_of(uint16_t port) const;

  bpf_object* object_ = nullptr;
  bpf_link* link_ = nullptr;
  std::span<steer_slot> slots_;
  uint16_t port_first_ = 0;
  std::vector<int> sockets_;  // thread * 2 + is_v6
};

}  // namespace nearend::flow
