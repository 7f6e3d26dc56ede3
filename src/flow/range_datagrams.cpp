#include "flow/range_datagrams.hpp"

#include <unistd.h>

#include <cstring>
#include <utility>

namespace nearend::flow {
namespace {

constexpr uint8_t expedited = 46 << 2;  // RFC 4594: voice
constexpr uint8_t hops = 64;
constexpr size_t udp_size = 8;

void put16(uint8_t* at, size_t value) {
  at[0] = static_cast<uint8_t>(value >> 8);
  at[1] = static_cast<uint8_t>(value);
}

/// One's complement sum in the machine's own byte order (RFC 1071 2 B): four bytes at a time.
uint64_t add_up(const uint8_t* bytes, size_t size, uint64_t sum) {
  for (; size >= 4; bytes += 4, size -= 4) {
    uint32_t word = 0;
    std::memcpy(&word, bytes, sizeof(word));
    sum += word;
  }
  uint32_t rest = 0;
  std::memcpy(&rest, bytes, size);
  return sum + rest;
}

uint16_t checksum_of(uint64_t sum) {
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  const auto folded = static_cast<uint16_t>(~sum);
  return folded == 0 ? 0xffff : folded;  // RFC 768: zero means none
}

size_t write_ip(uint8_t* at, const Endpoint& from, const Endpoint& to, size_t udp_length) {
  if (from.address.is_v6()) {
    std::memset(at, 0, 40);
    at[0] = static_cast<uint8_t>(0x60 | expedited >> 4);
    at[1] = static_cast<uint8_t>(expedited << 4);
    put16(at + 4, udp_length);
    at[6] = IPPROTO_UDP;
    at[7] = hops;
    std::memcpy(at + 8, from.address.bytes().data(), 16);
    std::memcpy(at + 24, to.address.bytes().data(), 16);
    return 40;
  }
  std::memset(at, 0, 20);
  at[0] = 0x45;
  at[1] = expedited;
  put16(at + 2, 20 + udp_length);
  at[6] = 0x40;  // Not to be fragmented, as the sockets' own are not; number and header sum are the kernel's.
  at[8] = hops;
  at[9] = IPPROTO_UDP;
  std::memcpy(at + 12, from.address.bytes().data(), 4);
  std::memcpy(at + 16, to.address.bytes().data(), 4);
  return 20;
}

void write_udp(uint8_t* at, const Endpoint& from, const Endpoint& to, std::span<const uint8_t> datagram) {
  const size_t length = udp_size + datagram.size();
  put16(at, from.port);
  put16(at + 2, to.port);
  put16(at + 4, length);
  put16(at + 6, 0);
  std::memcpy(at + udp_size, datagram.data(), datagram.size());
  std::array<uint8_t, 4> pseudo{0, IPPROTO_UDP};
  put16(&pseudo[2], length);
  const size_t address_size = from.address.is_v6() ? 16 : 4;
  uint64_t sum = add_up(pseudo.data(), pseudo.size(), 0);
  sum = add_up(from.address.bytes().data(), address_size, sum);
  sum = add_up(to.address.bytes().data(), address_size, sum);
  const uint16_t checksum = checksum_of(add_up(at, length, sum));
  std::memcpy(at + 6, &checksum, sizeof(checksum));
}

int open_raw(int family) {
  const int socket = ::socket(family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_RAW);
  if (socket < 0) return -1;
  const int buffer = 4 << 20, none = 0;
  ::setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
  ::setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &none, sizeof(none));
  return socket;
}

}  // namespace

RangeReader::RangeReader() {
  for (size_t i = 0; i < batch; ++i) {
    parts_[i] = {.iov_base = bytes_[i].data(), .iov_len = range_datagram_max};
    headers_[i].msg_hdr.msg_name = &from_[i];
    headers_[i].msg_hdr.msg_iov = &parts_[i];
    headers_[i].msg_hdr.msg_iovlen = 1;
    headers_[i].msg_hdr.msg_control = control_[i].data();
  }
}

size_t RangeReader::fill_one(int socket) {
  headers_[0].msg_hdr.msg_namelen = sizeof(sockaddr_storage);
  headers_[0].msg_hdr.msg_controllen = control_size;
  const ssize_t size = ::recvmsg(socket, &headers_[0].msg_hdr, MSG_DONTWAIT);
  headers_[0].msg_len = size > 0 ? static_cast<unsigned>(size) : 0;
  return size > 0 ? 1 : 0;
}

size_t RangeReader::fill(int socket) {
  for (mmsghdr& header : headers_) {
    header.msg_hdr.msg_namelen = sizeof(sockaddr_storage);
    header.msg_hdr.msg_controllen = control_size;
  }
  const int count = ::recvmmsg(socket, headers_.data(), batch, MSG_DONTWAIT, nullptr);
  return count > 0 ? static_cast<size_t>(count) : 0;
}

uint16_t RangeReader::port_of(size_t i) {
  for (cmsghdr* one = CMSG_FIRSTHDR(&headers_[i].msg_hdr); one; one = CMSG_NXTHDR(&headers_[i].msg_hdr, one)) {
    const bool is_v4 = one->cmsg_level == IPPROTO_IP && one->cmsg_type == IP_ORIGDSTADDR;
    const bool is_v6 = one->cmsg_level == IPPROTO_IPV6 && one->cmsg_type == IPV6_ORIGDSTADDR;
    if (!is_v4 && !is_v6) continue;
    uint16_t port = 0;  // In the same place for both families.
    std::memcpy(&port, CMSG_DATA(one) + offsetof(sockaddr_in, sin_port), sizeof(port));
    return ntohs(port);
  }
  return 0;
}

RangeWriter::RangeWriter() : v4_(open_raw(AF_INET)), v6_(open_raw(AF_INET6)) {
  for (size_t i = 0; i < batch; ++i) {
    parts_[i].iov_base = bytes_[i].data();
    headers_[i].msg_hdr.msg_iov = &parts_[i];
    headers_[i].msg_hdr.msg_iovlen = 1;
    headers_[i].msg_hdr.msg_name = to_[i].data();
  }
}

RangeWriter::~RangeWriter() {
  for (int socket : {v4_, v6_})
    if (socket >= 0) ::close(socket);
}

bool RangeWriter::add(const Endpoint& from, const Endpoint& to, std::span<const uint8_t> datagram) {
  const int socket = from.address.is_v6() ? v6_ : v4_;
  if (socket < 0 || from.address.family() != to.address.family() || from.address.is_unspecified()) return false;
  if (datagram.size() > range_datagram_max) return false;
  if (count_ == batch) send_all();
  uint8_t* packet = bytes_[count_].data();
  const size_t head = write_ip(packet, from, to, udp_size + datagram.size());
  write_udp(packet + head, from, to, datagram);
  parts_[count_].iov_len = head + udp_size + datagram.size();
  to_[count_] = io::SocketAddress(Endpoint{to.address, 0});
  headers_[count_].msg_hdr.msg_namelen = to_[count_].size;
  sockets_[count_++] = socket;
  return true;
}

uint64_t RangeWriter::flush() {
  send_all();
  return std::exchange(unsent_, 0);
}

int RangeWriter::send(size_t first, size_t count) {
  constexpr int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
  if (count > 1) return ::sendmmsg(sockets_[first], &headers_[first], static_cast<unsigned>(count), flags);
  const ssize_t size = ::sendto(sockets_[first], parts_[first].iov_base, parts_[first].iov_len, flags,
                                to_[first].data(), to_[first].size);
  return size < 0 ? -1 : 1;
}

void RangeWriter::send_all() {
  for (size_t first = 0; first < count_;) {
    size_t end = first + 1;
    while (end < count_ && sockets_[end] == sockets_[first]) ++end;
    const int sent = send(first, end - first);
    // The kernel tells an error only for the first one: that one is dropped, the others have their chance.
    if (sent <= 0) ++unsent_;
    first += sent > 0 ? static_cast<size_t>(sent) : 1;
  }
  count_ = 0;
}

}  // namespace nearend::flow
