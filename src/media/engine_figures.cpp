// What is told of the legs while they are up: figures on request, and once a second the process's metrics.
#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "media/engine.hpp"
#include "media/quality.hpp"
#include "telemetry/histogram.hpp"
#include "telemetry/metrics.hpp"

namespace nearend::media {
namespace {

constexpr std::array tiers = std::to_array<std::string_view>({"kernel", "range", "sockets", "processing"});

/// What is counted by what relays, and how it sounds: a leg's second is one value.
struct Meters {
  std::array<telemetry::Counter*, tiers.size()> packets{}, seconds{};
  std::array<telemetry::Counter*, codec_names.size() + 1> codecs{};
  telemetry::Counter& in = telemetry::counter("nearend_media_packets_in_total");
  telemetry::Counter& out = telemetry::counter("nearend_media_packets_out_total");
  telemetry::Counter& lost = telemetry::counter("nearend_media_packets_lost_total");
  telemetry::Counter& late = telemetry::counter("nearend_media_dropped_total", "kind=\"late\"");
  telemetry::Histogram& score;
  telemetry::Histogram& loss;
  telemetry::Histogram& jitter;
  telemetry::Histogram& rtt;

  static constexpr auto score_bounds = std::to_array({1.5, 2.0, 2.5, 3.0, 3.3, 3.6, 3.8, 4.0, 4.1, 4.2, 4.3, 4.4});
  static constexpr auto loss_bounds = std::to_array({0.0, 0.1, 0.3, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0});
  static constexpr auto jitter_bounds = std::to_array({0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 50.0, 100.0, 200.0});
  static constexpr auto rtt_bounds =
      std::to_array({1.0, 5.0, 10.0, 20.0, 50.0, 100.0, 150.0, 200.0, 300.0, 500.0, 1000.0});

  Meters()
      : score(telemetry::histogram("nearend_media_score", score_bounds)),
        loss(telemetry::histogram("nearend_media_loss_percent", loss_bounds)),
        jitter(telemetry::histogram("nearend_media_jitter_ms", jitter_bounds)),
        rtt(telemetry::histogram("nearend_media_rtt_ms", rtt_bounds)) {
    for (size_t i = 0; i < tiers.size(); ++i) {
      const std::string label = fmt::format("tier=\"{}\"", tiers[i]);
      packets[i] = &telemetry::counter("nearend_media_relayed_packets_total", label);
      seconds[i] = &telemetry::counter("nearend_media_stream_seconds_total", label);
    }
    for (size_t i = 0; i <= codec_names.size(); ++i)
      codecs[i] = &telemetry::counter(
          "nearend_media_codec_seconds_total",
          fmt::format("codec=\"{}\"", i < codec_names.size() ? codec_names[i] : std::string_view("other")));
  }
};

Meters& meters() {
  static Meters one;
  return one;
}

size_t index_of(std::string_view tier) {
  return static_cast<size_t>(std::ranges::find(tiers, tier) - tiers.begin()) % tiers.size();
}

uint32_t lost_of(const Port& port) {
  return static_cast<uint32_t>(std::max<int64_t>(0, port.counters.lost_before + port.receiver.lost()));
}

}  // namespace

std::string_view Engine::tier_of(const Anchor& anchor, const Port& port) const {
  if (port.lent) return tiers[0];
  const bool is_worked_on =
      port.audio || anchor.chair || (anchor.jobs && (anchor.jobs->player || anchor.jobs->collector));
  return port.protection || is_worked_on ? tiers[3] : reader_;
}

void Engine::note_cpu(double percent) {
  cpu_percent_ = percent;
  packets_a_second_ = std::exchange(packets_counting_, 0);
}

/// Once a second an anchor, from the sweep, which has just read what the kernel counted.
void Engine::observe(Anchor& anchor, io::Instant now) {
  if (now - anchor.observed < std::chrono::milliseconds(900)) return;
  anchor.observed = now;
  if (now >= seconds_until_) seconds_.clear();
  for (Stream& stream : anchor.streams) {
    for (Port* port : stream.ports()) observe(anchor, stream, *port);
  }
}

void Engine::observe(const Anchor& anchor, const Stream& stream, Port& port) {
  Meters& all = meters();
  const auto since = [](uint64_t counted, uint32_t& seen) {
    const uint32_t more = static_cast<uint32_t>(counted) - seen;
    seen = static_cast<uint32_t>(counted);
    return more;
  };
  const uint32_t in = since(port.counters.packets_in, port.seen.packets_in);
  const uint32_t out = since(port.counters.packets_out, port.seen.packets_out);
  const uint32_t late = since(port.counters.late, port.seen.late);
  const uint32_t lost_before = std::exchange(port.seen.lost, lost_of(port));
  const uint32_t lost = port.seen.lost > lost_before ? port.seen.lost - lost_before : 0;  // what came late was not
  all.in.add(in);
  all.out.add(out);
  all.late.add(late);
  all.lost.add(lost);
  const std::string_view tier = tier_of(anchor, port);
  port.seen.packets_a_second = port.lent ? 0 : static_cast<float>(in + out);
  packets_counting_ += static_cast<double>(port.seen.packets_a_second);
  if (anchor.observed < seconds_until_ && stream.kind == StreamKind::audio)
    keep_second(
        anchor, port,
        {.side = &port == &stream.outer ? Side::outer : Side::inner, .packets = in + lost, .lost = lost, .late = late});
  if (in == 0) return;
  all.packets[index_of(tier)]->add(in);
  all.seconds[index_of(tier)]->add();
  if (stream.kind != StreamKind::audio) return;
  all.codecs[codec_number(port.codec_hash)]->add();
  StreamStats second{.packets_in = in, .lost = lost, .late = late};
  second.jitter_ms = port.receiver.jitter_ms(port.clock_rate);
  if (port.rtt_ms) second.rtt_ms = *port.rtt_ms;
  const auto quality = quality_of(second);
  if (!quality) return;
  all.score.note(quality->score);
  all.loss.note(quality->loss_percent);
  all.jitter.note(second.jitter_ms);
  if (second.rtt_ms) all.rtt.note(*second.rtt_ms);
}

void Engine::keep_second(const Anchor& anchor, Port& port, LegSecond second) {
  const bool has_far = std::exchange(port.is_remote_loss_new, false) && port.remote_loss;
  const bool has_rtt = std::exchange(port.is_rtt_new, false) && port.rtt_ms;
  if (has_far) {
    const uint32_t out = port.seen.packets_out;
    second.far_packets = out - std::exchange(port.seen.out_at_report, out);
    second.far_lost = static_cast<uint32_t>(std::lround(*port.remote_loss * static_cast<float>(second.far_packets)));
  }
  second.sent = std::exchange(port.sent_between, 0);
  second.missing = std::exchange(port.missing_between, 0);
  if (second.packets == 0 && !has_far && !has_rtt) return;
  second.anchor = anchor.id;
  constexpr uint32_t one_in = 33;
  if (second.side == Side::inner && second.lost >= 2 && second.lost * one_in >= second.packets) request_report(port);
  second.jitter_ms = static_cast<float>(port.receiver.jitter_ms(port.clock_rate));
  if (has_rtt) second.rtt_ms = *port.rtt_ms;
  seconds_.push_back(second);
}

std::vector<LegSecond> Engine::take_seconds(io::Instant now) {
  seconds_until_ = now + Control::seconds_kept;
  std::vector<LegSecond> taken = std::exchange(seconds_, {});
  seconds_.reserve(taken.size() + taken.size() / 4);
  return taken;
}

/// What was not told yet of a leg that goes; what is seldom is told only now.
void Engine::count_totals(Port& port) {
  Meters& all = meters();
  static telemetry::Counter& stranger = telemetry::counter("nearend_media_dropped_total", "kind=\"source\"");
  static telemetry::Counter& malformed = telemetry::counter("nearend_media_dropped_total", "kind=\"malformed\"");
  static telemetry::Counter& format = telemetry::counter("nearend_media_dropped_total", "kind=\"format\"");
  static telemetry::Counter& srtp = telemetry::counter("nearend_media_dropped_total", "kind=\"srtp\"");
  static telemetry::Counter& ssrc = telemetry::counter("nearend_media_ssrc_changes_total");
  all.in.add(static_cast<uint32_t>(port.counters.packets_in) - port.seen.packets_in);
  all.out.add(static_cast<uint32_t>(port.counters.packets_out) - port.seen.packets_out);
  all.late.add(static_cast<uint32_t>(port.counters.late) - port.seen.late);
  stranger.add(port.counters.dropped_source);
  malformed.add(port.counters.dropped_malformed);
  format.add(port.counters.dropped_format);
  srtp.add(port.counters.dropped_srtp);
  ssrc.add(port.counters.ssrc_changes);
}

std::vector<StreamStats> Engine::stats(AnchorId id) {
  std::vector<StreamStats> all;
  Anchor* anchor = find(id);
  if (!anchor) return all;
  read_lent(*anchor);
  for (Stream& stream : anchor->streams) {
    for (const Port* each : stream.ports()) {
      const Port& port = *each;
      const Side side = port.place.side;
      const PortCounters& counted = port.counters;
      StreamStats figures;
      figures.side = side;
      figures.kind = stream.kind;
      figures.packets_in = counted.packets_in;
      figures.octets_in = counted.octets_in;
      figures.packets_out = counted.packets_out;
      figures.octets_out = counted.octets_out;
      figures.lost = lost_of(port);
      figures.late = counted.late;
      add_decoded(figures, *anchor, side, port);
      figures.dropped_source = counted.dropped_source;
      figures.dropped_srtp = counted.dropped_srtp;
      figures.dropped_malformed = counted.dropped_malformed + counted.dropped_format;
      figures.jitter_ms = port.receiver.jitter_ms(port.clock_rate);
      if (port.rtt_ms) figures.rtt_ms = *port.rtt_ms;
      if (port.remote_loss) figures.remote_loss = *port.remote_loss;
      if (port.remote_score10 != 0) figures.remote_score = port.remote_score10 / 10.0;
      if (port.has_remote) figures.codec = codec_name(port.codec_hash);
      figures.tier = tier_of(*anchor, port);
      if (packets_a_second_ > 0)
        figures.cpu_percent = cpu_percent_ * static_cast<double>(port.seen.packets_a_second) / packets_a_second_;
      all.push_back(std::move(figures));
    }
  }
  return all;
}

}  // namespace nearend::media
