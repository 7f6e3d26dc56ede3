#pragma once

#include <fmt/format.h>

#include <cstring>
#include <functional>
#include <map>
#include <random>

#include "io/async.hpp"
#include "media/clip_loader.hpp"
#include "media/loop_control.hpp"

namespace nearend::media::test {

using namespace std::chrono_literals;

/// A loop whose time moves when the test says so.
class VirtualLoop final : public io::Loop {
 public:
  io::Instant now() const override { return now_; }
  io::WallTime wall() const override {
    return io::WallTime(std::chrono::seconds(1'800'000'000)) +
           std::chrono::duration_cast<io::WallTime::duration>(now_.time_since_epoch());
  }
  io::TimerId start_timer(io::Instant when, io::Callback run) override {
    const auto id = static_cast<io::TimerId>(++last_);
    timers_.emplace(std::pair(std::max(when, now_), last_), std::move(run));
    places_[id] = {std::max(when, now_), last_};
    return id;
  }
  void cancel_timer(io::TimerId timer) override {
    if (auto found = places_.extract(timer)) timers_.erase(found.mapped());
  }
  void post(io::Callback run) override { start_timer(now_, std::move(run)); }
  uint64_t random() override { return random_(); }

  void run_for(io::Duration length) {
    const io::Instant end = now_ + length;
    while (!timers_.empty() && timers_.begin()->first.first <= end) {
      auto node = timers_.extract(timers_.begin());
      now_ = node.key().first;
      places_.erase(static_cast<io::TimerId>(node.key().second));
      node.mapped()();
    }
    now_ = end;
  }

 private:
  io::Instant now_{io::Duration(3600s)};
  uint64_t last_ = 0;
  std::map<std::pair<io::Instant, uint64_t>, io::Callback> timers_;
  std::map<io::TimerId, std::pair<io::Instant, uint64_t>> places_;
  std::mt19937_64 random_{42};
};

/// UDP between endpoints of one process; `delay` says how long a datagram takes, nothing: lost.
class VirtualNet final : public io::Net {
 public:
  explicit VirtualNet(VirtualLoop& loop) : loop_(loop) {}
  std::function<std::optional<io::Duration>(const Endpoint& from, const Endpoint& to, io::Bytes)> delay =
      [](const Endpoint&, const Endpoint&, io::Bytes) { return io::Duration(1ms); };
  std::map<Endpoint, int> unroutable;

  Result<std::unique_ptr<io::UdpSocket>> open_udp(const Endpoint& local, io::DatagramHandler handler) override {
    Endpoint bound = local;
    if (bound.port == 0) bound.port = next_port_++;
    if (bound_.contains(bound)) return fail(Error::Kind::unavailable, "{} is taken", bound.to_string());
    bound_[bound] = std::make_shared<io::DatagramHandler>(std::move(handler));
    return std::make_unique<Socket>(*this, bound);
  }
  Result<std::unique_ptr<io::Listener>> listen(const Endpoint&, const io::TlsSettings*, io::AcceptHandler) override {
    return fail(Error::Kind::unsupported, "no streams here");
  }
  std::unique_ptr<io::Stream> connect(const Endpoint&, const io::TlsSettings*, io::Stream::Handlers) override {
    return nullptr;
  }
  size_t bound_count() const { return bound_.size(); }

 private:
  struct Socket final : io::UdpSocket {
    Socket(VirtualNet& of, Endpoint at) : net(of), bound(at) {}
    ~Socket() override { net.bound_.erase(bound); }
    void send(const Endpoint& to, io::Bytes datagram) override { net.send(bound, to, datagram); }
    Endpoint local() const override { return bound; }
    VirtualNet& net;
    Endpoint bound;
  };
  void send(const Endpoint& from, const Endpoint& to, io::Bytes datagram) {
    const auto after = delay(from, to, datagram);
    if (!after) return;
    loop_.start_timer(loop_.now() + *after,
                      [this, from, to, copy = std::vector<uint8_t>(datagram.begin(), datagram.end())] {
                        const auto found = bound_.find(to);
                        if (found == bound_.end()) {
                          ++unroutable[to];
                          return;
                        }
                        auto handler = found->second;  // kept while it runs
                        (*handler)(from, copy);
                      });
  }
  VirtualLoop& loop_;
  std::map<Endpoint, std::shared_ptr<io::DatagramHandler>> bound_;
  uint16_t next_port_ = 40000;
};

inline IpAddress address(const char* text) {
  return *parse_ip(text);
}

/// A telephone: sends a numbered frame every 20 ms, keeps what it hears.
class Phone {
 public:
  struct Heard {
    io::Instant at;
    rtp::Packet packet;  // payload points into bytes
    std::vector<uint8_t> bytes;
    uint32_t number() const { return packet.payload.size() >= 160 ? rtp::read32(packet.payload.data()) : 0; }
  };
  Phone(VirtualLoop& loop, VirtualNet& net, const char* ip, uint32_t ssrc) : loop_(loop), timer_(loop), ssrc_(ssrc) {
    socket_ = *net.open_udp({address(ip), 0}, [this](const Endpoint& from, io::Bytes bytes) { hear(from, bytes); });
    rtcp_ =
        *net.open_udp({address(ip), static_cast<uint16_t>(socket_->local().port + 1)},
                      [this](const Endpoint&, io::Bytes bytes) { reports.emplace_back(bytes.begin(), bytes.end()); });
    sequence = static_cast<uint16_t>(ssrc * 7919);
    timestamp = ssrc * 104729;
  }
  Endpoint local() const { return socket_->local(); }
  void talk_to(const Endpoint& to) {
    to_ = to;
    is_talking = true;
    if (!timer_.is_running()) step();
  }
  /// Where send() goes, without talking.
  void aim(const Endpoint& to) { to_ = to; }
  void send(rtp::Packet packet) {
    packet.ssrc = ssrc_;
    std::array<uint8_t, 1500> buffer;
    socket_->send(to_, {buffer.data(), rtp::write_packet(buffer, packet)});
  }
  void send_raw(const Endpoint& to, io::Bytes bytes) { socket_->send(to, bytes); }
  void send_rtcp(const Endpoint& to, io::Bytes bytes) { rtcp_->send(to, bytes); }
  void say(uint32_t number) {
    std::array<uint8_t, 160> payload;
    payload.fill(static_cast<uint8_t>(0x80 | (number & 0x3f)));
    rtp::write32(payload.data(), number);
    send({.payload_type = payload_type, .sequence = sequence++, .timestamp = timestamp, .payload = payload});
  }
  /// Presses a key for `frames` packets from the next tick on.
  void press(char digit, uint16_t frames = 5) {
    pressing_.emplace(*rtp::event_of_digit(digit), static_cast<uint16_t>(frames * 160));
    event_timestamp_ = timestamp;
  }
  std::vector<char> keys() const {  // digits heard, each once, by a fresh detector
    std::vector<char> found;
    rtp::EventDetector detector;
    for (const Heard& one : heard) {
      if (one.packet.payload_type != 101) continue;
      if (auto event = rtp::parse_event(one.packet.payload)) {
        const auto pressed = detector.on_event(one.packet.timestamp, *event, 8000, one.at);
        for (uint8_t i = 0; i < pressed.count; ++i) found.push_back(pressed.pressed[i].digit);
      }
    }
    if (detector.is_open()) found.push_back('?');
    return found;
  }
  bool is_talking = false;
  uint8_t payload_type = 0;
  uint16_t sequence;
  uint32_t timestamp;
  uint32_t count = 1;
  uint32_t jitter_ms = 0;
  std::vector<Heard> heard;
  std::vector<std::vector<uint8_t>> reports;

 private:
  void step() {
    timer_.start(20ms, [this] { step(); });
    if (!is_talking) return;
    timestamp += 160;
    if (pressing_) {
      const bool is_new = pressing_->is_new();
      if (is_new) event_timestamp_ = timestamp;
      if (auto event = pressing_->next()) {
        const auto bytes = rtp::write_event(*event);
        send({.marker = is_new,
              .payload_type = 101,
              .sequence = sequence++,
              .timestamp = event_timestamp_,
              .payload = bytes});
        ++count;
        return;
      }
      pressing_.reset();
    }
    say(count++);
  }
  void hear(const Endpoint&, io::Bytes bytes) {
    heard.push_back({loop_.now(), {}, {bytes.begin(), bytes.end()}});
    heard.back().packet = rtp::parse_packet(heard.back().bytes).value_or(rtp::Packet{});
  }
  VirtualLoop& loop_;
  std::unique_ptr<io::UdpSocket> socket_, rtcp_;
  io::Timer timer_;
  Endpoint to_;
  uint32_t ssrc_;
  std::optional<rtp::EventSender> pressing_;
  uint32_t event_timestamp_ = 0;
};

inline std::vector<Format> telephone_formats(uint8_t law = 0) {
  return {{.payload_type = law, .name = law == 0 ? "PCMU" : "PCMA"}, {.payload_type = 101, .name = "telephone-event"}};
}

/// A loop, a network and media nodes, and the means to call coroutines from a test.
struct World {
  VirtualLoop loop;
  VirtualNet net{loop};
  LoopWorker worker{loop};
  NodeSettings settings;
  std::unique_ptr<ClipLoader> loader;
  std::unique_ptr<LoopControl> node;
  std::map<AnchorId, std::vector<Event>> events;

  explicit World(NodeSettings with = {}) : settings(std::move(with)) {
    settings.bind_outer = address("198.51.100.1");
    settings.bind_inner = address("203.0.113.1");
    loader = std::make_unique<ClipLoader>(loop, nullptr, worker, settings);
    node = std::make_unique<LoopControl>(loop, net, settings, *loader);
    node->set_event_handler([this](AnchorId id, Event event) { events[id].push_back(std::move(event)); });
  }

  template <class T>
  T wait(Task<T> task) {
    std::optional<T> out;
    io::Scope scope(loop);
    scope.spawn(keep(std::move(task), out));
    for (int i = 0; i < 2000 && !out; ++i) loop.run_for(1ms);
    return std::move(*out);
  }
  AnchorInfo allocate(AllocateRequest request) {
    request.lease = {};
    auto info = wait(node->allocate(std::move(request)));
    return info ? *info : AnchorInfo{};
  }
  AnchorInfo allocate(const std::string& leg) {
    AllocateRequest request;
    request.leg = leg;
    return allocate(std::move(request));
  }
  void set_remote(const AnchorInfo& anchor, Side side, const Endpoint& to,
                  std::vector<Format> formats = telephone_formats(), SourceRule rule = {}) {
    Remote remote{.rtp = to, .formats = std::move(formats), .source = std::move(rule)};
    (void)wait(node->set_remote(anchor.id, side, std::move(remote)));
  }
  Result<void> connect(const AnchorInfo& anchor, Path path) { return wait(node->connect(anchor.id, path)); }
  Result<void> arm(const AnchorInfo& anchor, Path path) { return wait(node->arm(anchor.id, path)); }

  template <class T>
  std::vector<T> told(const AnchorInfo& anchor) {
    std::vector<T> found;
    for (const Event& event : events[anchor.id])
      if (const T* one = std::get_if<T>(&event)) found.push_back(*one);
    return found;
  }

 private:
  template <class T>
  static Task<void> keep(Task<T> task, std::optional<T>& out) {
    auto value = co_await task;
    out.emplace(std::move(value));
  }
};

/// Breaks in what one far end heard: steps in SSRC, sequence or time that no source made.
struct Breaks {
  size_t ssrc = 0, sequence = 0, timestamp = 0, marker = 0, doubled = 0, lost = 0;
};
inline Breaks find_breaks(const std::vector<Phone::Heard>& heard) {
  Breaks breaks;
  std::map<uint16_t, int> seen;
  for (size_t i = 1; i < heard.size(); ++i) {
    const auto &before = heard[i - 1].packet, &now = heard[i].packet;
    if (before.ssrc != now.ssrc) ++breaks.ssrc;
    const uint16_t step = static_cast<uint16_t>(now.sequence - before.sequence);
    if (step == 0) ++breaks.doubled;
    if (step > 1 && step < 1000) breaks.lost += step - 1u;
    if (step >= 1000) ++breaks.sequence;  // backwards
    const int32_t ticks = static_cast<int32_t>(now.timestamp - before.timestamp);
    if (step == 1 && now.payload_type != 101 && before.payload_type != 101 && (ticks <= 0 || ticks % 160 != 0))
      ++breaks.timestamp;
    if (now.marker && now.payload_type != 101) ++breaks.marker;
  }
  return breaks;
}

}  // namespace nearend::media::test
