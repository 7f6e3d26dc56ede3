// What takes a talk out of the kernel and gives it back, and what must not be left there.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "moves/runs.hpp"
#include "rtp/g711.hpp"

namespace nearend::media::test {
namespace {

constexpr size_t wav_header = 44;
constexpr int loud = 4000;

std::vector<int16_t> samples_of(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(stream), {}};
  std::vector<int16_t> samples;
  for (size_t i = wav_header; i + 1 < bytes.size(); i += 2)
    samples.push_back(static_cast<int16_t>(static_cast<uint8_t>(bytes[i]) | static_cast<uint8_t>(bytes[i + 1]) << 8));
  return samples;
}

/// What a recording lacks at its start, and frames that it lacks after that, of the channel that has it worst.
struct Lack {
  double start_ms = 0;
  size_t frames = 0;
};
Lack lack_of(const std::string& file) {
  const auto samples = samples_of(file);
  Lack worst;
  for (size_t channel = 0; channel < 2; ++channel) {
    size_t first = 0, silent = 0, holes = 0;
    bool has_begun = false;
    for (size_t at = channel; at < samples.size(); at += 2) {
      const bool is_loud = std::abs(samples[at]) > loud;
      if (is_loud && !has_begun) first = at / 2;
      has_begun = has_begun || is_loud;
      silent = samples[at] == 0 ? silent + 1 : 0;
      holes += has_begun && silent == 160;
    }
    worst.start_ms = std::max(worst.start_ms, has_begun ? static_cast<double>(first) / 8 : 1e9);
    worst.frames = std::max(worst.frames, holes);
  }
  return worst;
}

}  // namespace

int run_features(const Plan& with) {
  Plan plan = with;
  plan.count *= 2;  // there and back
  plan.loss = 0;    // so that every hole in a recording is ours
  Stage stage(plan);
  Talk& talk = stage.add(Kind::local_split, 0);
  const uint16_t port = talk.leg_a.streams[0].outer.port;
  stage.settle();
  size_t stale = 0;
  stage.move_all({}, [&](Talk& one, size_t) {
    if (!one.marks.back().is_to_long) return;
    // The command is carried out by the media thread; from then on no packet of the talk may pass it by.
    stage.site.loop().start_timer(stage.site.loop().now() + 40ms,
                                  [&] { stale += stage.nodes.near.is_in_kernel(port); });
  });
  Verdict verdict = stage.judge(0);
  double start_ms = 0;
  size_t recordings = 0, holes = 0;
  for (const auto& ended : stage.nodes.near.told<event::RecordEnded>(talk.leg_a.id)) {
    const Lack lack = lack_of(ended.file);
    start_ms = std::max(start_ms, lack.start_ms);
    holes += lack.frames;
    ++recordings;
  }
  uint32_t harmed = 0;
  for (const Harm& harm : verdict.harms) harmed += harm.lost + harm.doubled;
  std::string fault;
  if (harmed > 0) fault = fmt::format("{} frames of the talk were lost or doubled", harmed);
  if (verdict.breaks() > 0) fault = fmt::format("{} header breaks", verdict.breaks());
  if (stale > 0) fault = fmt::format("{} times the kernel still relayed a talk that was recorded", stale);
  if (recordings != plan.count / 2) fault = fmt::format("{} recordings", recordings);
  if (start_ms > 500) fault = fmt::format("a recording lacks {:.0f} ms at its start", start_ms);
  if (holes > 0) fault = fmt::format("recordings lack {} frames", holes);
  if (plan.tier == Tier::kernel && verdict.from_kernel == 0) fault = "the kernel never had the talk";
  return tell(fmt::format("{} recorder added or removed {} times ({} from the kernel): {} frames heard, {} lost or "
                          "doubled, {} breaks; {} recordings lack at most {:.1f} ms at the start and {} frames later; "
                          "stale in the kernel {}",
                          to_string(plan.tier), verdict.moves, verdict.from_kernel, verdict.frames, harmed,
                          verdict.breaks(), recordings, start_ms, holes, stale),
              fault);
}

int run_privacy(const Plan& plan) {
  Site site(plan.tier, plan.seed);
  MediaNode node(site, 20000);
  Dropped dropped;
  std::vector<std::unique_ptr<Talker>> talkers;
  std::vector<AnchorInfo> legs;
  for (uint8_t id = 1; id <= 3; ++id) {
    talkers.push_back(std::make_unique<Talker>(site, Talker::Options{.id = id}, dropped));
    AllocateRequest request;
    request.leg = fmt::format("leg{}", id);
    request.call = "call";
    legs.push_back(node.allocate(std::move(request)));
    Remote remote{.rtp = talkers.back()->local(), .formats = telephone_formats()};
    site.order(node.control().set_remote(legs.back().id, Side::outer, std::move(remote)));
    talkers.back()->talk_to(legs.back().streams[0].outer);
  }
  struct Stay {
    size_t with;
    io::Instant since;
  };
  std::vector<Stay> stays;
  uint32_t from_kernel = 0;
  for (uint32_t i = 0; i < plan.count; ++i) {
    const size_t with = 1 + i % 2;
    from_kernel += node.is_in_kernel(legs[0].streams[0].outer.port);
    stays.push_back({with, site.loop().now()});
    site.order(node.control().connect(legs[0].id, {.kind = Path::Kind::bridge, .peer = legs[with].id}));
    site.run_for(std::chrono::milliseconds(plan.between_ms / 2 + site.random(plan.between_ms)));
  }
  const io::Instant end = site.loop().now();
  // Until the new party is heard, or 100 ms have passed, the old one still hears; a packet may be on its way meanwhile.
  const io::Duration grace = Path{}.prove_within + 40ms;
  uint32_t leaked = 0;
  uint64_t heard = 0;
  for (size_t party = 1; party <= 2; ++party) {
    for (const auto& one : talkers[party]->heard) {
      if (one.frame.speaker != 1) continue;
      ++heard;
      const auto stay = std::find_if(stays.rbegin(), stays.rend(), [&](const Stay& at) { return at.since <= one.at; });
      leaked += stay != stays.rend() && stay->with != party && one.at - stay->since > grace;
    }
  }
  std::string fault;
  if (leaked > 0) fault = "the left party still hears";
  if (heard == 0 || site.refused > 0) fault = "nothing was heard";
  if (plan.tier == Tier::kernel && from_kernel == 0) fault = "the kernel never had the talk";
  return tell(
      fmt::format("{} {} moves to another party ({} from the kernel) in {:.0f} s: {} frames heard, {} by a party "
                  "that was left",
                  to_string(plan.tier), plan.count, from_kernel,
                  std::chrono::duration<double>(end - stays.front().since).count(), heard, leaked),
      fault);
}

}  // namespace nearend::media::test
