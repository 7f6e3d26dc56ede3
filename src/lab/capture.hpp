#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "lab/wan.hpp"

namespace nearend::lab {

/// One packet as the network saw it, kept.
struct Captured {
  int64_t entered_ns = 0;
  int64_t left_ns = 0;
  SiteId from = 0;
  SiteId to = 0;
  Fate fate = Fate::delivered;
  std::vector<uint8_t> packet;

  bool has_arrived() const { return fate == Fate::delivered || fate == Fate::duplicate; }
};

/// Keeps every packet in memory, in the order in which they left the network, and lets a flow wait for one. Any thread.
class Capture : public Tap {
 public:
  using Match = std::function<bool(const Captured&)>;

  void on_packet(const Passage& passage) override;

  size_t size() const;
  /// A copy of what has been seen from number `begin` on.
  std::vector<Captured> packets(size_t begin = 0) const;
  /// The first packet from number `begin` on that matches, waiting for it; nothing when `limit` has passed.
  std::optional<Captured> wait(const Match& match, std::chrono::milliseconds limit, size_t begin = 0) const;
  void clear();

 private:
  mutable std::mutex lock_;
  mutable std::condition_variable arrived_;
  std::deque<Captured> packets_;
};

/// The packets as a pcap file (raw IP, stamped when they reached their site), for other tools. True when it was
/// written.
bool write_pcap(const std::vector<Captured>& packets, const std::string& file);

}  // namespace nearend::lab
