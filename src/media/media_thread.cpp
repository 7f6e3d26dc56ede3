#include "media/media_thread.hpp"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "telemetry/log.hpp"
#include "telemetry/metrics.hpp"

namespace nearend::media {
namespace {

constexpr int ready_max = 256;
constexpr std::chrono::microseconds awake_at_most{2};  // an epoll_wait that has slept takes longer
constexpr int drain_rounds = 64;                       // of a shared socket before a hand-over
constexpr uint64_t ticks_made_up_max = 5;              // after a stall; more would only queue at the far ends

// Speech that waits for its turn behind signalling or another program is a gap that somebody hears. Round robin at a
// low real-time priority: kernel threads and what an operator puts above stay above.
void claim_real_time() {
  const sched_param priority{.sched_priority = 2};
  if (::sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &priority) == 0) return;
  telemetry::info("media thread without real-time priority", {{"remedy", "CAP_SYS_NICE or a limit on rtprio above 1"}});
}

}  // namespace

MediaThread::MediaThread(const Engine::Start& start, WorkerPool& pool, const Tiers& tiers,
                         std::function<void(Events)> on_events)
    : on_events_(std::move(on_events)),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      timer_(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)),
      sleep_(tiers.awake_from),
      worker_(pool,
              [queue = queue_](Worker::Completion done) {
                queue->push({.run = [done = std::move(done)](Engine&, io::Instant) mutable {
                  if (done) done();
                }});
                queue->wake_up();
              }),
      engine_(start, *this, worker_) {
  if (tiers.flows) engine_.set_kernel(&kernel_.emplace(*tiers.flows));
  std::vector<int> descriptors{queue_->wake, timer_};
  if (tiers.steering) engine_.set_reader("range");
  if (tiers.steering)
    for (int socket : range_.emplace(*tiers.steering, start.index).sockets())
      if (socket >= 0) descriptors.push_back(socket);
  for (int descriptor : descriptors) {
    epoll_event wanted{.events = EPOLLIN, .data = {.fd = descriptor}};
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &wanted);
  }
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { run(); });
  pthread_setname_np(thread_.native_handle(), "nearend-media");
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

MediaThread::~MediaThread() {
  command([this](Engine&, io::Instant) { is_stopping_ = true; });
  wake();
  thread_.join();
  for (size_t i = 0; i < watched_.size(); ++i)
    if (watched_[i].is_ours) ::close(static_cast<int>(i));
  for (int descriptor : {epoll_, timer_}) ::close(descriptor);
}

MediaThread::Queue::Queue() : wake(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}
MediaThread::Queue::~Queue() {
  ::close(wake);
}

void MediaThread::Queue::push(Step step) {
  const std::lock_guard lock(mutex);
  steps.push_back(std::move(step));
}

void MediaThread::Queue::wake_up() {
  {
    const std::lock_guard lock(mutex);
    if (steps.empty() || std::exchange(is_woken, true)) return;
  }
  ::eventfd_write(wake, 1);
}

void MediaThread::Queue::wake_for_arrival() {
  ::eventfd_write(wake, 1);
}

void MediaThread::command(Command run) {
  queue_->push({.run = std::move(run)});
}

void MediaThread::wake() {
  queue_->wake_up();
}

void MediaThread::watch(const SocketPair& pair, const Inlet& inlet) {
  command([this, pair, inlet](Engine&, io::Instant) {
    add_socket(static_cast<int>(pair.rtp), inlet);
    Inlet reports = inlet;
    reports.is_rtcp = true;
    reports.is_bursty = false;
    add_socket(static_cast<int>(pair.rtcp), reports);
  });
}

void MediaThread::add_socket(int socket, const Inlet& inlet) {
  if (static_cast<size_t>(socket) >= watched_.size()) watched_.resize(static_cast<size_t>(socket) * 2 + 64);
  Watched& watched = watched_[static_cast<size_t>(socket)];
  watched.inlet = inlet;
  if (std::exchange(watched.is_ours, true)) return;  // it rested here
  if (range_ && !inlet.is_rtcp) range_->take(static_cast<Socket>(socket));
  epoll_event wanted{.events = EPOLLIN, .data = {.fd = socket}};
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, socket, &wanted);
}

void MediaThread::rest(const SocketPair& pair) {
  command([this, pair](Engine&, io::Instant) {
    for (Socket socket : {pair.rtp, pair.rtcp}) watched_[socket].inlet = {};
  });
}

void MediaThread::close(const SocketPair& pair) {
  command([this, pair](Engine&, io::Instant) {
    flush();  // last reports of the anchor
    for (Socket socket : {pair.rtp, pair.rtcp}) {
      if (range_) range_->release(socket);
      watched_[socket] = {};
      ::close(static_cast<int>(socket));
    }
  });
}

void MediaThread::run() {
  claim_real_time();
  std::array<epoll_event, ready_max> ready;
  while (!is_stopping_) {
    const io::Instant idle_from = range_ ? now() : io::Instant{};
    const int count = ::epoll_wait(epoll_, ready.data(), ready_max, -1);
    is_behind_ = range_ && now() - idle_from < awake_at_most;
    for (int i = 0; i < count; ++i) {
      const int descriptor = ready[static_cast<size_t>(i)].data.fd;
      if (descriptor == queue_->wake)
        run_commands();
      else if (descriptor == timer_)
        run_ticks();
      else if (is_range(descriptor))
        read_range(descriptor, is_behind_);
      else
        read_socket(descriptor);
      flush();
    }
    deliver_events();
  }
}

void MediaThread::deliver_events() {
  if (!events_.empty()) on_events_(std::exchange(events_, {}));
}

void MediaThread::flush() {
  static telemetry::Counter& unsent = telemetry::counter("nearend_media_unsent_total");
  if (const uint64_t more = writer_.flush() + (range_ ? range_->flush() : 0); more > 0) unsent.add(more);
}

void MediaThread::run_commands() {
  eventfd_t unused = 0;
  ::eventfd_read(queue_->wake, &unused);
  std::vector<Step> steps;
  {
    const std::lock_guard lock(queue_->mutex);
    steps.swap(queue_->steps);
    queue_->is_woken = false;
  }
  std::move(steps.begin(), steps.end(), std::back_inserter(steps_));
  while (!steps_.empty()) {
    if (const auto& arrival = steps_.front().arrival; arrival && !arrival->is_ready.load(std::memory_order_acquire))
      break;
    Step step = std::move(steps_.front());
    steps_.pop_front();
    step.run(engine_, now());
  }
  arm_tick();
}

void MediaThread::hand_over(std::vector<AnchorId> anchors, MediaThread& to) {
  const auto transfer = std::make_shared<Transfer>();
  command([this, transfer, anchors = std::move(anchors), queue = to.queue_](Engine&, io::Instant) {
    give(*transfer, anchors);
    transfer->is_ready.store(true, std::memory_order_release);
    queue->wake_for_arrival();
  });
  to.queue_->push({.run = [&to, transfer](Engine&, io::Instant) { to.take(*transfer); }, .arrival = transfer});
}

void MediaThread::give(Transfer& transfer, std::span<const AnchorId> anchors) {
  if (range_) {
    // What has come in here is for us; what comes from now on waits in the ports' own sockets.
    for (AnchorId id : anchors)
      for (Socket socket : engine_.sockets_of(id)) range_->release(socket);
    drain_range();
  }
  flush();
  transfer.parcel = engine_.take_out(anchors, now());
  for (const auto& anchor : transfer.parcel.anchors) {
    for (const Stream& stream : anchor->streams) {
      for (Socket socket : stream.sockets()) {
        ::epoll_ctl(epoll_, EPOLL_CTL_DEL, static_cast<int>(socket), nullptr);
        transfer.sockets.emplace_back(static_cast<int>(socket), std::exchange(watched_[socket], Watched{}).inlet);
      }
    }
  }
  deliver_events();  // before any that the other thread will tell of them
}

void MediaThread::take(Transfer& transfer) {
  engine_.take_in(std::move(transfer.parcel));
  for (const auto& [socket, inlet] : transfer.sockets) add_socket(socket, inlet);
}

void MediaThread::arm_tick() {
  if (engine_.has_work() == is_ticking_) return;
  is_ticking_ = !is_ticking_;
  constexpr long tick_ns = std::chrono::nanoseconds(Engine::tick_length).count();
  const itimerspec every{.it_interval = {.tv_sec = 0, .tv_nsec = is_ticking_ ? tick_ns : 0},
                         .it_value = {.tv_sec = 0, .tv_nsec = is_ticking_ ? tick_ns : 0}};
  ::timerfd_settime(timer_, 0, &every, nullptr);
}

void MediaThread::run_ticks() {
  uint64_t passed = 0;
  if (::read(timer_, &passed, sizeof(passed)) != sizeof(passed)) return;
  for (uint64_t i = 0; i < std::min(passed, ticks_made_up_max); ++i) engine_.tick(now());
  note_cpu();
}

/// Once a second: what the thread took of its core, softirqs apart.
void MediaThread::note_cpu() {
  const io::Instant at = now();
  if (at - noted_ < std::chrono::seconds(1)) return;
  timespec used{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  const std::chrono::nanoseconds cpu = std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
  const auto more = cpu - std::exchange(cpu_at_note_, cpu);
  static telemetry::Counter& total = telemetry::counter("nearend_media_cpu_microseconds_total");
  total.add(static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(more).count()));
  engine_.note_cpu(100.0 * static_cast<double>(more.count()) / static_cast<double>((at - noted_).count()));
  noted_ = at;
  sleep_.note(engine_.packets_a_second(), at);
}

bool MediaThread::is_range(int descriptor) const {
  return range_ && std::ranges::count(range_->sockets(), descriptor) > 0;
}

bool MediaThread::read_range(int shared, bool has_several) {
  const io::Instant arrived = now();
  return range_->read(shared, has_several, [&](Socket socket, const Endpoint& from, std::span<uint8_t> datagram) {
    const Watched& watched = watched_[socket];
    if (watched.is_ours) engine_.input(watched.inlet, from, datagram, arrived);
  });
}

void MediaThread::drain_range() {
  for (int socket : range_->sockets())
    for (int round = 0; round < drain_rounds && socket >= 0 && read_range(socket, true); ++round) flush();
}

void MediaThread::read_socket(int socket) {
  // What came first in this turn may have closed it or handed it to another thread.
  const Watched watched = watched_[static_cast<size_t>(socket)];
  if (!watched.is_ours) return;
  const io::Instant arrived = now();
  const auto take = [&](const Endpoint& from, std::span<uint8_t> datagram) {
    engine_.input(watched.inlet, from, datagram, arrived);
  };
  if (watched.inlet.is_bursty)
    reader_.read_many(socket, take);
  else
    reader_.read_one(socket, take);
}

}  // namespace nearend::media
