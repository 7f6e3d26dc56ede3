// Calls set up through a relay's control interface, so many at a time: ours (HTTP, a connection a lane) or rtpengine's
// (ng over UDP). As signalling would: an offer reserves both sides, an answer tells the called side's address; then the
// call is there, and the next one is begun. All are torn down at the end, which is told apart.
//
// Once to warm up (what is kept from call to call is there then), after a pause for the ports to rest once more,
// measured.
//
//   setup_load nearend|rtpengine PORT CALLS LANES RELAY_PID
//   Prints one JSON object: calls, failed, set_ups_per_s, tear_downs_per_s, cpu_us (the relay's process, a set-up).
#include <arpa/inet.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr int phones_from = 40000;

double now() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

/// User and system time of all threads, by the scheduler's own clock: ns of runtime of each, `exec_runtime` being
/// sampled with every switch.
double cpu_of(int pid) {
  clockid_t clock{};
  timespec time{};
  if (::clock_getcpuclockid(pid, &clock) != 0 || ::clock_gettime(clock, &time) != 0) return 0;
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

std::string number(long value) {
  return std::to_string(value);
}

/// The value behind `"key":"` in a JSON text.
std::string member(std::string_view text, std::string_view key) {
  const size_t at = text.find("\"" + std::string(key) + "\":\"");
  if (at == std::string_view::npos) return {};
  const size_t from = at + key.size() + 4;
  return std::string(text.substr(from, text.find('"', from) - from));
}

/// One call at a time, step by step; knows what to ask next and whether an answer is one.
class Lane {
 public:
  virtual ~Lane() = default;
  /// The next question of the call, or nothing: it is there (or gone).
  virtual std::string next(bool is_setting_up) = 0;
  /// False: refused.
  virtual bool take(std::string_view answer) = 0;
  /// Whether `text` holds a whole answer.
  virtual bool is_whole(std::string_view text) const = 0;

  int socket = -1;
  long call = -1;
  int step = 0;
  int round = 0;  // calls of another round are other calls: rtpengine still knows those it was told to delete
  std::string heard;
};

class HttpLane final : public Lane {
 public:
  HttpLane(std::vector<std::string>& ids) : ids_(ids) {}

  std::string next(bool is_setting_up) override {
    const size_t a = static_cast<size_t>(call) * 2, b = a + 1;
    if (!is_setting_up) {
      if (step == 1) return {};
      return ask("POST", "/v1/media/commands",
                 commands(command("DELETE", ids_[a], "null") + "," + command("DELETE", ids_[b], "null")));
    }
    switch (step) {
      case 0:
        return ask("POST", "/v1/media/commands",
                   commands(command("POST", "", anchor('a', ",\"outer_remotes\":[" + remote(0) + "]")) + "," +
                            command("POST", "",
                                    anchor('b',
                                           ",\"path\":{\"kind\":\"bridge\",\"peer\":\"$0\","
                                           "\"has_comfort_noise\":false}"))));
      case 1:
        return ask("PUT", "/v1/media/anchors/" + ids_[b] + "/remotes/outer", remote(1));
      default:
        return {};
    }
  }

  bool take(std::string_view answer) override {
    const bool is_good = answer.starts_with("HTTP/1.1 2") && answer.find("\"error\"") == std::string_view::npos;
    if (!is_good) {
      std::fprintf(stderr, "%.*s\n", static_cast<int>(answer.size()), answer.data());
      return false;
    }
    if (const size_t first = answer.find("\"id\":"); first != std::string_view::npos) {
      ids_[static_cast<size_t>(call) * 2] = member(answer.substr(first), "id");
      ids_[static_cast<size_t>(call) * 2 + 1] = member(answer.substr(answer.find("\"id\":", first + 1)), "id");
    }
    ++step;
    return true;
  }

  bool is_whole(std::string_view text) const override {
    const size_t end = text.find("\r\n\r\n");
    if (end == std::string_view::npos) return false;
    const size_t at = text.find("Content-Length: ");
    const size_t length = at < end ? static_cast<size_t>(std::strtoul(text.data() + at + 16, nullptr, 10)) : size_t{0};
    return text.size() >= end + 4 + length;
  }

 private:
  static std::string ask(std::string_view method, const std::string& target, const std::string& body) {
    std::string text = std::string(method) + " " + target + " HTTP/1.1\r\nHost: 127.0.0.1\r\n";
    if (!body.empty()) text += "Content-Type: application/json\r\n";
    text += "Content-Length: " + number(static_cast<long>(body.size())) + "\r\n\r\n" + body;
    return text;
  }

  static std::string command(std::string_view method, const std::string& anchor, const std::string& body) {
    return "{\"method\":\"" + std::string(method) + "\",\"path\":\"/v1/media/anchors" +
           (anchor.empty() ? "" : "/" + anchor) + "\",\"body\":" + body + "}";
  }
  static std::string commands(const std::string& list) { return "{\"commands\":[" + list + "]}"; }

  std::string anchor(char side, const std::string& more) const {
    return "{\"call\":\"CA" + number(call) + "\",\"leg\":\"LG" + number(round) + "_" + number(call) + side +
           "\",\"streams\":[\"audio\"],\"has_inner\":false,\"lease_s\":600" + more + "}";
  }

  std::string remote(int side) const {
    const long phone = phones_from + call % 6000 * 4 + side * 2;
    return "{\"stream\":0,\"rtp\":\"127.0.0.1:" + number(phone) + "\",\"rtcp\":\"127.0.0.1:" + number(phone + 1) +
           "\",\"formats\":[{\"payload_type\":0,\"name\":\"PCMU\",\"clock_rate\":8000},"
           "{\"payload_type\":101,\"name\":\"telephone-event\",\"clock_rate\":8000}]}";
  }

  std::vector<std::string>& ids_;
};

class NgLane final : public Lane {
 public:
  std::string next(bool is_setting_up) override {
    if (!is_setting_up) return step == 0 ? cookie() + "d7:call-id" + text(id()) + "7:command6:deletee" : std::string();
    if (step == 2) return {};
    const std::string tail = "e";
    std::string ask = cookie() + "d3:ICE6:remove7:call-id" + text(id()) + "7:command" +
                      text(step == 0 ? "offer" : "answer") + "8:from-tag1:a7:replacel6:origine3:sdp" + text(sdp());
    if (step == 1) ask += "6:to-tag1:b";
    return ask + tail;
  }

  bool take(std::string_view answer) override {
    if (answer.find("6:result2:ok") == std::string_view::npos) {
      std::fprintf(stderr, "%.*s\n", static_cast<int>(answer.size()), answer.data());
      return false;
    }
    ++step;
    return true;
  }

  bool is_whole(std::string_view) const override { return true; }

 private:
  static std::string text(const std::string& value) { return number(static_cast<long>(value.size())) + ":" + value; }
  std::string id() const { return "call" + number(round) + "_" + number(call); }
  std::string cookie() { return "c" + number(socket) + "_" + number(++cookies_) + " "; }
  std::string sdp() const {
    const long phone = phones_from + call % 6000 * 4 + step * 2;
    return "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio " + number(phone) +
           " RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n";
  }
  long cookies_ = 0;
};

/// All calls through the lanes, each lane with one question at a time; seconds that it took.
double run(std::vector<Lane*>& lanes, long calls, bool is_setting_up, long& failed) {
  const int epoll = ::epoll_create1(0);
  long begun = 0, open = 0;
  const auto advance = [&](Lane& lane) {
    for (;;) {
      const std::string ask = lane.call < 0 ? std::string() : lane.next(is_setting_up);
      if (!ask.empty()) {
        if (::send(lane.socket, ask.data(), ask.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(ask.size())) std::abort();
        return;
      }
      if (lane.call >= 0) --open;
      lane.call = begun < calls ? begun++ : -1;
      lane.step = 0;
      if (lane.call < 0) return;
      ++open;
    }
  };
  const double began = now();
  for (size_t i = 0; i < lanes.size(); ++i) {
    epoll_event wanted{.events = EPOLLIN, .data = {.u64 = i}};
    ::epoll_ctl(epoll, EPOLL_CTL_ADD, lanes[i]->socket, &wanted);
    lanes[i]->call = -1;
    advance(*lanes[i]);
  }
  std::vector<char> bytes(65536);
  epoll_event ready[32];
  while (open > 0) {
    const int count = ::epoll_wait(epoll, ready, 32, 3000);
    if (count <= 0) {
      failed += open;
      break;
    }
    for (int i = 0; i < count; ++i) {
      Lane& lane = *lanes[ready[i].data.u64];
      const ssize_t size = ::recv(lane.socket, bytes.data(), bytes.size(), 0);
      if (size <= 0) std::abort();
      lane.heard.append(bytes.data(), static_cast<size_t>(size));
      if (!lane.is_whole(lane.heard)) continue;
      const bool is_good = lane.take(lane.heard);
      lane.heard.clear();
      if (!is_good) {
        ++failed;
        --open;
        lane.call = -1;
      }
      advance(lane);
    }
  }
  ::close(epoll);
  return now() - began;
}

}  // namespace

int main(int count, char** words) {
  if (count != 6) {
    std::fprintf(stderr, "usage: setup_load nearend|rtpengine PORT CALLS LANES RELAY_PID\n");
    return 2;
  }
  const bool is_http = std::string_view(words[1]) == "nearend";
  const long calls = std::atol(words[3]);
  std::vector<std::string> ids(static_cast<size_t>(calls) * 2);
  std::vector<Lane*> lanes;
  for (long i = 0; i < std::atol(words[4]); ++i) {
    Lane* lane = is_http ? static_cast<Lane*>(new HttpLane(ids)) : new NgLane;
    lane->socket = ::socket(AF_INET, is_http ? SOCK_STREAM : SOCK_DGRAM, 0);
    sockaddr_in to{.sin_family = AF_INET, .sin_port = htons(static_cast<uint16_t>(std::atoi(words[2])))};
    ::inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    if (::connect(lane->socket, reinterpret_cast<sockaddr*>(&to), sizeof(to)) != 0) {
      std::perror("connect");
      return 1;
    }
    lanes.push_back(lane);
  }
  const int pid = std::atoi(words[5]);
  long failed = 0;
  run(lanes, calls, true, failed);
  run(lanes, calls, false, failed);
  ::sleep(5);
  for (Lane* lane : lanes) lane->round = 1;
  const double cpu_before = cpu_of(pid);
  const double up = run(lanes, calls, true, failed);
  const double cpu = cpu_of(pid) - cpu_before;
  const double down = failed == 0 ? run(lanes, calls, false, failed) : 0;
  std::printf(
      "{\"calls\": %ld, \"failed\": %ld, \"set_ups_per_s\": %.0f, \"tear_downs_per_s\": %.0f, \"cpu_us\": %.1f}\n",
      calls, failed, static_cast<double>(calls) / up, down > 0 ? static_cast<double>(calls) / down : 0.0,
      cpu / static_cast<double>(calls) * 1e6);
}
