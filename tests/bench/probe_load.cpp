// STUN Binding requests or OPTIONS to a gateway on loopback, as fast as it answers them: so many are under way, each
// OPTIONS on a branch of its own.
//
//   probe_load stun|options PORT SECONDS GATEWAY_PID
//   Prints one JSON object: asked, answered, per_s, cpu_us (the gateway's process, an answer).
#include <arpa/inet.h>
#include <sys/socket.h>
#include <time.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr int batch = 64, under_way_most = 192;

double seconds_of(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

std::string stun(uint64_t number) {
  std::string text("\0\1\0\0\x21\x12\xa4\x42????\0\0\0\0\0\0\0\0", 20);
  std::memcpy(text.data() + 12, &number, sizeof number);
  return text;
}

std::string options(uint64_t number) {
  const std::string id = std::to_string(number);
  return "OPTIONS sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5999;branch=z9hG4bK" + id +
         ";rport\r\nMax-Forwards: 70\r\nFrom: <sip:probe@127.0.0.1>;tag=" + id +
         "\r\nTo: <sip:127.0.0.1>\r\nCall-ID: " + id +
         "@127.0.0.1\r\nCSeq: 1 OPTIONS\r\nContact: <sip:probe@127.0.0.1:5999>\r\nAccept: application/sdp\r\n"
         "Content-Length: 0\r\n\r\n";
}

struct Batch {
  std::array<mmsghdr, batch> headers{};
  std::array<iovec, batch> pieces{};
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  const bool is_stun = std::string_view(argv[1]) == "stun";
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(std::atoi(argv[2])));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int socket = ::socket(AF_INET, SOCK_DGRAM, 0);
  const timeval patience{0, 200'000};
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (::connect(socket, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) return 1;
  clockid_t gateway{};
  if (::clock_getcpuclockid(std::atoi(argv[4]), &gateway) != 0) return 1;

  std::vector<std::string> texts(batch);
  std::vector<std::array<char, 1500>> heard(batch);
  Batch out, in;
  for (size_t i = 0; i < batch; ++i) {
    in.pieces[i] = {heard[i].data(), heard[i].size()};
    in.headers[i].msg_hdr.msg_iov = &in.pieces[i];
    in.headers[i].msg_hdr.msg_iovlen = 1;
    out.headers[i].msg_hdr.msg_iov = &out.pieces[i];
    out.headers[i].msg_hdr.msg_iovlen = 1;
  }
  long asked = 0, answered = 0, lost = 0;
  const double begun = seconds_of(CLOCK_MONOTONIC), cpu_begun = seconds_of(gateway);
  const double until = begun + std::atof(argv[3]);
  while (seconds_of(CLOCK_MONOTONIC) < until) {
    while (asked - answered - lost + batch <= under_way_most) {
      for (size_t i = 0; i < batch; ++i) {
        texts[i] = is_stun ? stun(static_cast<uint64_t>(++asked)) : options(static_cast<uint64_t>(++asked));
        out.pieces[i] = {texts[i].data(), texts[i].size()};
      }
      if (::sendmmsg(socket, out.headers.data(), batch, 0) != batch) return 1;
    }
    const int got = ::recvmmsg(socket, in.headers.data(), batch, MSG_WAITFORONE, nullptr);
    if (got > 0)
      answered += got;
    else
      lost = asked - answered;  // none of them is under way any more
  }
  const double took = seconds_of(CLOCK_MONOTONIC) - begun, cpu = seconds_of(gateway) - cpu_begun;
  std::printf("{\"asked\":%ld,\"answered\":%ld,\"lost\":%ld,\"per_s\":%.0f,\"cpu_us\":%.3f}\n", asked, answered, lost,
              static_cast<double>(answered) / took, cpu * 1e6 / static_cast<double>(answered));
  return 0;
}
