#include "io/asio_net.hpp"

#include <optional>

#include "io/asio_stream.hpp"
#include "io/asio_udp.hpp"
#include "io/tls_context.hpp"

namespace nearend::io {

struct AsioNet::State {
  AsioLoop& loop;
  DatagramReader reader;
  TlsContexts contexts;
  uint64_t dropped = 0;
};

AsioNet::AsioNet(AsioLoop& loop) : state_(new State{.loop = loop}) {}
AsioNet::~AsioNet() = default;

Result<std::unique_ptr<UdpSocket>> AsioNet::open_udp(const Endpoint& local, DatagramHandler on_datagram) {
  return open_udp_socket(state_->loop, state_->reader, state_->dropped, local, std::move(on_datagram));
}

Result<std::unique_ptr<Listener>> AsioNet::listen(const Endpoint& local, const TlsSettings* tls,
                                                  AcceptHandler on_accept) {
  std::shared_ptr<ssl_ctx_st> context;
  if (tls) {
    auto made = state_->contexts.get(TlsRole::server, *tls);
    if (!made) return pass(made);
    context = *made;
  }
  return listen_for_streams(state_->loop, local, std::move(context), std::move(on_accept));
}

std::unique_ptr<Stream> AsioNet::connect(const Endpoint& to, const TlsSettings* tls, Stream::Handlers handlers) {
  if (!tls) return connect_stream(state_->loop, to, nullptr, {}, std::nullopt, std::move(handlers));
  auto made = state_->contexts.get(TlsRole::client, *tls);
  std::optional<Error> failed;
  if (!made) failed = made.error();
  return connect_stream(state_->loop, to, made.value_or(nullptr), tls->server_name, std::move(failed),
                        std::move(handlers));
}

uint64_t AsioNet::dropped_datagrams() const {
  return state_->dropped;
}

}  // namespace nearend::io
