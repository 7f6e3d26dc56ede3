#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "http/http.hpp"
#include "io/net.hpp"
#include "sim/clock.hpp"
#include "sim/names.hpp"
#include "sim/network.hpp"

namespace nearend::sim {

class World;

/// One simulated machine with one process: the io interfaces a role is given, and its life. What runs on it is
/// destroyed by the test after kill() and made anew after restart(); nothing it does after its death reaches anybody.
class Host {
 public:
  ~Host();
  const std::string& name() const;
  const std::string& region() const;
  HostId id() const;
  IpAddress address() const;
  Endpoint endpoint(uint16_t port) const { return {address(), port}; }

  io::Loop& loop();
  io::Net& net();
  io::Dns& dns();
  http::Client& http_client();
  http::ServerFactory& http_servers();
  io::World world() { return {loop(), net(), dns()}; }

  void kill();
  void restart();
  bool is_alive() const;

 private:
  friend class World;
  struct State;
  explicit Host(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// A deterministic world: hosts in regions, one virtual clock, one seed. The same seed and the same calls give the same
/// run, on any machine. One thread. Everything made on its hosts is destroyed before it.
class World {
 public:
  explicit World(uint64_t seed);
  ~World();
  World(const World&) = delete;

  /// Adds a machine. Without an address it gets the next one of 198.18.0.0/15 (IPv4, not internal). Its name resolves
  /// to it.
  Host& add_host(std::string name, std::string region, std::vector<IpAddress> addresses = {});
  Host& host(std::string_view name);

  Network& network() { return network_; }
  Paths& paths() { return network_.paths(); }
  NameTable& names() { return names_; }

  io::Instant now() const { return clock_.now(); }
  uint64_t seed() const { return seed_; }
  /// Things done so far: timers, posts, packets.
  uint64_t events() const { return clock_.events(); }
  uint64_t random() { return random_.next(); }

  void run_for(io::Duration length);
  /// Runs until the condition holds, looked at after each event; false when `limit` passes first.
  template <class Condition>
  bool run_until(Condition is_done, io::Duration limit) {
    const io::Instant end = now() + limit;
    while (!is_done())
      if (!clock_.step(end)) return is_done();
    return true;
  }
  /// Calls `run` when the clock shows `when`, on no host: the test's own hand.
  void at(io::Instant when, io::Callback run);

 private:
  uint64_t seed_;
  Random random_;
  Clock clock_;
  NameTable names_;
  Network network_;
  std::vector<std::unique_ptr<Host>> hosts_;
  uint32_t next_address_ = 0xc6120001;  // 198.18.0.1
};

}  // namespace nearend::sim
