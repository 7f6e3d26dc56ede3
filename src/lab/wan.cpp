#include "lab/wan.hpp"

#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace nearend::lab {
namespace {

constexpr int64_t spin_ns = 100'000;
constexpr int64_t queue_limit_ns = 200'000'000;
constexpr uint32_t base_address = 0x0a4d0001;  // 10.77.0.1; the third byte is the site
constexpr uint64_t timer_key = 1000;
constexpr uint64_t wake_key = 1001;

auto later = [](const auto& a, const auto& b) {
  return a.due_ns != b.due_ns ? a.due_ns > b.due_ns : a.order > b.order;
};

void add_to(const Descriptor& epoll, const Descriptor& source, uint64_t key) {
  epoll_event event{.events = EPOLLIN, .data = {.u64 = key}};
  ::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, source.get(), &event);
}

uint32_t destination_of(std::span<const uint8_t> packet) {
  return uint32_t{packet[16]} << 24 | uint32_t{packet[17]} << 16 | uint32_t{packet[18]} << 8 | packet[19];
}

}  // namespace

int64_t now_ns() {
  return std::chrono::duration_cast<nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

Wan::Wan(uint64_t seed) : links_(site_max * site_max), random_(seed) {}

Wan::~Wan() {
  if (!thread_.joinable()) return;
  is_stopping_ = true;
  const uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof one);
  thread_.join();
}

Result<SiteId> Wan::add_site(const std::string& name) {
  if (sites_.size() == site_max) return fail(Error::Kind::unavailable, "the lab has {} sites at most", site_max);
  auto net = NetNamespace::create();
  if (!net) return pass(net);
  const IpAddress address = IpAddress::v4(base_address + (static_cast<uint32_t>(sites_.size() + 1) << 8));
  auto tun = net->open_tun("wan0", address);
  if (!tun) return pass(tun);
  sites_.push_back({name, address, std::move(*net), std::move(*tun)});
  return sites_.size() - 1;
}

Result<void> Wan::start() {
  epoll_ = Descriptor(::epoll_create1(EPOLL_CLOEXEC));
  timer_ = Descriptor(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
  wake_ = Descriptor(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!epoll_ || !timer_ || !wake_)
    return fail(Error::Kind::internal, "the network's descriptors: {}", std::strerror(errno));
  add_to(epoll_, timer_, timer_key);
  add_to(epoll_, wake_, wake_key);
  for (SiteId site = 0; site < sites_.size(); ++site) add_to(epoll_, sites_[site].tun, site);
  thread_ = std::thread([this] { run(); });
  return {};
}

void Wan::set_path(SiteId from, SiteId to, const Path& path) {
  const std::lock_guard lock(links_lock_);
  link(from, to).path = path;
}

void Wan::set_paths(SiteId a, SiteId b, const Path& path) {
  set_path(a, b, path);
  set_path(b, a, path);
}

Path Wan::path(SiteId from, SiteId to) const {
  const std::lock_guard lock(links_lock_);
  return links_[from * site_max + to].path;
}

void Wan::run() {
  // Real-time where the system allows it: a late network would be measured as a slow platform.
  const sched_param priority{.sched_priority = 10};
  ::sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &priority);
  while (!is_stopping_) {
    deliver_due();
    wait_for_work(waiting_.empty() ? -1 : waiting_.front().due_ns);
  }
}

// Sleeps until shortly before the next packet is due, then polls, so that packets that come meanwhile are stamped at
// once.
void Wan::wait_for_work(int64_t due_ns) {
  int timeout = -1;
  if (due_ns >= 0) {
    const int64_t rest = due_ns - now_ns();
    if (rest <= spin_ns) {
      timeout = 0;
    } else {
      const int64_t at = due_ns - spin_ns;
      const itimerspec when{.it_interval = {}, .it_value = {at / 1'000'000'000, at % 1'000'000'000}};
      ::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &when, nullptr);
    }
  }
  std::array<epoll_event, site_max + 2> events;
  const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), timeout);
  for (int i = 0; i < count; ++i) {
    const uint64_t key = events[static_cast<size_t>(i)].data.u64;
    if (key < site_max) {
      read_site(key);
    } else if (key == timer_key) {
      uint64_t ticks;
      [[maybe_unused]] const auto got = ::read(timer_.get(), &ticks, sizeof ticks);
    }
  }
}

void Wan::read_site(SiteId from) {
  constexpr int batch = 32;  // then others get their turn
  std::array<uint8_t, 2048> buffer;
  for (int i = 0; i < batch; ++i) {
    const ssize_t size = ::read(sites_[from].tun.get(), buffer.data(), buffer.size());
    if (size <= 0) return;
    take(from, {buffer.data(), static_cast<size_t>(size)}, now_ns());
  }
}

void Wan::take(SiteId from, std::span<const uint8_t> packet, int64_t now) {
  if (packet.size() < 20 || packet[0] >> 4 != 4) return;  // IPv6 neighbour talk of the kernel
  const uint32_t offset = destination_of(packet) - base_address;
  const SiteId to = (offset >> 8) - 1;
  if ((offset & 0xff) != 0 || to >= sites_.size()) return;

  const std::lock_guard lock(links_lock_);
  Link& way = link(from, to);
  if (way.path.is_cut) return tell({now, now, from, to, Fate::cut, packet});
  if (chance() < way.path.loss) return tell({now, now, from, to, Fate::lost, packet});
  int64_t start = now;
  if (way.path.bits_per_second > 0) {
    if (way.free_ns - now > queue_limit_ns) return tell({now, now, from, to, Fate::overflowed, packet});
    way.free_ns =
        std::max(way.free_ns, now) + static_cast<int64_t>(packet.size() * 8 * 1'000'000'000 / way.path.bits_per_second);
    start = way.free_ns;
  }
  const auto jitter = static_cast<int64_t>(chance() * static_cast<double>(way.path.jitter.count()));
  const int64_t due = start + way.path.delay.count() + jitter;
  enqueue(way, from, to, Fate::delivered, packet, now, due);
  if (chance() < way.path.duplication) enqueue(way, from, to, Fate::duplicate, packet, now, due);
}

void Wan::enqueue(Link& way, SiteId from, SiteId to, Fate fate, std::span<const uint8_t> packet, int64_t now,
                  int64_t due) {
  if (way.path.reordering > 0 && chance() < way.path.reordering) {
    due += way.path.reordering_hold.count();
  } else {
    due = way.last_due_ns = std::max(due, way.last_due_ns);
  }
  waiting_.push_back({due, order_++, now, from, to, fate, {packet.begin(), packet.end()}});
  std::push_heap(waiting_.begin(), waiting_.end(), later);
}

void Wan::deliver_due() {
  while (!waiting_.empty() && waiting_.front().due_ns <= now_ns()) {
    std::pop_heap(waiting_.begin(), waiting_.end(), later);
    const Waiting packet = std::move(waiting_.back());
    waiting_.pop_back();
    // Stamped before it is handed over: the receiver may answer before we are back.
    const int64_t left = now_ns();
    [[maybe_unused]] const auto written =
        ::write(sites_[packet.to].tun.get(), packet.packet.data(), packet.packet.size());
    tell({packet.entered_ns, left, packet.from, packet.to, packet.fate, packet.packet});
  }
}

void Wan::tell(const Passage& passage) {
  for (Tap* tap : taps_) tap->on_packet(passage);
}

}  // namespace nearend::lab
