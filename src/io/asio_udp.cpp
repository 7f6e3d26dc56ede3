#include "io/asio_udp.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "io/socket_address.hpp"

namespace nearend::io {

struct DatagramReader::Batch {
  std::array<mmsghdr, batch_max> messages{};
  std::array<iovec, batch_max> pieces{};
  std::array<SocketAddress, batch_max> sources{};
  std::unique_ptr<uint8_t[]> bytes = std::make_unique_for_overwrite<uint8_t[]>(batch_max * datagram_max);
  size_t used = batch_max;  ///< Entries whose name length the kernel may have changed.
};

DatagramReader::DatagramReader() : batch_(std::make_unique<Batch>()) {
  for (size_t i = 0; i < batch_max; ++i) {
    batch_->pieces[i] = {batch_->bytes.get() + i * datagram_max, datagram_max};
    batch_->messages[i].msg_hdr.msg_iov = &batch_->pieces[i];
    batch_->messages[i].msg_hdr.msg_iovlen = 1;
    batch_->messages[i].msg_hdr.msg_name = batch_->sources[i].data();
  }
}
DatagramReader::~DatagramReader() = default;

size_t DatagramReader::read(int descriptor) {
  for (size_t i = 0; i < batch_->used; ++i) batch_->messages[i].msg_hdr.msg_namelen = sizeof(sockaddr_storage);
  const int count = recvmmsg(descriptor, batch_->messages.data(), batch_max, MSG_DONTWAIT, nullptr);
  batch_->used = count > 0 ? static_cast<size_t>(count) : 0;
  return batch_->used;
}

Bytes DatagramReader::datagram(size_t place) const {
  return {batch_->bytes.get() + place * datagram_max, batch_->messages[place].msg_len};
}

Endpoint DatagramReader::from(size_t place) const {
  return batch_->sources[place].endpoint();
}

namespace {

constexpr int receive_buffer_bytes =
    1 << 20;  // A burst of SIP at 1,000 calls a second must fit while the loop is busy.

/// What the socket and the poller share; whichever lives longer keeps it.
struct Shared {
  int descriptor = -1;
  bool is_open = true;
  DatagramHandler on_datagram;
  ~Shared() {
    if (descriptor >= 0) ::close(descriptor);
  }
};

class AsioUdpSocket final : public UdpSocket {
 public:
  AsioUdpSocket(AsioLoop& loop, uint64_t& dropped, std::shared_ptr<Shared> shared, Endpoint local)
      : loop_(loop), dropped_(dropped), shared_(std::move(shared)), local_(local) {}
  ~AsioUdpSocket() override {
    shared_->is_open = false;
    loop_.unwatch(shared_->descriptor);
    ::close(std::exchange(shared_->descriptor, -1));
  }

  void send(const Endpoint& to, Bytes datagram) override {
    const SocketAddress address(to);
    const ssize_t sent = ::sendto(shared_->descriptor, datagram.data(), datagram.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                                  address.data(), address.size);
    if (sent < 0) ++dropped_;
  }
  Endpoint local() const override { return local_; }

 private:
  AsioLoop& loop_;
  uint64_t& dropped_;
  std::shared_ptr<Shared> shared_;  // Also held by the poller while it runs the handler.
  Endpoint local_;
};

void set_option(int descriptor, int level, int option, int value) {
  ::setsockopt(descriptor, level, option, &value, sizeof value);
}

Result<std::shared_ptr<Shared>> bind_socket(const Endpoint& local) {
  auto shared = std::make_shared<Shared>();
  shared->descriptor =
      ::socket(local.address.is_v6() ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (shared->descriptor < 0) return fail(Error::Kind::internal, "opening a UDP socket: {}", std::strerror(errno));
  if (local.address.is_v6()) set_option(shared->descriptor, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  set_option(shared->descriptor, SOL_SOCKET, SO_RCVBUF, receive_buffer_bytes);
  set_option(shared->descriptor, SOL_SOCKET, SO_RCVBUFFORCE, receive_buffer_bytes);  // Works with CAP_NET_ADMIN only.
  const SocketAddress address(local);
  if (::bind(shared->descriptor, address.data(), address.size) != 0)
    return fail(Error::Kind::unavailable, "binding UDP {}: {}", local.to_string(), std::strerror(errno));
  return shared;
}

}  // namespace

Result<std::unique_ptr<UdpSocket>> open_udp_socket(AsioLoop& loop, DatagramReader& reader, uint64_t& dropped,
                                                   const Endpoint& local, DatagramHandler on_datagram) {
  auto bound = bind_socket(local);
  if (!bound) return pass(bound);
  std::shared_ptr<Shared> shared = *bound;
  shared->on_datagram = std::move(on_datagram);
  SocketAddress name;
  ::getsockname(shared->descriptor, name.data(), &name.size);
  auto watched = loop.watch(shared->descriptor, {.is_readable = true}, [shared, &reader](Readiness) {
    const size_t count = reader.read(shared->descriptor);
    for (size_t i = 0; i < count && shared->is_open; ++i) shared->on_datagram(reader.from(i), reader.datagram(i));
  });
  if (!watched) return pass(watched);
  return std::make_unique<AsioUdpSocket>(loop, dropped, std::move(shared), name.endpoint());
}

}  // namespace nearend::io
