// links: media
// What it costs to open and close the ports of a leg at a steady rate, on a real node: CPU of the process, threads of
// media and control together. Runs in real time, since freed ports rest for 2 to 4 s.
#include <benchmark/benchmark.h>
#include <time.h>

#include <deque>

#include "io/asio_world.hpp"
#include "io/async.hpp"
#include "media/local_control.hpp"

namespace {

using namespace nearend;
using namespace nearend::media;
using namespace std::chrono_literals;

double process_us() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) * 1e-3;
}

struct Calls {
  io::AsioWorld world;
  LocalNode node{world.loop, {.port_first = 20000, .port_last = 60999}, nullptr};
  io::Scope scope{world.loop};
  std::deque<AnchorId> held;
  uint64_t made = 0, failed = 0;

  static Task<void> allocate(Calls& calls, AllocateRequest request) {
    auto info = co_await calls.node.control().allocate(std::move(request));
    if (info)
      calls.held.push_back(info->id);
    else
      ++calls.failed;
  }
  /// A leg each millisecond, held for 50 ms.
  void run(std::chrono::milliseconds length, bool has_legs) {
    for (int i = 0; i < length.count(); ++i) {
      if (has_legs) {
        AllocateRequest request{.leg = std::to_string(++made), .has_inner = false, .lease = {}};
        scope.spawn(allocate(*this, std::move(request)));
      }
      if (held.size() > 50) {
        node.control().release(held.front());
        held.pop_front();
      }
      world.loop.run_for(1ms);
    }
  }
  double us_of(std::chrono::milliseconds length, bool has_legs) {
    const double before = process_us();
    run(length, has_legs);
    return process_us() - before;
  }
};

void open_and_close(benchmark::State& state) {
  for (auto _ : state) {
    Calls calls;
    calls.run(500ms, false);
    const double idle = calls.us_of(2s, false) / 2000;
    calls.run(7s, true);  // until freed ports come back
    state.counters["us_leg"] = calls.us_of(5s, true) / 5000 - idle;
    state.counters["failed"] = static_cast<double>(calls.failed);
  }
}
BENCHMARK(open_and_close)->Iterations(1)->Unit(benchmark::kMillisecond);

}  // namespace
