#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/ip.hpp"
#include "base/result.hpp"
#include "lab/namespaces.hpp"

namespace nearend::lab {

using std::chrono::nanoseconds;
using SiteId = size_t;

/// The monotonic clock in ns: all times of the lab.
int64_t now_ns();

/// What one direction between two sites does to packets. Fractions are of 1.
struct Path {
  nanoseconds delay{0};
  nanoseconds jitter{0};  ///< Added: even between 0 and this; the order is kept.
  double loss = 0;
  double duplication = 0;
  double reordering = 0;  ///< These packets are held back by `reordering_hold`, others overtake them.
  nanoseconds reordering_hold{15'000'000};
  uint64_t bits_per_second = 0;  ///< 0: no limit. Above it packets queue for 200 ms at most, then are lost.
  bool is_cut = false;
};

enum class Fate : uint8_t { delivered, duplicate, lost, cut, overflowed };

/// One packet's way through the network. `left_ns` is when it was handed to the receiving site (or lost).
struct Passage {
  int64_t entered_ns = 0;
  int64_t left_ns = 0;
  SiteId from = 0;
  SiteId to = 0;
  Fate fate = Fate::delivered;
  std::span<const uint8_t> packet;  ///< Valid during the call only.
};

/// Sees every packet. Called on the network's thread: be quick, never block.
class Tap {
 public:
  virtual ~Tap() = default;
  virtual void on_packet(const Passage& passage) = 0;
};

/// Sites and the wide-area network between them. One thread holds the TUN descriptor of every site and forwards IPv4.
/// Sites and taps are added before start(); paths may be changed at any time from any thread.
class Wan {
 public:
  explicit Wan(uint64_t seed = 1);
  Wan(const Wan&) = delete;
  ~Wan();

  Result<SiteId> add_site(const std::string& name);
  void add_tap(Tap& tap) { taps_.push_back(&tap); }
  Result<void> start();

  void set_path(SiteId from, SiteId to, const Path& path);
  /// The same path both ways.
  void set_paths(SiteId a, SiteId b, const Path& path);
  Path path(SiteId from, SiteId to) const;

  size_t site_count() const { return sites_.size(); }
  const std::string& name(SiteId site) const { return sites_[site].name; }
  const IpAddress& address(SiteId site) const { return sites_[site].address; }
  const NetNamespace& net(SiteId site) const { return sites_[site].net; }

 private:
  struct Site {
    std::string name;
    IpAddress address;
    NetNamespace net;
    Descriptor tun;
  };
  struct Link {
    Path path;
    int64_t last_due_ns = 0;  // packets of a path stay in order
    int64_t free_ns = 0;      // when the last packet has left the sender's line
  };
  struct Waiting {
    int64_t due_ns = 0;
    uint64_t order = 0;
    int64_t entered_ns = 0;
    SiteId from = 0;
    SiteId to = 0;
    Fate fate = Fate::delivered;
    std::vector<uint8_t> packet;
  };

  void run();
  void wait_for_work(int64_t due_ns);
  void read_site(SiteId from);
  void take(SiteId from, std::span<const uint8_t> packet, int64_t now);
  void enqueue(Link& link, SiteId from, SiteId to, Fate fate, std::span<const uint8_t> packet, int64_t now,
               int64_t due);
  void deliver_due();
  void tell(const Passage& passage);
  double chance() { return std::uniform_real_distribution<>(0, 1)(random_); }
  Link& link(SiteId from, SiteId to) { return links_[from * site_max + to]; }

  static constexpr size_t site_max = 32;
  std::vector<Site> sites_;
  std::vector<Tap*> taps_;
  mutable std::mutex links_lock_;
  std::vector<Link> links_;
  std::vector<Waiting> waiting_;  // heap by due time
  uint64_t order_ = 0;
  std::mt19937_64 random_;
  Descriptor epoll_;
  Descriptor timer_;
  Descriptor wake_;
  std::atomic<bool> is_stopping_{false};
  std::thread thread_;
};

}  // namespace nearend::lab
