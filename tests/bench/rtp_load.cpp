// Speech in real packets: legs of 50 packets a second each, sent by a clock that does not drift and spread evenly over
// the 20 ms, with the time of sending in the payload. It spins on a core of its own, so that what it measures is the
// relay's delay and not its own waking up, and reads the relay's core from the kernel's accounting meanwhile.
//
//   rtp_load TARGETS WARMUP_S SECONDS RELAY_CORE
//   TARGETS: a line a leg, "local-port address port"; legs 2n and 2n+1 hear each other. Prints one JSON object.
#include <arpa/inet.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

constexpr uint64_t second = 1'000'000'000, frame = 20'000'000, linger = 300'000'000;
constexpr size_t header = 12, payload = 160;

struct Leg {
  int socket = -1;
  sockaddr_in to{};
  uint32_t sent = 0, heard = 0;
  uint32_t counted_from = 0;  // packets before it belong to the warm-up
};

struct CoreTime {
  double busy = 0, softirq = 0, steal = 0;  // seconds
};

uint64_t now() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<uint64_t>(time.tv_sec) * second + static_cast<uint64_t>(time.tv_nsec);
}

/// A core's busy time by its idle time, which is exact: stamped when it enters and leaves idling, interrupts taken out.
/// The relay's own part, its process and the core's softirqs, is sampled by the clock tick; it leaves other programs
/// out.
CoreTime read_core(int core, uint64_t at) {
  std::FILE* file = std::fopen("/proc/stat", "r");
  std::array<char, 512> line;
  char name[16];
  std::snprintf(name, sizeof(name), "cpu%d ", core);
  CoreTime time;
  while (file && std::fgets(line.data(), line.size(), file)) {
    if (std::strncmp(line.data(), name, std::strlen(name)) != 0) continue;
    unsigned long long user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, softirq = 0, steal = 0;
    std::sscanf(line.data() + std::strlen(name), "%llu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system,
                &idle, &wait, &irq, &softirq, &steal);
    const double tick = 1.0 / static_cast<double>(::sysconf(_SC_CLK_TCK));
    time.busy = static_cast<double>(at) / 1e9 - static_cast<double>(idle + wait + steal) * tick;
    time.softirq = static_cast<double>(softirq + irq) * tick;
    time.steal = static_cast<double>(steal) * tick;
  }
  if (file) std::fclose(file);
  return time;
}

class Load {
 public:
  bool open(const char* path);
  void run(double warmup, double seconds, int core);

 private:
  void send_due(uint64_t at);
  void hear(Leg& leg);
  void print(double seconds, const CoreTime& before, const CoreTime& after);

  std::vector<Leg> legs_;
  std::vector<uint32_t> delays_;  // ns
  int epoll_ = ::epoll_create1(0);
  uint64_t begin_ = 0, next_ = 0;  // number of the next packet of all
  bool is_counting_ = false, is_over_ = false;
  uint64_t lag_ = 0, strange_ = 0;
};

bool Load::open(const char* path) {
  std::FILE* file = std::fopen(path, "r");
  char address[64];
  unsigned local = 0, port = 0;
  while (file && std::fscanf(file, "%u %63s %u", &local, address, &port) == 3) {
    Leg leg;
    leg.socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    const int buffer = 1 << 20;
    ::setsockopt(leg.socket, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
    sockaddr_in own{.sin_family = AF_INET, .sin_port = htons(static_cast<uint16_t>(local))};
    leg.to = {.sin_family = AF_INET, .sin_port = htons(static_cast<uint16_t>(port))};
    inet_pton(AF_INET, address, &leg.to.sin_addr);
    inet_pton(AF_INET, "127.0.0.1", &own.sin_addr);
    if (::bind(leg.socket, reinterpret_cast<sockaddr*>(&own), sizeof(own)) != 0) {
      std::perror("bind");
      return false;
    }
    epoll_event wanted{.events = EPOLLIN, .data = {.u32 = static_cast<uint32_t>(legs_.size())}};
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, leg.socket, &wanted);
    legs_.push_back(leg);
  }
  if (file) std::fclose(file);
  return !legs_.empty() && legs_.size() % 2 == 0;
}

void Load::send_due(uint64_t at) {
  const uint64_t step = frame / legs_.size();
  std::array<uint8_t, header + payload> packet;
  for (int burst = 0; burst < 4 && !is_over_; ++burst) {
    const uint64_t due = begin_ + next_ / legs_.size() * frame + next_ % legs_.size() * step;
    if (at < due) return;
    if (is_counting_) lag_ = std::max(lag_, at - due);
    const auto number = static_cast<uint32_t>(next_ % legs_.size());
    Leg& leg = legs_[number];
    packet.fill(static_cast<uint8_t>(leg.sent));
    packet[0] = 0x80;
    packet[1] = 0;
    const uint16_t sequence = htons(static_cast<uint16_t>(leg.sent));
    const uint32_t words[] = {htonl(leg.sent * 160), htonl(number + 1)};
    std::memcpy(&packet[2], &sequence, 2);
    std::memcpy(&packet[4], words, 8);
    std::memcpy(&packet[header], &leg.sent, 4);
    std::memcpy(&packet[header + 4], &number, 4);
    const uint64_t stamp = now();
    std::memcpy(&packet[header + 8], &stamp, 8);
    ::sendto(leg.socket, packet.data(), packet.size(), 0, reinterpret_cast<sockaddr*>(&leg.to), sizeof(leg.to));
    ++leg.sent;
    ++next_;
  }
}

void Load::hear(Leg& leg) {
  std::array<uint8_t, 2048> packet;
  const ssize_t size = ::recv(leg.socket, packet.data(), packet.size(), 0);
  const uint64_t at = now();
  if (size != header + payload) return;
  uint32_t sent = 0, number = 0;
  uint64_t stamp = 0;
  std::memcpy(&sent, &packet[header], 4);
  std::memcpy(&number, &packet[header + 4], 4);
  std::memcpy(&stamp, &packet[header + 8], 8);
  if (number >= legs_.size() || &legs_[number ^ 1] != &leg) {
    ++strange_;
    return;
  }
  if (sent < legs_[number].counted_from || !is_counting_) return;
  ++leg.heard;
  if (delays_.size() < delays_.capacity())
    delays_.push_back(static_cast<uint32_t>(std::min<uint64_t>(at - stamp, UINT32_MAX)));
}

void Load::run(double warmup, double seconds, int core) {
  delays_.reserve(static_cast<size_t>(static_cast<double>(legs_.size()) * 51 * (seconds + 1)));
  std::fill_n(delays_.data(), delays_.capacity(), 0);  // no page faults later
  begin_ = now();
  const uint64_t counting = begin_ + static_cast<uint64_t>(warmup * 1e9);
  const uint64_t end = counting + static_cast<uint64_t>(seconds * 1e9);
  CoreTime before, after;
  std::array<epoll_event, 64> ready;
  for (;;) {
    const uint64_t at = now();
    if (!is_counting_ && at >= counting) {
      is_counting_ = true;
      for (Leg& leg : legs_) leg.counted_from = leg.sent;
      before = read_core(core, now());
    }
    if (!is_over_ && at >= end) {
      is_over_ = true;
      after = read_core(core, now());
    }
    if (at >= end + linger) break;
    send_due(at);
    const int count = ::epoll_wait(epoll_, ready.data(), ready.size(), 0);
    for (int i = 0; i < count; ++i) {
      hear(legs_[ready[static_cast<size_t>(i)].data.u32]);
      send_due(now());
    }
  }
  print(seconds, before, after);
}

void Load::print(double seconds, const CoreTime& before, const CoreTime& after) {
  std::sort(delays_.begin(), delays_.end());
  const auto at = [&](double share) {
    if (delays_.empty()) return 0.0;
    return delays_[std::min(delays_.size() - 1, static_cast<size_t>(share * static_cast<double>(delays_.size())))] /
           1e3;
  };
  uint64_t sent = 0, heard = 0, silent = 0, worst = 0;
  for (size_t i = 0; i < legs_.size(); ++i) {
    const uint64_t out = legs_[i].sent - legs_[i].counted_from;
    sent += out;
    heard += legs_[i ^ 1].heard;
    if (legs_[i ^ 1].heard == 0) ++silent;
    worst = std::max<uint64_t>(worst, out - std::min<uint64_t>(out, legs_[i ^ 1].heard));
  }
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  std::printf(
      "{\"legs\": %zu, \"sent\": %llu, \"heard\": %llu, \"lost\": %lld, \"lost_worst_stream\": %llu, "
      "\"silent_streams\": "
      "%llu, \"strange\": %llu, \"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f, \"max_us\": %.1f, \"cpu\": "
      "%.2f, "
      "\"softirq\": %.2f, \"steal\": %.2f, \"lag_max_us\": %.1f}\n",
      legs_.size(), static_cast<unsigned long long>(sent), static_cast<unsigned long long>(heard),
      static_cast<long long>(sent - heard), static_cast<unsigned long long>(worst),
      static_cast<unsigned long long>(silent), static_cast<unsigned long long>(strange_), at(0.5), at(0.99), at(0.999),
      at(1), (after.busy - before.busy) / seconds * 100, (after.softirq - before.softirq) / seconds * 100,
      (after.steal - before.steal) / seconds * 100, static_cast<double>(lag_) / 1e3);
}

}  // namespace

int main(int count, char** words) {
  if (count != 5) {
    std::fprintf(stderr, "usage: rtp_load TARGETS WARMUP_S SECONDS RELAY_CORE\n");
    return 2;
  }
  Load load;
  if (!load.open(words[1])) return 1;
  load.run(std::atof(words[2]), std::atof(words[3]), std::atoi(words[4]));
}
