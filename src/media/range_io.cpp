#include "media/range_io.hpp"

namespace nearend::media {

void RangeIo::take(Socket socket) {
  if (!writer_.is_open()) return;
  if (socket >= locals_.size()) locals_.resize(size_t{socket} * 2 + 64);
  io::SocketAddress address;
  if (::getsockname(static_cast<int>(socket), address.data(), &address.size) != 0) return;
  const Endpoint local = address.endpoint();
  locals_[socket] = local;
  by_port_[local.port / 2] = socket;
  steering_.own(local, thread_);
}

void RangeIo::release(Socket socket) {
  if (socket >= locals_.size() || locals_[socket].port == 0) return;
  const uint16_t port = locals_[socket].port;
  steering_.disown(port);
  by_port_[port / 2] = 0;
  locals_[socket] = {};
}

}  // namespace nearend::media
