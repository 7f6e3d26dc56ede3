#include "io/asio_loop.hpp"

#include <sys/epoll.h>
#include <sys/random.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <cstring>
#include <optional>
#include <unordered_map>
#include <vector>

#include "io/timer_queue.hpp"

namespace nearend::io {

namespace asio = boost::asio;
using boost::system::error_code;

/// Members are destroyed from the last to the first: callbacks that die with the context may still cancel timers.
class AsioLoop::Core {
 public:
  Core() : poller_(epoll_create1(EPOLL_CLOEXEC)) {
    alarm_.emplace(context);
    poller_wait_.emplace(context, poller_);
    wait_for_poller();
  }

  ~Core() {
    is_closing_ = true;
    timers_.clear();
    watches_.clear();
    alarm_.reset();
    signals_.reset();
    poller_wait_.reset();  // Closes the poller.
    poller_ = -1;
  }

  TimerId start_timer(Instant when, Callback run) {
    // What a callback sets for a time that has passed waits for the next turn, so that sockets get theirs.
    if (is_firing_ && when <= firing_) when = firing_ + Duration(1);
    const TimerId id = timers_.add(when, std::move(run));
    if (!is_closing_ && !is_firing_ && when < alarm_at_) set_alarm(when);
    return id;
  }
  void cancel_timer(TimerId id) {
    timers_.remove(id);
  }  // The alarm may come early once; that is cheaper than setting it anew.

  void at_turn_end(Callback run) { turn_ends_.push_back(std::move(run)); }

  /// Works until the context is stopped or, if there is one, until the deadline.
  void run(std::optional<Instant> deadline) {
    const auto keep_going = asio::make_work_guard(context);
    while (!context.stopped()) {
      for (int done = 0; done < turn_max && context.poll_one() > 0; ++done) continue;
      end_turn();
      if (context.stopped()) break;
      if (!deadline)
        context.run_one();
      else if (std::chrono::steady_clock::now() >= *deadline || context.run_one_until(*deadline) == 0)
        break;
    }
    end_turn();
    context.restart();
  }

  uint64_t random() {
    if (random_left_ == 0) {
      while (getrandom(random_.data(), sizeof random_, 0) != static_cast<ssize_t>(sizeof random_)) {
      }
      random_left_ = random_.size();
    }
    return std::exchange(random_[--random_left_], 0);
  }

  void on_signals(std::initializer_list<int> signals, std::move_only_function<void(int)> run) {
    signal_handler_ = std::move(run);
    signals_.emplace(context);
    for (int signal : signals) signals_->add(signal);
    wait_for_signal();
  }

  Result<void> watch(int descriptor, Readiness wanted, WatchHandler run) {
    epoll_event event{};
    event.events = (wanted.is_readable ? EPOLLIN : 0u) | (wanted.is_writable ? EPOLLOUT : 0u);
    event.data.fd = descriptor;
    const bool is_known = watches_.contains(descriptor);
    if (epoll_ctl(poller_, is_known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, descriptor, &event) != 0)
      return fail(Error::Kind::internal, "watching descriptor {}: {}", descriptor, std::strerror(errno));
    watches_[descriptor] = std::make_shared<WatchHandler>(std::move(run));
    return {};
  }
  void unwatch(int descriptor) {
    if (watches_.erase(descriptor) > 0) epoll_ctl(poller_, EPOLL_CTL_DEL, descriptor, nullptr);
  }

 private:
  TimerQueue timers_;
  std::unordered_map<int, std::shared_ptr<WatchHandler>> watches_;

 public:
  asio::io_context context{1};

 private:
  void set_alarm(Instant when) {
    alarm_at_ = when;
    alarm_->expires_at(std::chrono::time_point_cast<asio::steady_timer::duration>(when));
    alarm_->async_wait([this](error_code code) {
      if (code) return;  // Set anew, or the loop ends.
      fire_timers();
    });
  }

  void end_turn() {
    while (!turn_ends_.empty()) {
      ending_.swap(turn_ends_);
      for (Callback& run : ending_) run();
      ending_.clear();
    }
  }

  void fire_timers() {
    firing_ = std::chrono::steady_clock::now();
    is_firing_ = true;
    while (auto due = timers_.take_due(firing_)) due->run();
    is_firing_ = false;
    alarm_at_ = Instant::max();
    if (auto next = timers_.next_due()) set_alarm(*next);
  }

  void wait_for_signal() {
    signals_->async_wait([this](error_code code, int signal) {
      if (code) return;
      wait_for_signal();
      signal_handler_(signal);
    });
  }

  void wait_for_poller() {
    poller_wait_->async_wait(asio::posix::stream_descriptor::wait_read, [this](error_code code) {
      if (code) return;
      poll_descriptors();
      wait_for_poller();
    });
  }

  void poll_descriptors() {
    std::array<epoll_event, 256> events;
    const int ready = epoll_wait(poller_, events.data(), static_cast<int>(events.size()), 0);
    for (int i = 0; i < ready; ++i) {
      const auto found = watches_.find(events[i].data.fd);
      if (found == watches_.end()) continue;                     // An earlier handler of this turn forgot it.
      const std::shared_ptr<WatchHandler> keep = found->second;  // Also held by the map, which the handler may change.
      const bool is_broken = events[i].events & (EPOLLERR | EPOLLHUP);
      (*keep)(Readiness{(events[i].events & EPOLLIN) || is_broken, (events[i].events & EPOLLOUT) || is_broken});
    }
  }

  static constexpr int turn_max = 512;  // pieces of work

  std::vector<Callback> turn_ends_, ending_;
  bool is_closing_ = false;
  bool is_firing_ = false;
  Instant firing_{};
  Instant alarm_at_ = Instant::max();
  std::optional<asio::steady_timer> alarm_;
  std::move_only_function<void(int)> signal_handler_;
  std::optional<asio::signal_set> signals_;
  int poller_;
  std::optional<asio::posix::stream_descriptor> poller_wait_;
  std::array<uint64_t, 32> random_{};
  size_t random_left_ = 0;
};

AsioLoop::AsioLoop() : core_(std::make_unique<Core>()) {}
AsioLoop::~AsioLoop() = default;

Instant AsioLoop::now() const {
  return std::chrono::steady_clock::now();
}
WallTime AsioLoop::wall() const {
  return std::chrono::system_clock::now();
}
TimerId AsioLoop::start_timer(Instant when, Callback run) {
  return core_->start_timer(when, std::move(run));
}
void AsioLoop::cancel_timer(TimerId timer) {
  core_->cancel_timer(timer);
}
void AsioLoop::post(Callback run) {
  asio::post(core_->context, std::move(run));
}
uint64_t AsioLoop::random() {
  return core_->random();
}

void AsioLoop::run() {
  core_->run(std::nullopt);
}

void AsioLoop::run_for(Duration length) {
  core_->run(now() + length);
}

void AsioLoop::at_turn_end(Callback run) {
  core_->at_turn_end(std::move(run));
}

void AsioLoop::stop() {
  core_->context.stop();
}

void AsioLoop::on_signals(std::initializer_list<int> signals, std::move_only_function<void(int)> run) {
  core_->on_signals(signals, std::move(run));
}
Result<void> AsioLoop::watch(int descriptor, Readiness wanted, WatchHandler run) {
  return core_->watch(descriptor, wanted, std::move(run));
}
void AsioLoop::unwatch(int descriptor) {
  core_->unwatch(descriptor);
}
boost::asio::io_context& AsioLoop::context() {
  return core_->context;
}

}  // namespace nearend::io
