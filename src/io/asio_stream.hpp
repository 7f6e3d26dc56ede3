#pragma once

#include <chrono>
#include <memory>
#include <optional>

#include "io/asio_loop.hpp"
#include "io/net.hpp"

struct ssl_ctx_st;

namespace nearend::io {

/// Longest time for connecting, TLS included, and for an accepted connection's handshake.
constexpr std::chrono::seconds open_deadline{5};
/// Bytes that may wait to be sent before the stream is given up.
constexpr size_t unsent_max = 1 << 20;
/// How long bytes written before a close, or before the stream was destroyed, may take to leave.
constexpr std::chrono::seconds drain_deadline{5};

/// Begins to connect, with TLS if there is a context. `failed` is reported instead of connecting when it is set.
std::unique_ptr<Stream> connect_stream(AsioLoop& loop, const Endpoint& to, std::shared_ptr<ssl_ctx_st> tls,
                                       const std::string& server_name, std::optional<Error> failed,
                                       Stream::Handlers handlers);

/// Listens, with TLS if there is a context.
Result<std::unique_ptr<Listener>> listen_for_streams(AsioLoop& loop, const Endpoint& local,
                                                     std::shared_ptr<ssl_ctx_st> tls, AcceptHandler on_accept);

}  // namespace nearend::io
