#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "io/asio_loop.hpp"
#include "io/net.hpp"

namespace nearend::io {

/// Receives datagrams of many sockets, up to 32 with one system call, into memory they share.
class DatagramReader {
 public:
  static constexpr size_t batch_max = 32;
  static constexpr size_t datagram_max = 65'536;

  DatagramReader();
  ~DatagramReader();
  /// Fills the batch from the socket; how many datagrams it holds now.
  size_t read(int descriptor);
  Bytes datagram(size_t place) const;
  Endpoint from(size_t place) const;

 private:
  struct Batch;
  std::unique_ptr<Batch> batch_;
};

/// Opens and watches a datagram socket. `reader` and `dropped` outlive it.
Result<std::unique_ptr<UdpSocket>> open_udp_socket(AsioLoop& loop, DatagramReader& reader, uint64_t& dropped,
                                                   const Endpoint& local, DatagramHandler on_datagram);

}  // namespace nearend::io
