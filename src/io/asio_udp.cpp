#include "io/asio_udp.hpp"

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

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

/// Datagrams of one turn of the loop, sent with one system call: each call may wake a receiver, who then takes the
/// core from us.
struct Outbox {
  static constexpr size_t datagrams_max = 64;
  static constexpr size_t bytes_max = 128 << 10;
  struct Item {
    SocketAddress to;
    size_t offset = 0, length = 0;
  };
  std::vector<Item> items;
  std::vector<uint8_t> bytes;

  bool is_full() const { return items.size() >= datagrams_max || bytes.size() >= bytes_max; }
};

/// What the socket and the poller share; whichever lives longer keeps it.
struct Shared {
  int descriptor = -1;
  bool is_open = true;
  bool is_flush_due = false;
  Outbox outbox;
  DatagramHandler on_datagram;
  std::move_only_function<void(const Endpoint&)> on_unreachable;
  ~Shared() {
    if (descriptor >= 0) ::close(descriptor);
  }
};

void set_option(int descriptor, int level, int option, int value) {
  ::setsockopt(descriptor, level, option, &value, sizeof value);
}

bool says_unreachable(msghdr& message) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part)) {
    const bool is_error = (part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_RECVERR) ||
                          (part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_RECVERR);
    if (!is_error) continue;
    sock_extended_err error{};
    std::memcpy(&error, CMSG_DATA(part), sizeof error);
    const bool is_icmp = error.ee_origin == SO_EE_ORIGIN_ICMP || error.ee_origin == SO_EE_ORIGIN_ICMP6;
    return is_icmp && (error.ee_errno == ECONNREFUSED || error.ee_errno == EHOSTUNREACH);
  }
  return false;
}

/// Tells what ICMP said: the kernel keeps it with the address that the datagram was sent to.
void read_errors(Shared& shared) {
  constexpr int errors_max = 64;  // a turn
  for (int i = 0; i < errors_max && shared.is_open && shared.on_unreachable; ++i) {
    SocketAddress to;
    to.size = sizeof(sockaddr_storage);
    std::array<char, 64> begin_of_datagram{};
    alignas(cmsghdr) std::array<char, 512> control{};
    iovec piece{begin_of_datagram.data(), begin_of_datagram.size()};
    msghdr message{};
    message.msg_name = to.data();
    message.msg_namelen = to.size;
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    if (::recvmsg(shared.descriptor, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return;
    if (says_unreachable(message)) shared.on_unreachable(to.endpoint());
  }
}

bool is_told_of_another(const Shared& shared, int error) {
  return shared.on_unreachable && (error == ECONNREFUSED || error == EHOSTUNREACH);
}

/// Sends what waits; how many the kernel did not take.
uint64_t flush(Shared& shared) {
  Outbox& outbox = shared.outbox;
  const size_t count = outbox.items.size();
  std::array<mmsghdr, Outbox::datagrams_max> messages;
  std::array<iovec, Outbox::datagrams_max> pieces;
  for (size_t i = 0; i < count; ++i) {
    Outbox::Item& item = outbox.items[i];
    pieces[i] = {outbox.bytes.data() + item.offset, item.length};
    messages[i] = {
        .msg_hdr = {.msg_name = item.to.data(), .msg_namelen = item.to.size, .msg_iov = &pieces[i], .msg_iovlen = 1}};
  }
  uint64_t dropped = 0;
  bool is_again = false;
  for (size_t next = 0; next < count;) {
    const int sent = ::sendmmsg(shared.descriptor, &messages[next], static_cast<unsigned>(count - next),
                                MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) {
      next += static_cast<size_t>(sent);
      is_again = false;
      continue;
    }
    // What ICMP said about an earlier datagram is told to whoever sends next; this one has not been tried yet.
    if (!std::exchange(is_again, true) && is_told_of_another(shared, errno)) continue;
    is_again = false;
    ++dropped;
    ++next;
  }
  outbox.items.clear();
  outbox.bytes.clear();
  return dropped;
}

class AsioUdpSocket final : public UdpSocket {
 public:
  AsioUdpSocket(AsioLoop& loop, uint64_t& dropped, std::shared_ptr<Shared> shared, Endpoint local)
      : loop_(loop), dropped_(dropped), shared_(std::move(shared)), local_(local) {}
  ~AsioUdpSocket() override {
    dropped_ += flush(*shared_);
    shared_->is_open = false;
    loop_.unwatch(shared_->descriptor);
    ::close(std::exchange(shared_->descriptor, -1));
  }

  void send(const Endpoint& to, Bytes datagram) override {
    Outbox& outbox = shared_->outbox;
    outbox.items.push_back({SocketAddress(to), outbox.bytes.size(), datagram.size()});
    outbox.bytes.insert(outbox.bytes.end(), datagram.begin(), datagram.end());
    if (outbox.is_full()) dropped_ += flush(*shared_);
    if (std::exchange(shared_->is_flush_due, true)) return;
    loop_.at_turn_end([shared = shared_, &dropped = dropped_] {
      shared->is_flush_due = false;
      if (shared->is_open) dropped += flush(*shared);
    });
  }
  void set_unreachable_handler(std::move_only_function<void(const Endpoint&)> on_unreachable) override {
    shared_->on_unreachable = std::move(on_unreachable);
    const int is_wanted = shared_->on_unreachable ? 1 : 0;
    if (local_.address.is_v6())
      set_option(shared_->descriptor, IPPROTO_IPV6, IPV6_RECVERR, is_wanted);
    else
      set_option(shared_->descriptor, IPPROTO_IP, IP_RECVERR, is_wanted);
  }
  Endpoint local() const override { return local_; }

 private:
  AsioLoop& loop_;
  uint64_t& dropped_;
  std::shared_ptr<Shared> shared_;  // Also held by the poller while it runs the handler.
  Endpoint local_;
};

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
  auto watched = loop.watch(shared->descriptor, {.is_readable = true}, [shared, &reader](Readiness ready) {
    const size_t count = reader.read(shared->descriptor);
    for (size_t i = 0; i < count && shared->is_open; ++i) shared->on_datagram(reader.from(i), reader.datagram(i));
    // Nobody asked for writing: it is an error that is told.
    if (ready.is_writable) read_errors(*shared);
  });
  if (!watched) return pass(watched);
  return std::make_unique<AsioUdpSocket>(loop, dropped, std::move(shared), name.endpoint());
}

}  // namespace nearend::io
