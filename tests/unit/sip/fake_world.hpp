#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "io/loop.hpp"
#include "io/net.hpp"

namespace nearend::sip::test {

/// A loop whose clock moves only when a test says so.
class FakeLoop final : public io::Loop {
 public:
  explicit FakeLoop(uint64_t seed = 1) : random_(seed) {}
  io::Instant now() const override { return now_; }
  io::WallTime wall() const override { return io::WallTime{} + std::chrono::hours(500'000) + std::chrono::duration_cast<std::chrono::system_clock::duration>(now_.time_since_epoch()); }
  io::TimerId start_timer(io::Instant when, io::Callback run) override {
    const uint64_t id = ++last_;
    timers_.emplace(std::pair(std::max(when, now_), id), std::move(run));
    places_.emplace(id, std::max(when, now_));
    return io::TimerId{id};
  }
  void cancel_timer(io::TimerId timer) override {
    const auto place = places_.find(uint64_t(timer));
    if (place == places_.end()) return;
    timers_.erase({place->second, place->first});
    places_.erase(place);
  }
  void post(io::Callback run) override { posted_.push_back(std::move(run)); }
  uint64_t random() override { return random_(); }

  /// Runs what is due now, then turns the clock to each timer up to the end.
  void run(io::Duration length) {
    const io::Instant end = now_ + length;
    for (;;) {
      run_posted();
      if (timers_.empty() || timers_.begin()->first.first > end) break;
      auto node = timers_.extract(timers_.begin());
      now_ = std::max(now_, node.key().first);
      places_.erase(node.key().second);
      node.mapped()();
    }
    now_ = end;
  }
  size_t timers() const { return timers_.size(); }

 private:
  void run_posted() {
    while (!posted_.empty()) {
      io::Callback next = std::move(posted_.front());
      posted_.pop_front();
      next();
    }
  }
  io::Instant now_{};
  uint64_t last_ = 0;
  std::map<std::pair<io::Instant, uint64_t>, io::Callback> timers_;
  std::map<uint64_t, io::Instant> places_;
  std::deque<io::Callback> posted_;
  std::mt19937_64 random_;
};

/// A network of UDP sockets and TCP streams that loses, doubles and delays what a test says.
class FakeNet final : public io::Net {
 public:
  struct Impairment {
    double loss = 0, duplication = 0, reordering = 0;
    std::chrono::milliseconds delay{1};
  };
  explicit FakeNet(FakeLoop& loop) : loop_(loop) {}

  Result<std::unique_ptr<io::UdpSocket>> open_udp(const Endpoint& local, io::DatagramHandler on_datagram) override;
  Result<std::unique_ptr<io::Listener>> listen(const Endpoint& local, const io::TlsSettings* tls,
                                               io::AcceptHandler on_accept) override;
  std::unique_ptr<io::Stream> connect(const Endpoint& to, const io::TlsSettings* tls, io::Stream::Handlers handlers) override;

  Impairment impairment;
  /// Sees each datagram: false loses it.
  std::function<bool(const Endpoint& from, const Endpoint& to, std::string_view text)> pass;
  bool is_unreachable_told = false;  ///< Datagrams to nobody come back as ICMP.
  size_t datagrams = 0;
  size_t connects = 0;

 private:
  class Socket;
  class Pipe;
  class Acceptor;
  double chance() { return std::uniform_real_distribution<>(0, 1)(random_); }
  void send(const Endpoint& from, const Endpoint& to, io::Bytes datagram);
  void deliver_later(const Endpoint& from, const Endpoint& to, std::string text, io::Duration delay);
  Endpoint named(Endpoint local) {
    if (local.port == 0) local.port = ++port_last_;
    return local;
  }

  FakeLoop& loop_;
  std::mt19937_64 random_{7};
  uint16_t port_last_ = 40'000;
  std::map<Endpoint, Socket*> sockets_;
  std::map<Endpoint, Acceptor*> acceptors_;
};

class FakeNet::Socket final : public io::UdpSocket {
 public:
  Socket(FakeNet& net, Endpoint local, io::DatagramHandler handler) : net_(net), local_(local), on_datagram(std::move(handler)) {
    net_.sockets_[local_] = this;
  }
  ~Socket() override { net_.sockets_.erase(local_); }
  void send(const Endpoint& to, io::Bytes datagram) override { net_.send(local_, to, datagram); }
  void set_unreachable_handler(std::move_only_function<void(const Endpoint&)> handler) override {
    on_unreachable = std::move(handler);
  }
  Endpoint local() const override { return local_; }

 private:
  FakeNet& net_;
  Endpoint local_;

 public:
  io::DatagramHandler on_datagram;
  std::move_only_function<void(const Endpoint&)> on_unreachable;
};

class FakeNet::Acceptor final : public io::Listener {
 public:
  Acceptor(FakeNet& net, Endpoint local, bool is_tls, io::AcceptHandler handler)
      : on_accept(std::move(handler)), is_secure(is_tls), net_(net), local_(local) {
    net_.acceptors_[local_] = this;
  }
  ~Acceptor() override { net_.acceptors_.erase(local_); }
  Endpoint local() const override { return local_; }
  io::AcceptHandler on_accept;
  bool is_secure;

 private:
  FakeNet& net_;
  Endpoint local_;
};

/// One end of a stream; both ends share the state through which each finds the other while it lives.
class FakeNet::Pipe final : public io::Stream {
 public:
  struct Ends {
    Pipe* end[2] = {nullptr, nullptr};
    bool is_open = false;
  };
  Pipe(FakeLoop& loop, std::shared_ptr<Ends> ends, int side, Endpoint local, Endpoint peer, bool is_tls)
      : loop_(loop), ends_(std::move(ends)), side_(side), local_(local), peer_(peer), is_tls_(is_tls) {
    ends_->end[side_] = this;
  }
  ~Pipe() override {
    ends_->end[side_] = nullptr;
    tell_other_closed();
  }
  void set_handlers(Handlers handlers) override { handlers_ = std::move(handlers); }
  void write(std::string bytes) override {
    if (is_closed_) return;
    if (!ends_->is_open) {
      queued_ += bytes;
      return;
    }
    loop_.start_timer(loop_.now() + std::chrono::milliseconds(1), [ends = ends_, side = 1 - side_, bytes = std::move(bytes)] {
      if (Pipe* other = ends->end[side]; other && !other->is_closed_ && other->handlers_.on_data) other->handlers_.on_data(bytes);
    });
  }
  void close() override { closed(Error{Error::Kind::unavailable, "closed"}); }
  Endpoint local() const override { return local_; }
  Endpoint peer() const override { return peer_; }
  bool is_secure() const override { return is_tls_; }
  std::vector<std::string> peer_names() const override { return {}; }

  void opened() {
    if (handlers_.on_open) handlers_.on_open();
    if (!queued_.empty()) write(std::exchange(queued_, {}));
  }
  void closed(const Error& error) {
    if (std::exchange(is_closed_, true)) return;
    tell_other_closed();
    loop_.post([ends = ends_, side = side_, error] {
      if (Pipe* self = ends->end[side]; self && self->handlers_.on_close) {
        auto handler = std::move(self->handlers_.on_close);
        handler(error);
      }
    });
  }

 private:
  void tell_other_closed() {
    loop_.start_timer(loop_.now() + std::chrono::milliseconds(1), [ends = ends_, side = 1 - side_] {
      if (Pipe* other = ends->end[side]) other->closed(Error{Error::Kind::unavailable, "reset by peer"});
    });
  }
  FakeLoop& loop_;
  std::shared_ptr<Ends> ends_;  // shared with the other end and with bytes on their way
  int side_;
  Endpoint local_, peer_;
  bool is_tls_;
  bool is_closed_ = false;
  std::string queued_;
  Handlers handlers_;
};

inline Result<std::unique_ptr<io::UdpSocket>> FakeNet::open_udp(const Endpoint& local, io::DatagramHandler on_datagram) {
  const Endpoint bound = named(local);
  if (sockets_.contains(bound)) return fail(Error::Kind::unavailable, "address in use");
  return std::make_unique<Socket>(*this, bound, std::move(on_datagram));
}

inline Result<std::unique_ptr<io::Listener>> FakeNet::listen(const Endpoint& local, const io::TlsSettings* tls,
                                                             io::AcceptHandler on_accept) {
  const Endpoint bound = named(local);
  if (acceptors_.contains(bound)) return fail(Error::Kind::unavailable, "address in use");
  return std::make_unique<Acceptor>(*this, bound, tls != nullptr, std::move(on_accept));
}

inline std::unique_ptr<io::Stream> FakeNet::connect(const Endpoint& to, const io::TlsSettings* tls,
                                                    io::Stream::Handlers handlers) {
  ++connects;
  auto ends = std::make_shared<Pipe::Ends>();
  const Endpoint local = named({to.address, 0});
  auto client = std::make_unique<Pipe>(loop_, ends, 0, local, to, tls != nullptr);
  client->set_handlers(std::move(handlers));
  loop_.start_timer(loop_.now() + std::chrono::milliseconds(2), [this, ends, local, to, is_tls = tls != nullptr] {
    Pipe* caller = ends->end[0];
    if (!caller) return;
    const auto found = acceptors_.find(to);
    if (found == acceptors_.end() || found->second->is_secure != is_tls)
      return caller->closed(Error{Error::Kind::refused, "connection refused"});
    auto server = std::make_unique<Pipe>(loop_, ends, 1, to, local, is_tls);
    ends->is_open = true;
    found->second->on_accept(std::move(server));
    if (ends->end[0]) ends->end[0]->opened();
  });
  return client;
}

inline void FakeNet::send(const Endpoint& from, const Endpoint& to, io::Bytes datagram) {
  std::string text(reinterpret_cast<const char*>(datagram.data()), datagram.size());
  ++datagrams;
  if (pass && !pass(from, to, text)) return;
  if (chance() < impairment.loss) return;
  const bool is_late = chance() < impairment.reordering;
  const io::Duration delay = impairment.delay + (is_late ? std::chrono::milliseconds(1 + random_() % 60) : std::chrono::milliseconds(0));
  if (chance() < impairment.duplication) deliver_later(from, to, text, delay + std::chrono::milliseconds(random_() % 20));
  deliver_later(from, to, std::move(text), delay);
}

inline void FakeNet::deliver_later(const Endpoint& from, const Endpoint& to, std::string text, io::Duration delay) {
  loop_.start_timer(loop_.now() + delay, [this, from, to, text = std::move(text)] {
    if (const auto found = sockets_.find(to); found != sockets_.end())
      return found->second->on_datagram(from, {reinterpret_cast<const uint8_t*>(text.data()), text.size()});
    const auto sender = sockets_.find(from);
    if (is_unreachable_told && sender != sockets_.end() && sender->second->on_unreachable) sender->second->on_unreachable(to);
  });
}

}  // namespace nearend::sip::test
