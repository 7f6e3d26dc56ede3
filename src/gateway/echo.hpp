#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "io/loop.hpp"
#include "io/net.hpp"

namespace nearend::gateway {

/// Asks gateways of other regions for an echo over UDP, one a region each second, and gives theirs back. A reply is as
/// long as what it answers and goes only to peers whose request is sealed with the platform's key: nobody can have it
/// send anything to others. Gateway's loop only.
class Echo {
 public:
  struct Peer {
    std::string region;
    Endpoint at;
  };
  struct Settings {
    Endpoint listen;
    std::string key;  ///< Shared by the platform's gateways; empty: only the address proves a peer.
    std::vector<Peer> peers;
    std::function<bool(const IpAddress&)> is_peer;  ///< Who is answered at all.
  };
  /// A region's echo came back after so many ms, or not at all though others had.
  using Handler = std::function<void(const std::string& region, std::optional<double> rtt_ms)>;

  Echo(io::Loop& loop, io::Net& net, Settings settings, Handler handler);

  /// Opens the socket and begins to ask. Errors name the address.
  Result<void> start();
  void stop();
  Endpoint local() const { return socket_->local(); }
  /// Of that region, none has come back of late though some had: the way there is gone.
  bool is_silent(const std::string& region) const;
  bool is_any_silent() const;

 private:
  static constexpr size_t size = 40;
  using Datagram = std::array<uint8_t, size>;
  enum class Kind : uint8_t { request = 1, reply = 2 };
  /// A region's gateways, asked in turn.
  struct Region {
    std::vector<Endpoint> gateways;
    size_t next = 0;
    uint64_t number = 0;  // of the request under way; 0: none
    io::Instant sent{}, came{};
    bool has_come = false;
    uint32_t missed = 0;  // in a row
  };

  void ask();
  void on_datagram(const Endpoint& from, io::Bytes datagram);
  Datagram make(Kind kind, uint64_t number) const;
  bool is_sealed(io::Bytes datagram) const;

  io::Loop& loop_;
  io::Net& net_;
  Settings settings_;
  Handler handler_;
  std::unordered_map<std::string, Region> regions_;
  std::unique_ptr<io::UdpSocket> socket_;
  io::Timer timer_;
};

}  // namespace nearend::gateway
