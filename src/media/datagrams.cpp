#include "media/datagrams.hpp"

#include <cstring>
#include <utility>

namespace nearend::media {

DatagramReader::DatagramReader() {
  for (size_t i = 0; i < batch; ++i) {
    parts_[i] = {.iov_base = bytes_[i].data(), .iov_len = datagram_size_max};
    headers_[i].msg_hdr.msg_name = &from_[i];
    headers_[i].msg_hdr.msg_iov = &parts_[i];
    headers_[i].msg_hdr.msg_iovlen = 1;
  }
}

size_t DatagramReader::fill_one(int socket) {
  socklen_t size = sizeof(sockaddr_storage);
  const ssize_t length = ::recvfrom(socket, bytes_[0].data(), datagram_size_max, MSG_DONTWAIT | MSG_TRUNC,
                                    reinterpret_cast<sockaddr*>(from_.data()), &size);
  return length > 0 && static_cast<size_t>(length) <= datagram_size_max ? static_cast<size_t>(length) : 0;
}

size_t DatagramReader::fill(int socket) {
  for (mmsghdr& header : headers_) header.msg_hdr.msg_namelen = sizeof(sockaddr_storage);
  const int count = ::recvmmsg(socket, headers_.data(), batch, MSG_DONTWAIT, nullptr);
  return count > 0 ? static_cast<size_t>(count) : 0;
}

DatagramWriter::DatagramWriter() {
  for (size_t i = 0; i < batch; ++i) {
    parts_[i].iov_base = bytes_[i].data();
    headers_[i].msg_hdr.msg_name = to_[i].data();
    headers_[i].msg_hdr.msg_iov = &parts_[i];
    headers_[i].msg_hdr.msg_iovlen = 1;
  }
}

void DatagramWriter::add(int socket, const Endpoint& to, std::span<const uint8_t> datagram) {
  if (datagram.size() > datagram_size_max) {
    ++unsent_;
    return;
  }
  if (count_ == batch) send_all();
  sockets_[count_] = socket;
  to_[count_] = io::SocketAddress(to);
  headers_[count_].msg_hdr.msg_namelen = to_[count_].size;
  parts_[count_].iov_len = datagram.size();
  std::memcpy(bytes_[count_].data(), datagram.data(), datagram.size());
  ++count_;
}

uint64_t DatagramWriter::flush() {
  send_all();
  return std::exchange(unsent_, 0);
}

void DatagramWriter::send_all() {
  for (size_t first = 0; first < count_;) {
    size_t end = first + 1;
    while (end < count_ && sockets_[end] == sockets_[first]) ++end;
    send(first, end - first);
    first = end;
  }
  count_ = 0;
}

void DatagramWriter::send(size_t first, size_t count) {
  constexpr int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
  const size_t end = first + count;
  while (first < end) {
    int sent = 1;
    if (end - first > 1)
      sent = ::sendmmsg(sockets_[first], &headers_[first], static_cast<unsigned>(end - first), flags);
    else if (::sendto(sockets_[first], parts_[first].iov_base, parts_[first].iov_len, flags, to_[first].data(),
                      to_[first].size) < 0)
      sent = -1;
    // The kernel tells an error only for the first one: that one is dropped, the others have their chance.
    if (sent <= 0) ++unsent_;
    first += sent > 0 ? static_cast<size_t>(sent) : 1;
  }
}

}  // namespace nearend::media
