#pragma once

#include <array>
#include <chrono>
#include <memory>
#include <span>
#include <vector>

#include "base/ip.hpp"
#include "base/result.hpp"

struct flow_slot;

namespace nearend::flow {

/// Monotonic time, the same type as io::Instant; the kernel reads the same clock.
using Instant = std::chrono::time_point<std::chrono::steady_clock, std::chrono::nanoseconds>;

/// What is known about the stream that a flow carries: given when it is installed, read while it runs and at its end.
struct Progress {
  uint32_t highest = 0;            ///< Incoming sequence with the count of wraps above it.
  uint32_t highest_timestamp = 0;  ///< Of that packet.
  uint64_t window = 0;             ///< Bit n: highest - n has been seen.
  Instant last_arrival{};
  double jitter_ticks = 0;
  /// Ticks by which the last packet was ahead of the outgoing clock line; at the end, by how much the line followed.
  double ahead = 0;
};

/// One direction of a relayed stream, both sides of the rewriting.
struct Flow {
  static constexpr size_t types_max = 4;
  Endpoint at;    ///< Where it arrives: ours, an even port of the table's range.
  Endpoint from;  ///< From whom, and nobody else.
  Endpoint own;   ///< Where it leaves from: ours.
  Endpoint to;
  uint32_t ssrc_in = 0, ssrc_out = 0;
  uint16_t sequence_add = 0;
  uint32_t timestamp_add = 0;
  struct Type {
    uint8_t in = 0, out = 0;
  };
  std::array<Type, types_max> types{};
  uint8_t type_count = 0;
  uint32_t clock_rate = 8000;
  uint8_t traffic_class = 46 << 2;  ///< RFC 4594: voice.
  Progress progress;
};

/// What has passed since the flow was installed.
struct Passed {
  uint64_t packets = 0, octets = 0, octets_out = 0, doubled = 0;
  Progress progress;
};

/// Relayed streams in the kernel: a program at the ingress of the devices rewrites what belongs to an installed flow
/// and sends it on; everything else (RTCP, STUN, DTLS, key presses, strangers, odd packets) reaches the socket as if
/// there were no table. A flow has a lease of two seconds, so a process that died or stalls relays nothing. Different
/// ports may be worked on by different threads at once; one port is one thread's.
class FlowTable {
 public:
  static constexpr std::chrono::seconds lease{2};

  /// How the program is attached. A link (TCX, Linux 6.6) goes with the process; a filter stays until it is detached,
  /// so it is only for kernels without.
  enum class Hook : uint8_t { best, filter };
  struct Settings {
    uint16_t port_first = 20000, port_last = 29999;
    std::vector<IpAddress> addresses;  ///< That flows arrive at; an unspecified one means every device.
    Hook hook = Hook::best;
  };

  /// Loads and attaches the program. Errors: refused, a right is missing; unsupported, the kernel lacks something; the
  /// words say what to do.
  static Result<std::unique_ptr<FlowTable>> open(const Settings& settings);
  /// Loads it and lets it go again: what open() would attach to, or why it would fail. Touches no running node.
  static Result<std::string> probe(const Settings& settings);
  ~FlowTable();
  FlowTable(const FlowTable&) = delete;

  /// Errors: unsupported, this flow is not for the kernel (families differ, only one end is on this host, no program on
  /// the device it comes over); unavailable, there is no route.
  Result<void> install(const Flow& flow, Instant now);
  /// Renews the lease. False when the route has changed: the flow has to be removed.
  bool renew(uint16_t port, Instant now);
  Passed read(uint16_t port) const;
  /// Nothing passes from here on, and the figures hold everything that did.
  Passed remove(uint16_t port);
  bool is_installed(uint16_t port) const;

  /// What the program is attached to and how, for logs and the doctor.
  const std::string& description() const { return description_; }

 private:
  struct Program;
  struct Kept;
  FlowTable(std::unique_ptr<Program> program, const Settings& settings);
  flow_slot* slot_of(uint16_t port) const;
  bool covers(uint32_t device) const;

  std::unique_ptr<Program> program_;
  std::vector<Kept> kept_;  // by slot
  std::span<flow_slot> slots_;
  uint16_t port_first_;
  std::string description_;
};

}  // namespace nearend::flow
