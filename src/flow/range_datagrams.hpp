#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <memory>
#include <span>

#include "base/ip.hpp"
#include "io/socket_address.hpp"

namespace nearend::flow {

inline constexpr size_t range_datagram_max = 2048;

/// Reads a socket that stands for many ports, many datagrams with one system call. One thread; takes no memory.
class RangeReader {
 public:
  RangeReader();
  RangeReader(const RangeReader&) = delete;

  /// Calls `take(port, from, bytes)` for what waits, at most a turn's worth, or for one; bytes may be written over.
  /// `port` is the one it was sent to. False: nothing was there. A call for several costs half as much again where
  /// there is one, since it looks for the next one too.
  template <class Take>
  bool read(int socket, bool has_several, Take take) {
    const size_t count = has_several ? fill(socket) : fill_one(socket);
    for (size_t i = 0; i < count; ++i) {
      const uint16_t port = port_of(i);
      if (port != 0 && !(headers_[i].msg_hdr.msg_flags & MSG_TRUNC))
        take(port, io::endpoint_of(reinterpret_cast<const sockaddr&>(from_[i])),
             std::span<uint8_t>(bytes_[i].data(), headers_[i].msg_len));
    }
    return count > 0;
  }

 private:
  static constexpr size_t batch = 64;
  static constexpr size_t control_size = CMSG_SPACE(sizeof(sockaddr_in6));
  size_t fill_one(int socket);
  size_t fill(int socket);
  uint16_t port_of(size_t i);

  std::array<std::array<uint8_t, range_datagram_max>, batch> bytes_;
  std::array<sockaddr_storage, batch> from_;
  alignas(cmsghdr) std::array<std::array<uint8_t, control_size>, batch> control_;
  std::array<iovec, batch> parts_;
  std::array<mmsghdr, batch> headers_{};
};

/// Sends UDP from any of our ports by one raw socket a family: what a turn sends leaves with one system call. The whole
/// packet is written here. One thread; takes no memory. Needs CAP_NET_RAW.
class RangeWriter {
 public:
  RangeWriter();
  RangeWriter(const RangeWriter&) = delete;
  ~RangeWriter();

  bool is_open() const { return v4_ >= 0; }
  /// Keeps a copy until flush(). False: this one has to go by the port's own socket (another family or none, too long).
  bool add(const Endpoint& from, const Endpoint& to, std::span<const uint8_t> datagram);
  /// Sends what was added. Returns how many datagrams the kernel did not take since the last time.
  uint64_t flush();

 private:
  static constexpr size_t batch = 64;
  static constexpr size_t head_max = 48;  // IPv6 and UDP
  void send_all();
  int send(size_t first, size_t count);

  int v4_ = -1, v6_ = -1;
  size_t count_ = 0;
  uint64_t unsent_ = 0;
  std::array<std::array<uint8_t, head_max + range_datagram_max>, batch> bytes_;
  std::array<io::SocketAddress, batch> to_;
  std::array<iovec, batch> parts_;
  std::array<mmsghdr, batch> headers_{};
  std::array<int, batch> sockets_{};
};

}  // namespace nearend::flow
