#pragma once

#include "flow/range_datagrams.hpp"
#include "flow/steering.hpp"
#include "media/anchor.hpp"

namespace nearend::media {

/// The sockets of one media thread as a range of ports: RTP for all of them is read from two shared sockets and leaves
/// by two raw ones. The thread's own; `steering` outlives it.
class RangeIo {
 public:
  RangeIo(flow::Steering& steering, uint32_t thread) : steering_(steering), thread_(thread) {}

  /// What to poll; -1 where there is none.
  std::array<int, 2> sockets() const {
    return {steering_.socket(thread_, IpAddress::Family::v4), steering_.socket(thread_, IpAddress::Family::v6)};
  }
  /// From now on the port's RTP comes in here.
  void take(Socket socket);
  /// Its own socket has it again.
  void release(Socket socket);
  /// Calls `take(socket, from, bytes)` for a turn's worth of what waits, or for one. False: nothing was there.
  template <class Take>
  bool read(int shared, bool has_several, Take take) {
    return reader_.read(shared, has_several, [&](uint16_t port, const Endpoint& from, std::span<uint8_t> bytes) {
      if (const Socket socket = by_port_[port / 2]; socket != 0) take(socket, from, bytes);
    });
  }
  /// False: the socket has to send it itself.
  bool send(Socket socket, const Endpoint& to, std::span<const uint8_t> datagram) {
    return socket < locals_.size() && locals_[socket].port != 0 && writer_.add(locals_[socket], to, datagram);
  }
  uint64_t flush() { return writer_.flush(); }

 private:
  flow::Steering& steering_;
  uint32_t thread_;
  std::vector<Endpoint> locals_;  // by socket; port 0: not here
  std::vector<Socket> by_port_ = std::vector<Socket>(0x8000);
  flow::RangeReader reader_;
  flow::RangeWriter writer_;
};

}  // namespace nearend::media
