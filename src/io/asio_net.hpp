#pragma once

#include <cstdint>
#include <memory>

#include "io/asio_loop.hpp"
#include "io/net.hpp"

namespace nearend::io {

/// The sockets of an AsioLoop: datagrams in batches through the loop's poller, TCP and TLS through Asio. Loop's thread
/// only; it and everything it made are destroyed before the loop.
class AsioNet final : public Net {
 public:
  explicit AsioNet(AsioLoop& loop);
  ~AsioNet() override;

  Result<std::unique_ptr<UdpSocket>> open_udp(const Endpoint& local, DatagramHandler on_datagram) override;
  Result<std::unique_ptr<Listener>> listen(const Endpoint& local, const TlsSettings* tls,
                                           AcceptHandler on_accept) override;
  std::unique_ptr<Stream> connect(const Endpoint& to, const TlsSettings* tls, Stream::Handlers handlers) override;

  /// Datagrams that the kernel did not take.
  uint64_t dropped_datagrams() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace nearend::io
