#include "moves/verdict.hpp"

#include <algorithm>
#include <cmath>

namespace nearend::media::test {
namespace {

constexpr double frame_ms = 20;
constexpr io::Duration in_flight = 250ms;  // a move is blamed for what was said so long before it

double ms(io::Duration length) {
  return std::chrono::duration<double, std::milli>(length).count();
}

template <class T>
T at_share(std::vector<T> all, double share) {
  if (all.empty()) return T{};
  std::sort(all.begin(), all.end());
  return all[std::min(all.size() - 1, static_cast<size_t>(share * static_cast<double>(all.size())))];
}

/// One direction of a talk.
class Hearing {
 public:
  Hearing(Talk& talk, Talker& speaker, Talker& listener, const Endpoint& ours, io::Instant begin, io::Instant end)
      : talk_(talk), speaker_(speaker), listener_(listener), ours_(ours), begin_(begin), end_(end) {
    times_.resize(speaker.said() + 2);
    for (const auto& one : listener.heard)
      if (one.frame.speaker == speaker.options().id && one.frame.number < times_.size()) ++times_[one.frame.number];
  }

  void judge(Verdict& out) {
    for (size_t i = 0; i < talk_.marks.size(); ++i) {
      const io::Instant from = talk_.marks[i].at;
      const io::Instant until = i + 1 < talk_.marks.size() ? talk_.marks[i + 1].at : end_;
      out.harms.push_back(harm(from, until));
    }
    const io::Instant first = talk_.marks.empty() ? end_ : talk_.marks.front().at;
    for (io::Instant at = begin_; at + 1s <= first; at += 1s) out.calm_gaps_ms.push_back(gap(at, at + 1s));
    find_breaks(out);
    for (int times : times_) out.frames += static_cast<uint64_t>(times);
  }

 private:
  using Heard = Talker::Heard;
  bool is_dropped(uint32_t number) const { return talk_.dropped().contains({speaker_.options().id, number}); }

  Harm harm(io::Instant from, io::Instant until) const {
    Harm harm;
    for (uint32_t number = 1; number < times_.size(); ++number) {
      const io::Instant said = speaker_.said_at(number);
      if (said < from - in_flight || said >= until - in_flight) continue;
      harm.doubled += static_cast<uint32_t>(std::max(0, times_[number] - 1));
      if (times_[number] == 0 && !is_dropped(number)) ++harm.lost;
    }
    const auto allowed = static_cast<uint32_t>(std::ceil(ms(talk_.conditions.extra) / frame_ms));
    harm.beyond = harm.lost + harm.doubled > allowed ? harm.lost + harm.doubled - allowed : 0;
    harm.gap_ms = gap(from, until);
    return harm;
  }

  double noise_lost(io::Instant from, io::Instant until) const {
    const auto& dropped = talk_.dropped();
    return static_cast<double>(
        std::distance(dropped.lower_bound({0, stamp_of(from)}), dropped.upper_bound({0, stamp_of(until)})));
  }

  double gap(io::Instant from, io::Instant until) const {
    const auto& heard = listener_.heard;
    double longest = 0;
    const auto later = [](const Heard& one, io::Instant at) { return one.at < at; };
    auto one = std::lower_bound(heard.begin(), heard.end(), from, later);
    for (; one != heard.end() && one->at < until; ++one) {
      if (one == heard.begin()) continue;
      const Heard& before = *(one - 1);
      double pause = ms(one->at - before.at) - frame_ms;
      for (uint32_t number = before.frame.number + 1; before.frame.number > 0 && number < one->frame.number; ++number)
        if (is_dropped(number)) pause -= frame_ms;
      pause -= frame_ms * noise_lost(before.at - in_flight, one->at);
      longest = std::max(longest, pause);
    }
    if (heard.empty() || until - heard.back().at > 2s) return ms(until - from);
    return longest;
  }

  void find_breaks(Verdict& out) const {
    std::map<Endpoint, const Heard*> last;
    std::map<Endpoint, const Heard*> first;
    for (const Heard& one : listener_.heard) {
      const Heard*& before = last[one.from];
      if (before == nullptr)
        first[one.from] = &one;
      else
        compare(*before, one, *first[one.from], out);
      before = &one;
    }
  }

  void compare(const Heard& before, const Heard& now, const Heard& first, Verdict& out) const {
    if (before.ssrc != now.ssrc) {
      ++out.ssrc_breaks;
      return;
    }
    const uint16_t step = static_cast<uint16_t>(now.sequence - before.sequence);
    if (step == 0 || step > 50 + ms(now.at - before.at) / frame_ms) ++out.sequence_breaks;
    const bool is_event = before.payload_type == 101 || now.payload_type == 101;
    const auto ticks = static_cast<int32_t>(now.timestamp - before.timestamp);
    if (!is_event && (ticks <= 0 || ticks % 160 != 0)) ++out.timestamp_breaks;
    // A hole in the numbers is a packet that a source, or the network, has lost: never one that a move has made.
    if (now.from == ours_ && !is_event && step > 1 && before.frame.number > 0 &&
        now.frame.number > before.frame.number) {
      uint32_t dropped = 0;
      for (uint32_t number = before.frame.number + 1; number < now.frame.number; ++number)
        dropped += is_dropped(number);
      if (dropped + 1u < step) ++out.sequence_breaks;
    }
    if (!is_event) {
      const double drift = static_cast<int32_t>(now.timestamp - first.timestamp) / 8.0 - ms(now.at - first.at);
      if (std::abs(drift) > ms(talk_.conditions.extra) + 200) ++out.timestamp_breaks;
    }
    if (now.marker && now.payload_type != 101 && now.at - before.at < 200ms) ++out.marker_breaks;
  }

  Talk& talk_;
  Talker &speaker_, &listener_;
  Endpoint ours_;
  io::Instant begin_, end_;
  std::vector<int> times_;
};

}  // namespace

Verdict judge(Talk& talk, io::Instant begin, io::Instant end) {
  Verdict out;
  Hearing(talk, talk.b(), talk.a(), talk.leg_a.streams[0].outer, begin, end).judge(out);
  Hearing(talk, talk.a(), talk.b(), talk.leg_b.streams[0].outer, begin, end).judge(out);
  // The network loses noise too, which has no number: each makes one hole.
  const auto noise = talk.dropped().lower_bound({1, 0});
  const auto holes = static_cast<uint32_t>(std::distance(talk.dropped().begin(), noise));
  out.sequence_breaks -= std::min(out.sequence_breaks, holes);
  out.moves = static_cast<uint32_t>(talk.marks.size());
  for (const Talk::Mark& mark : talk.marks) out.from_kernel += mark.was_in_kernel;
  out.reports = talk.reports();
  return out;
}

uint32_t Verdict::beyond(double share) const {
  std::vector<uint32_t> all;
  for (const Harm& harm : harms) all.push_back(harm.beyond);
  return at_share(std::move(all), share);
}

double Verdict::gap_ms(double share) const {
  std::vector<double> all;
  for (const Harm& harm : harms) all.push_back(harm.gap_ms);
  return at_share(std::move(all), share);
}

std::string Verdict::line(std::string_view what) const {
  uint32_t lost = 0, doubled = 0, told_lost = 0, told_doubled = 0;
  std::vector<double> told_gaps;
  for (const Harm& harm : harms) {
    lost += harm.lost;
    doubled += harm.doubled;
  }
  for (const event::Moved& moved : reports) {
    told_lost += moved.report.lost;
    told_doubled += moved.report.doubled;
    told_gaps.push_back(moved.report.gap_ms);
  }
  return fmt::format(
      "{:34} {:4} moves ({} from the kernel), lost {} doubled {}, beyond the paths' difference p50 {} p99 {} worst {}; "
      "gap p50 {:.0f} p99 {:.0f} worst {:.0f} ms (calm worst {:.0f}); breaks ssrc {} seq {} time {} marker {}; told "
      "{}: "
      "lost {} doubled {} gap p50 {:.0f} worst {:.0f} ms",
      what, moves, from_kernel, lost, doubled, beyond(0.5), beyond(0.99), beyond(1), gap_ms(0.5), gap_ms(0.99),
      gap_ms(1), at_share(calm_gaps_ms, 1), ssrc_breaks, sequence_breaks, timestamp_breaks, marker_breaks,
      reports.size(), told_lost, told_doubled, at_share(told_gaps, 0.5), at_share(told_gaps, 1));
}

std::string Verdict::fault() const {
  if (refused > 0) return fmt::format("{} commands were refused", refused);
  if (frames == 0) return "nothing was heard";
  if (breaks() > 0) return fmt::format("{} header breaks", breaks());
  const double more = margin_ms / frame_ms;
  if (beyond(0.5) > more) return fmt::format("p50 {} frames lost or doubled", beyond(0.5));
  if (beyond(0.99) > 2 + more) return fmt::format("p99 {} frames lost or doubled", beyond(0.99));
  if (gap_ms(1) >= 40 + margin_ms) return fmt::format("a gap of {:.0f} ms", gap_ms(1));
  return {};
}

}  // namespace nearend::media::test
