#include "media/media_thread.hpp"

#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "io/socket_address.hpp"

namespace nearend::media {
namespace {

constexpr size_t datagrams_max = 16;  // read with one call
constexpr size_t datagram_max = 2048;
constexpr int rounds_max = 4;  // of one socket before the others get their turn
constexpr int ready_max = 256;
constexpr uint64_t ticks_made_up_max = 5;  // after a stall; more would only queue at the far ends

}  // namespace

struct MediaThread::Batch {
  std::array<std::array<uint8_t, datagram_max>, datagrams_max> bytes;
  std::array<sockaddr_storage, datagrams_max> from;
  std::array<iovec, datagrams_max> parts;
  std::array<mmsghdr, datagrams_max> headers{};

  Batch() {
    for (size_t i = 0; i < datagrams_max; ++i) {
      parts[i] = {.iov_base = bytes[i].data(), .iov_len = datagram_max};
      headers[i].msg_hdr.msg_name = &from[i];
      headers[i].msg_hdr.msg_iov = &parts[i];
      headers[i].msg_hdr.msg_iovlen = 1;
    }
  }
};

MediaThread::MediaThread(const Engine::Start& start, WorkerPool& pool, std::function<void(Events)> on_events)
    : on_events_(std::move(on_events)),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      timer_(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)),
      batch_(std::make_unique<Batch>()),
      worker_(pool,
              [queue = queue_](Worker::Completion done) {
                queue->push([done = std::move(done)](Engine&, io::Instant) mutable {
                  if (done) done();
                });
                queue->wake_up();
              }),
      engine_(start, *this, worker_) {
  for (int descriptor : {queue_->wake, timer_}) {
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
  for (size_t i = 0; i < inlets_.size(); ++i)
    if (inlets_[i].anchor != AnchorId::none) ::close(static_cast<int>(i));
  for (int descriptor : {epoll_, timer_}) ::close(descriptor);
}

MediaThread::Queue::Queue() : wake(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}
MediaThread::Queue::~Queue() {
  ::close(wake);
}

void MediaThread::Queue::push(Command run) {
  const std::lock_guard lock(mutex);
  commands.push_back(std::move(run));
}

void MediaThread::Queue::wake_up() {
  {
    const std::lock_guard lock(mutex);
    if (commands.empty() || std::exchange(is_woken, true)) return;
  }
  ::eventfd_write(wake, 1);
}

void MediaThread::command(Command run) {
  queue_->push(std::move(run));
}

void MediaThread::wake() {
  queue_->wake_up();
}

void MediaThread::watch(int socket, const Inlet& inlet) {
  command([this, socket, inlet](Engine&, io::Instant) {
    if (static_cast<size_t>(socket) >= inlets_.size()) inlets_.resize(static_cast<size_t>(socket) * 2 + 64);
    inlets_[static_cast<size_t>(socket)] = inlet;
    epoll_event wanted{.events = EPOLLIN, .data = {.fd = socket}};
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, socket, &wanted);
  });
}

void MediaThread::close(int socket) {
  command([this, socket](Engine&, io::Instant) {
    inlets_[static_cast<size_t>(socket)] = Inlet{};
    ::close(socket);
  });
}

void MediaThread::run() {
  std::array<epoll_event, ready_max> ready;
  while (!is_stopping_) {
    const int count = ::epoll_wait(epoll_, ready.data(), ready_max, -1);
    for (int i = 0; i < count; ++i) {
      const int descriptor = ready[static_cast<size_t>(i)].data.fd;
      if (descriptor == queue_->wake)
        run_commands();
      else if (descriptor == timer_)
        run_ticks();
      else
        read_socket(descriptor);
    }
    if (!events_.empty()) on_events_(std::exchange(events_, {}));
  }
}

void MediaThread::run_commands() {
  eventfd_t unused = 0;
  ::eventfd_read(queue_->wake, &unused);
  std::vector<Command> commands;
  {
    const std::lock_guard lock(queue_->mutex);
    commands.swap(queue_->commands);
    queue_->is_woken = false;
  }
  for (Command& run : commands) run(engine_, now());
  arm_tick();
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
}

void MediaThread::read_socket(int socket) {
  for (int round = 0; round < rounds_max; ++round) {
    for (mmsghdr& header : batch_->headers) header.msg_hdr.msg_namelen = sizeof(sockaddr_storage);
    const int count = ::recvmmsg(socket, batch_->headers.data(), datagrams_max, MSG_DONTWAIT, nullptr);
    if (count <= 0) return;
    const io::Instant arrived = now();
    // Looked up for each datagram: nothing here removes anchors, but a closed socket's number may have gone to another.
    const Inlet inlet = inlets_[static_cast<size_t>(socket)];
    for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
      if (batch_->headers[i].msg_hdr.msg_flags & MSG_TRUNC) continue;
      const Endpoint from = io::endpoint_of(reinterpret_cast<const sockaddr&>(batch_->from[i]));
      engine_.input(inlet, from, {batch_->bytes[i].data(), batch_->headers[i].msg_len}, arrived);
    }
    if (static_cast<size_t>(count) < datagrams_max) return;
  }
}

void MediaThread::send(Socket socket, const Endpoint& to, std::span<const uint8_t> datagram) {
  const io::SocketAddress address(to);
  const ssize_t sent = ::sendto(static_cast<int>(socket), datagram.data(), datagram.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                                address.data(), address.size);
  if (sent < 0) unsent_.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace nearend::media
