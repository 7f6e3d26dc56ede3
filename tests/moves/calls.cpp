// Calls that come and go, with moves and faults: what is left of them afterwards must be nothing.
#include <dirent.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "moves/runs.hpp"

namespace nearend::media::test {
namespace {

constexpr size_t at_once = 60;
constexpr uint32_t lease_s = 1;
constexpr uint16_t first_port = 20000, ports = 6000;

size_t open_descriptors() {
  size_t count = 0;
  DIR* directory = ::opendir("/proc/self/fd");
  while (directory && ::readdir(directory)) ++count;
  if (directory) ::closedir(directory);
  return count;
}

/// Memory of the heap in use, and of the process, in KiB.
struct Memory {
  size_t heap = 0, resident = 0;
};
Memory memory() {
  Memory now;
#if !defined(__SANITIZE_ADDRESS__) && !__has_feature(address_sanitizer)
  const auto heap = ::mallinfo2();
  now.heap = (heap.uordblks + heap.hblkhd) / 1024;
  ::malloc_trim(0);  // what the allocator keeps free is nobody's
#endif
  std::ifstream status("/proc/self/statm");
  size_t total = 0, pages = 0;
  status >> total >> pages;
  now.resident = pages * static_cast<size_t>(::sysconf(_SC_PAGESIZE)) / 1024;
  return now;
}

/// A pair of telephones that make one call after another.
struct Line {
  std::unique_ptr<Talker> a, b;
  AnchorInfo leg_a, leg_b, leg_c;
  uint32_t steps_left = 0;
  bool is_busy = false;
  std::vector<std::pair<AnchorId, JobId>> jobs;
};

struct Faults {
  uint32_t refused = 0, lapsed = 0, nodes_lost = 0, moves = 0, jobs = 0, no_room = 0, kernel = 0;
};

class Traffic {
 public:
  explicit Traffic(const Plan& plan) : plan_(plan), site_(plan.tier, plan.seed) {
    descriptors_ = open_descriptors();
    node_ = std::make_unique<MediaNode>(site_, first_port, ports);
    core_ = std::make_unique<MediaNode>(site_, 26000);
    for (size_t i = 0; i < at_once; ++i) {
      lines_.emplace_back();
      lines_[i].a = std::make_unique<Talker>(site_, Talker::Options{.id = static_cast<uint8_t>(2 * i + 1)}, dropped_);
      lines_[i].b = std::make_unique<Talker>(site_, Talker::Options{.id = static_cast<uint8_t>(2 * i + 2)}, dropped_);
    }
  }

  int run() {
    const uint32_t early = std::max(plan_.calls / 10, 1u);
    for (size_t i = 0; i < lines_.size(); ++i) next(i, site_.random(200));
    const io::Instant begin = site_.loop().now();
    site_.run_until([&] { return done_ >= early; }, 24h);
    const Memory before = memory();
    const size_t descriptors_before = open_descriptors();
    site_.run_until([&] { return done_ >= plan_.calls / 2; }, 24h);
    const Memory half = memory();
    site_.run_until([&] { return done_ >= plan_.calls && active_ == 0; }, 24h);
    for (Line& line : lines_) {
      line.a->stop();
      line.b->stop();
    }
    // Leases run out, ports rest; sockets that were kept go a few at a time, and their ports rest too.
    NodeState state;
    const auto is_free = [&] {
      state = *site_.wait(node_->control().state());
      return state.load == 0;
    };
    site_.run_for(2s);
    site_.run_until(is_free, 30s);
    const Memory after = memory();
    const size_t descriptors_after = open_descriptors();
    const double seconds = std::chrono::duration<double>(site_.loop().now() - begin).count();
    size_t flows = 0;
    for (uint32_t port = first_port; port < first_port + ports; ++port)
      flows += node_->is_in_kernel(static_cast<uint16_t>(port));
    const size_t told = node_->events.size();
    const size_t steered = node_->steered_count(), kept = node_->kept_count();
    node_.reset();
    core_.reset();
    const size_t left = open_descriptors() - descriptors_;
    std::string fault;
    if (state.anchors > 0) fault = "anchors are left";
    if (state.load > 0) fault = fmt::format("ports are left: load {}", state.load);
    if (flows > 0) fault = "flows are left in the kernel";
    if (steered > kept) fault = "ports are still steered";
    // Each telephone has two descriptors, and they are there until the end.
    if (left != lines_.size() * 4 * !is_simulated(plan_.tier)) fault = fmt::format("{} descriptors are left", left);
    const double growth = static_cast<double>(after.heap) / static_cast<double>(std::max<size_t>(before.heap, 1));
    if (plan_.calls >= 2000 && before.heap > 0 && growth > 1.1) fault = "the heap grows";
    const double late_growth =
        static_cast<double>(after.resident) / static_cast<double>(std::max<size_t>(half.resident, 1));
    if (plan_.calls >= 2000 && before.heap > 0 && late_growth > 1.1) fault = "resident memory grows";
    return tell(
        fmt::format(
            "{} {} calls in {:.0f} s: {} moves, {} jobs, {} refused moves, {} leases that ran out, {} nodes lost, {} "
            "without room, {} released from the kernel; left: {} anchors, {} flows, {} steered of {} kept pairs of "
            "sockets, {} descriptors; after {}, {} and {} calls heap {}, {} and {} KiB, resident {}, {} and {} KiB, "
            "descriptors {} to "
            "{}; events of {} anchors",
            to_string(plan_.tier), done_, seconds, faults_.moves, faults_.jobs, faults_.refused, faults_.lapsed,
            faults_.nodes_lost, faults_.no_room, faults_.kernel, state.anchors, flows, steered, kept,
            left - lines_.size() * 4 * !is_simulated(plan_.tier), early, plan_.calls / 2, done_, before.heap, half.heap,
            after.heap, before.resident, half.resident, after.resident, descriptors_before, descriptors_after, told),
        fault);
  }

 private:
  void next(size_t line, uint32_t within_ms) {
    const auto after = std::chrono::microseconds(1000 + site_.random(within_ms * 1000 + 1));
    site_.loop().start_timer(site_.loop().now() + after, [this, line] { work(line); });
  }

  void work(size_t index) {
    Line& line = lines_[index];
    if (!line.is_busy) {
      if (begun_ >= plan_.calls) return;
      begin(line);
    } else if (line.steps_left == 0) {
      end(line);
    } else {
      --line.steps_left;
      step(line);
    }
    // Some stay until the kernel has them.
    next(index, line.steps_left == 1 && site_.random(20) == 0 ? 3000 : 120);
  }

  AnchorInfo allocate(MediaNode& node, bool has_lease) {
    AllocateRequest request;
    request.leg = fmt::format("leg{}", ++legs_);
    request.call = fmt::format("call{}", begun_);
    request.lease = std::chrono::seconds(has_lease ? lease_s : 0);
    auto info = site_.wait(node.control().allocate(std::move(request)));
    if (!info) ++faults_.no_room;
    return info.value_or(AnchorInfo());
  }

  void begin(Line& line) {
    ++begun_;
    ++active_;
    line.is_busy = true;
    const bool has_lease = site_.random(20) == 0;
    line.leg_a = allocate(*node_, has_lease);
    line.leg_b = allocate(*node_, has_lease);
    line.leg_c = site_.random(4) == 0 ? allocate(*core_, has_lease) : AnchorInfo();
    line.steps_left = site_.random(8);
    if (line.leg_a.id == AnchorId::none || line.leg_b.id == AnchorId::none) {
      line.steps_left = 0;
      return;
    }
    face(*node_, line.leg_a, Side::outer, line.a->local());
    face(*node_, line.leg_b, Side::outer, line.b->local());
    line.a->talk_to(line.leg_a.streams[0].outer);
    line.b->talk_to(line.leg_b.streams[0].outer);
    if (line.leg_c.id != AnchorId::none) {
      face(*node_, line.leg_a, Side::inner, line.leg_c.streams[0].outer);
      face(*core_, line.leg_c, Side::outer, line.leg_a.streams[0].inner);
    }
  }

  void face(MediaNode& node, const AnchorInfo& anchor, Side side, const Endpoint& to) {
    order(node.control().set_remote(anchor.id, side, {.rtp = to, .formats = telephone_formats()}));
  }
  template <class T>
  void order(Task<Result<T>> task) {
    const uint32_t before = site_.refused;
    site_.order(std::move(task));
    faults_.refused += site_.refused - before;
  }
  void connect(const AnchorInfo& anchor, Path path) {
    ++faults_.moves;
    order(node_->control().connect(anchor.id, path));
  }

  void step(Line& line) {
    switch (site_.random(12)) {
      case 0:
      case 1:
      case 2:
        return connect(line.leg_a, {.kind = Path::Kind::bridge, .peer = line.leg_b.id});
      case 3:
        return connect(line.leg_a, {.kind = Path::Kind::inner});
      case 4:
        return connect(line.leg_b, {.kind = Path::Kind::idle});
      case 5:  // a peer that has gone, or never was
        return connect(line.leg_b, {.kind = Path::Kind::bridge, .peer = static_cast<AnchorId>(site_.random(~0u))});
      case 6:
        return job(line, node_->control().collect(line.leg_a.id, {.timeout = 300ms}));
      case 7: {
        RecordRequest request{.legs = {line.leg_a.id, line.leg_b.id}, .is_dual = true};
        request.path_hint = fmt::format("calls{}", site_.random(at_once));
        return job(line, node_->control().record(line.leg_a.id, std::move(request)));
      }
      case 8: {
        PlayRequest request;
        request.sources.push_back({.kind = Source::Kind::tone, .value = "beep"});
        return job(line, node_->control().play(line.leg_b.id, std::move(request)));
      }
      case 9:
        if (!line.jobs.empty()) node_->control().stop(line.jobs.back().first, line.jobs.back().second);
        return;
      case 10:
        if (site_.random(100) == 0) lose_core();
        return;
      default:
        return line.a->press('5', 4);
    }
  }

  void job(Line& line, Task<Result<JobId>> task) {
    ++faults_.jobs;
    auto begun = site_.wait(std::move(task));
    if (begun)
      line.jobs.emplace_back(line.leg_a.id, *begun);
    else
      ++faults_.refused;
  }

  /// The other node is gone, with all that it had; its anchors are named to nobody any more.
  void lose_core() {
    ++faults_.nodes_lost;
    core_ = std::make_unique<MediaNode>(site_, static_cast<uint16_t>(26000 + faults_.nodes_lost % 2 * 2000));
    for (Line& line : lines_) line.leg_c = {};
  }

  void end(Line& line) {
    faults_.kernel += line.leg_a.id != AnchorId::none && node_->is_in_kernel(line.leg_a.streams[0].outer.port);
    // Whoever began it may be gone: then nobody releases anything, and the leases do. Those without one are released
    // in either order, sometimes twice.
    const bool is_forgotten = site_.random(3) == 0;
    faults_.lapsed += is_forgotten;
    for (const AnchorInfo* leg : {&line.leg_b, &line.leg_a}) {
      if (leg->id == AnchorId::none) continue;
      if (is_forgotten)
        node_->control().renew(leg->id, std::chrono::seconds(lease_s));
      else
        node_->control().release(leg->id);
    }
    if (line.leg_c.id != AnchorId::none) core_->control().release(line.leg_c.id);
    line.leg_a = line.leg_b = line.leg_c = {};
    line.jobs.clear();
    line.a->heard.clear();
    line.b->heard.clear();
    dropped_.clear();
    node_->events.clear();
    core_->events.clear();
    line.is_busy = false;
    ++done_;
    --active_;
  }

  const Plan& plan_;
  Site site_;
  std::unique_ptr<MediaNode> node_, core_;
  Dropped dropped_;
  std::vector<Line> lines_;
  Faults faults_;
  size_t descriptors_ = 0;
  uint32_t begun_ = 0, done_ = 0, active_ = 0, legs_ = 0;
};

}  // namespace

int run_calls(const Plan& plan) {
  Traffic traffic(plan);
  return traffic.run();
}

}  // namespace nearend::media::test
