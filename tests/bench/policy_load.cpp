// Questions to a policy server over HTTP keep-alive connections, at a pace that does not wait for its answers, while
// every gateway reports once a second. An answer's time counts from when its question was due, so that a server that
// stalls is charged for all who wait.
//
//   policy_load PORT QUESTIONS_PER_SECOND SECONDS LANES REGIONS GATEWAYS_A_REGION AREAS_A_REGION [KEY]
//   Regions are r0, r1, ...; gateways r0-gw0, ...; areas r0-a0, ... KEY signs the reports (Platform-Signature).
//   The first second is for warming up. Prints one JSON object: questions, failed, reports, p50_us, p99_us, most_us.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace {

double now() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

std::string number(long value) {
  return std::to_string(value);
}

struct Fleet {
  long regions, gateways, areas;  // the latter two a region
  std::string key;

  std::string area(long number_of) const {
    const long all = regions * areas;
    return "r" + number(number_of % all / areas) + "-a" + number(number_of % all % areas);
  }
};

std::string post(const std::string& path, const std::string& body, const std::string& more = {}) {
  return "POST " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n" + more +
         "Content-Length: " + number(static_cast<long>(body.size())) + "\r\n\r\n" + body;
}

std::string question(const Fleet& fleet, long count) {
  return post("/v1/routes", "{\"call\":\"CA" + number(count) + R"(","media":"audio","codecs":["PCMU"],"a":{"area":")" +
                                fleet.area(count * 7) + R"("},"b":{"area":")" + fleet.area(count * 31 + 3) + "\"}}");
}

/// Proof for the server: docs/openapi/policy.yaml.
std::string signature(const Fleet& fleet, const std::string& body) {
  if (fleet.key.empty()) return {};
  const std::string seconds = number(::time(nullptr));
  const std::string text = "POST\n/v1/reports\n" + seconds + "\n" + body;
  unsigned char mac[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  ::HMAC(::EVP_sha256(), fleet.key.data(), static_cast<int>(fleet.key.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac, &size);
  std::string hex;
  for (unsigned i = 0; i < size; ++i) {
    char pair[3];
    std::snprintf(pair, sizeof pair, "%02x", mac[i]);
    hex += pair;
  }
  return "Platform-Signature: t=" + seconds + ";h=" + hex + "\r\n";
}

/// A second of a gateway: 31 access areas and every other region.
std::string report(const Fleet& fleet, long gateway, long second) {
  const long region = gateway / fleet.gateways;
  std::string body = R"({"reports":[{"gateway":"r)" + number(region) + "-gw" + number(gateway % fleet.gateways) +
                     "\",\"seq\":" + number(second) + R"(,"load":{"used":300,"capacity":1000},"segments":[)";
  for (long i = 0; i < 31; ++i)
    body += R"({"area":")" + fleet.area(region * fleet.areas + i) + R"(","packets":500,"lost":)" +
            number((gateway + i + second) % 5) + R"(,"jitter_ms":3.2,"rtt_ms":)" + number(20 + i) + "},";
  for (long other = 0; other < fleet.regions; ++other)
    if (other != region)
      body += R"({"region":"r)" + number(other) + R"(","packets":1,"rtt_ms":)" +
              number(10 + 13 * std::abs(region - other)) + "},";
  body.back() = ']';
  body += "}]}";
  return post("/v1/reports", body, signature(fleet, body));
}

struct Lane {
  int socket = -1;
  bool is_busy = false, is_counted = false;
  double due = 0;
  std::string heard;

  void ask(const std::string& text, double due_at, bool counts) {
    if (::send(socket, text.data(), text.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(text.size())) std::abort();
    is_busy = true;
    is_counted = counts;
    due = due_at;
  }
  bool has_whole() const {
    const size_t end = heard.find("\r\n\r\n");
    if (end == std::string::npos) return false;
    const size_t at = heard.find("Content-Length: ");
    return at < end && heard.size() >= end + 4 + std::strtoul(heard.data() + at + 16, nullptr, 10);
  }
};

struct Waiting {
  std::string text;
  double due;
  bool is_counted;
};

struct Figures {
  std::vector<float> took_us;
  long failed = 0, reports = 0;
};

int lane_to(int port) {
  const int made = ::socket(AF_INET, SOCK_STREAM, 0);
  const int on = 1;
  ::setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(port));
  ::inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
  if (::connect(made, reinterpret_cast<sockaddr*>(&to), sizeof(to)) == 0) return made;
  std::perror("connect");
  std::exit(1);
}

class Run {
 public:
  Run(const Fleet& fleet, int port, size_t lanes) : fleet_(fleet), lanes_(lanes) {
    for (size_t i = 0; i < lanes; ++i) {
      lanes_[i].socket = lane_to(port);
      epoll_event wanted{.events = EPOLLIN, .data = {.u64 = i}};
      ::epoll_ctl(epoll_, EPOLL_CTL_ADD, lanes_[i].socket, &wanted);
    }
  }

  Figures drive(double rate, double seconds) {
    const double began = now(), counts_from = began + 1, ends = counts_from + seconds;
    const double reports_rate = static_cast<double>(fleet_.regions * fleet_.gateways);
    long asked = 0, reported = 0;
    for (double time = now(); time < ends + 1; time = now()) {
      for (double due; time < ends && (due = began + static_cast<double>(asked) / rate) <= time; ++asked)
        waiting_.push_back({question(fleet_, asked), due, due >= counts_from});
      for (double due; time < ends && (due = began + static_cast<double>(reported) / reports_rate) <= time;
           ++reported) {
        const long gateways = fleet_.regions * fleet_.gateways;
        waiting_.push_back({report(fleet_, reported % gateways, reported / gateways + 1), due, false});
        ++figures_.reports;
      }
      send_waiting();
      receive();
      if (time >= ends && open_ == 0 && waiting_.empty()) break;
    }
    figures_.failed += open_ + static_cast<long>(waiting_.size());
    return std::move(figures_);
  }

 private:
  void send_waiting() {
    for (Lane& lane : lanes_) {
      if (waiting_.empty()) return;
      if (lane.is_busy) continue;
      lane.ask(waiting_.front().text, waiting_.front().due, waiting_.front().is_counted);
      waiting_.pop_front();
      ++open_;
    }
  }

  void receive() {
    epoll_event ready[32];
    const int count = ::epoll_wait(epoll_, ready, 32, 0);
    for (int i = 0; i < count; ++i) {
      Lane& lane = lanes_[ready[i].data.u64];
      char bytes[16384];
      const ssize_t size = ::recv(lane.socket, bytes, sizeof bytes, 0);
      if (size <= 0) {
        std::fprintf(stderr, "the server closed a connection: %s\n", lane.heard.c_str());
        std::exit(1);
      }
      lane.heard.append(bytes, static_cast<size_t>(size));
      if (!lane.has_whole()) continue;
      const bool is_good = lane.heard.starts_with("HTTP/1.1 200");
      if (!is_good && figures_.failed++ == 0) std::fprintf(stderr, "%s\n", lane.heard.c_str());
      if (lane.is_counted) figures_.took_us.push_back(static_cast<float>((now() - lane.due) * 1e6));
      lane.heard.clear();
      lane.is_busy = false;
      --open_;
    }
  }

  const Fleet& fleet_;
  int epoll_ = ::epoll_create1(0);
  std::vector<Lane> lanes_;
  std::deque<Waiting> waiting_;
  long open_ = 0;
  Figures figures_;
};

}  // namespace

int main(int count, char** words) {
  if (count != 8 && count != 9) {
    std::fprintf(stderr, "usage: see the head of policy_load.cpp\n");
    return 2;
  }
  const Fleet fleet{std::atol(words[5]), std::atol(words[6]), std::atol(words[7]), count == 9 ? words[8] : ""};
  Run run(fleet, std::atoi(words[1]), static_cast<size_t>(std::atol(words[4])));
  Figures figures = run.drive(std::atof(words[2]), std::atof(words[3]));
  std::vector<float>& took = figures.took_us;
  if (took.empty()) return 1;
  std::ranges::sort(took);
  std::printf("{\"questions\":%zu,\"failed\":%ld,\"reports\":%ld,\"p50_us\":%.1f,\"p99_us\":%.1f,\"most_us\":%.1f}\n",
              took.size(), figures.failed, figures.reports, static_cast<double>(took[took.size() / 2]),
              static_cast<double>(took[took.size() * 99 / 100]), static_cast<double>(took.back()));
  return 0;
}
