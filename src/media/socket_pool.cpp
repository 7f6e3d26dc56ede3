#include "media/socket_pool.hpp"

#include <algorithm>

namespace nearend::media {
namespace {
constexpr size_t trim_part = 8;     // of the free ones
constexpr size_t spare_count = 16;  // at a time
}  // namespace

SocketPool::Shelf& SocketPool::shelf(const IpAddress& bind, uint32_t thread) {
  for (Shelf& one : shelves_)
    if (one.thread == thread && one.bind == bind) return one;
  return shelves_.emplace_back(Shelf{.bind = bind, .thread = thread, .pairs = {}});
}

std::optional<SocketPair> SocketPool::take(const IpAddress& bind, uint32_t thread, uint64_t random, io::Instant now) {
  Shelf& from = shelf(bind, thread);
  if (from.pairs.free_count(now) < std::max<size_t>(choice_min_, 1)) return std::nullopt;
  --count_;
  return from.pairs.take(random, now);
}

bool SocketPool::keep(const SocketPair& pair, uint32_t thread, uint64_t random, io::Instant now) {
  if (count_ >= kept_max_) return false;
  ++count_;
  shelf(pair.local.address, thread).pairs.give_back(pair, random, now);
  return true;
}

void SocketPool::take_off(Shelf& shelf, size_t count, uint64_t random, io::Instant now, std::vector<Excess>& taken) {
  for (; count > 0; --count) {
    auto pair = shelf.pairs.take(random, now);
    if (!pair) return;
    --count_;
    taken.push_back({*pair, shelf.thread});
  }
}

std::vector<SocketPool::Excess> SocketPool::trim(uint64_t random, io::Instant now) {
  std::vector<Excess> taken;
  for (Shelf& one : shelves_)
    take_off(one, (one.pairs.free_count(now) + trim_part - 1) / trim_part, random, now, taken);
  return taken;
}

std::vector<SocketPool::Excess> SocketPool::spare(const IpAddress& bind, uint32_t thread, uint64_t random,
                                                  io::Instant now) {
  std::vector<Excess> taken;
  for (Shelf& one : shelves_)
    if (one.thread != thread || one.bind != bind) take_off(one, spare_count, random, now, taken);
  return taken;
}

size_t SocketPool::free_count(io::Instant now) {
  size_t count = 0;
  for (Shelf& one : shelves_) count += one.pairs.free_count(now);
  return count;
}

}  // namespace nearend::media
