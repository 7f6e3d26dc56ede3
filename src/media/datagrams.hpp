#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <span>

#include "base/ip.hpp"
#include "io/socket_address.hpp"

namespace nearend::media {

inline constexpr size_t datagram_size_max = 2048;

/// Reads datagrams into memory that is never given back. One thread.
class DatagramReader {
 public:
  DatagramReader();
  DatagramReader(const DatagramReader&) = delete;

  /// Calls `take(from, bytes)` for one datagram; bytes may be written over. For sockets that rarely have more: speech
  /// comes every 20 ms, and a call that asks for several costs half as much again when there is one.
  template <class Take>
  void read_one(int socket, Take take) {
    if (const size_t size = fill_one(socket)) give(0, size, take);
  }
  /// The same for what waits at the socket, several with one system call, as many as one turn may take.
  template <class Take>
  void read_many(int socket, Take take) {
    for (int round = 0; round < rounds_max; ++round) {
      const size_t count = fill(socket);
      for (size_t i = 0; i < count; ++i)
        if (!(headers_[i].msg_hdr.msg_flags & MSG_TRUNC)) give(i, headers_[i].msg_len, take);
      if (count < batch) return;
    }
  }

 private:
  static constexpr size_t batch = 16;   // datagrams of one call
  static constexpr int rounds_max = 4;  // of one socket before the others get their turn
  size_t fill_one(int socket);
  size_t fill(int socket);
  template <class Take>
  void give(size_t i, size_t size, Take& take) {
    take(io::endpoint_of(reinterpret_cast<const sockaddr&>(from_[i])), std::span<uint8_t>(bytes_[i].data(), size));
  }

  std::array<std::array<uint8_t, datagram_size_max>, batch> bytes_;
  std::array<sockaddr_storage, batch> from_;
  std::array<iovec, batch> parts_;
  std::array<mmsghdr, batch> headers_{};
};

/// Datagrams on their way out. Those that follow each other on one socket (the packets of a picture, what waited during
/// a stall) leave with one system call; docs/decisions/0005 has the
/// figures. One thread; takes no memory.
class DatagramWriter {
 public:
  DatagramWriter();
  DatagramWriter(const DatagramWriter&) = delete;

  /// Keeps a copy until flush(). What is too long is dropped and counted.
  void add(int socket, const Endpoint& to, std::span<const uint8_t> datagram);
  /// Sends what was added. Returns how many datagrams the kernel did not take since the last time.
  uint64_t flush();

 private:
  static constexpr size_t batch = 32;
  void send_all();
  void send(size_t first, size_t count);

  size_t count_ = 0;
  uint64_t unsent_ = 0;
  std::array<std::array<uint8_t, datagram_size_max>, batch> bytes_;
  std::array<io::SocketAddress, batch> to_;
  std::array<iovec, batch> parts_;
  std::array<mmsghdr, batch> headers_{};
  std::array<int, batch> sockets_{};
};

}  // namespace nearend::media
