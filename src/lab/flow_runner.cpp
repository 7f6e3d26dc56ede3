#include "lab/flow_runner.hpp"

#include <algorithm>
#include <fstream>

#include "lab/pictures.hpp"

namespace nearend::lab {
namespace {

constexpr size_t prompt_frames = 40;  // 0.8 s
constexpr double independence_ms = 1.0;

Result<void> write_documents(const Flow& flow, const std::filesystem::path& directory) {
  for (const auto& [name, text] : flow.documents) {
    std::ofstream out(directory / (name + ".xml"));
    out << "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" << text << "\n";
    if (!out.flush()) return fail(Error::Kind::internal, "{}/{}.xml cannot be written", directory.string(), name);
  }
  return write_wav(directory / "prompt.wav", marker(Voice::prompt, prompt_frames));
}

std::string joined(const std::vector<std::string>& texts) {
  std::string out;
  for (const auto& text : texts) out += (out.empty() ? "" : "; ") + text;
  return out;
}

}  // namespace

// A platform with both parties, ready for calls.
struct FlowRunner::Stage {
  std::unique_ptr<Platform> platform;
  std::unique_ptr<Party> caller;
  std::unique_ptr<Party> callee;
};

Result<std::unique_ptr<FlowRunner::Stage>> FlowRunner::set_up(const Flow& flow, bool real) {
  const auto directory = directory_ / fmt::format("{}-{}{}", flow.id, real ? "baresip-" : "", ++stages_);
  std::filesystem::remove_all(directory);
  auto stage = std::make_unique<Stage>();
  auto platform = Platform::start(flow.plan, program_, directory, flow.roles);
  if (!platform) return pass(platform);
  stage->platform = std::move(*platform);
  if (auto done = write_documents(flow, stage->platform->directory() / "app"); !done) return pass(done);
  const Wan& wan = stage->platform->wan();
  for (const bool is_caller : {true, false}) {
    const PhoneSettings& settings = is_caller ? flow.caller : flow.callee;
    const SiteId site = stage->platform->site(is_caller ? "caller" : "callee");
    const std::string name = is_caller ? "caller" : "callee";
    const MediaKeys keys = is_caller ? flow.caller_keys : flow.callee_keys;
    const BaresipSettings softphone{.name = name, .user = settings.user, .voice = settings.voice, .keys = keys};
    auto party = real || keys != MediaKeys::none ? real_party(wan, site, softphone, stage->platform->directory())
                                                 : exact_party(wan, site, settings);
    if (!party) return pass(party);
    (is_caller ? stage->caller : stage->callee) = std::move(*party);
  }
  return stage;
}

// The softphones' own recordings must tell the same as the tap.
void FlowRunner::check_recordings(FlowRun& run) {
  const auto check = [&run](Party& party, Voice other, std::string_view who) {
    const auto recording = party.recording();
    if (!run.expect(recording.has_value(), recording ? "" : recording.error().text)) return;
    const auto ear = hear(*recording);
    run.metrics[fmt::format("{}_recorded_frames", who)] = static_cast<double>(ear[static_cast<size_t>(other)].frames);
    run.expect(ear[static_cast<size_t>(other)].frames > 20,
               fmt::format("the {}'s own recording has only {} frames of the other", who,
                           ear[static_cast<size_t>(other)].frames));
  };
  check(run.caller, Voice::callee, "caller");
  check(run.callee, Voice::caller, "callee");
}

FlowResult FlowRunner::run_once(const Flow& flow, Stage& stage, int rtt_ms, bool real) {
  on_begin(flow, rtt_ms, real);
  const int64_t begin = now_ns();
  Platform& platform = *stage.platform;
  platform.set_core_rtt(rtt_ms);
  platform.capture().clear();
  FlowRun run(platform, rtt_ms, *stage.caller, *stage.callee, platform.call_sites("caller", "callee"));
  run.margin_ms = margin_ms;
  flow.run(run);
  if (real && run.failures.empty()) check_recordings(run);
  if (const std::string dead = flow.ends_platform ? "" : platform.casualties(); !dead.empty()) run.expect(false, dead);
  FlowResult result{.flow = flow.id,
                    .phones = real || !run.caller.exact() || !run.callee.exact() ? "baresip" : "exact",
                    .rtt_ms = rtt_ms,
                    .passed = run.failures.empty(),
                    .metrics = run.metrics,
                    .why = joined(run.failures)};
  if (!result.passed) result.why += fmt::format(" (logs in {})", platform.directory().string());
  const CallTrace trace = run.trace();
  const auto kept = [&](std::string_view what) {
    return platform.directory() / fmt::format("rtt-{}-{}", rtt_ms, what);
  };
  std::ofstream(kept("ladder.txt")) << write_ladder(trace, platform.wan());
  if (!result.passed) write_pcap(trace.packets, kept("packets.pcap").string());
  result.seconds = static_cast<double>(now_ns() - begin) / 1e9;
  on_end(flow, run, result);
  return result;
}

std::vector<FlowResult> FlowRunner::run(const Flow& flow, const std::vector<int>& rtts_ms, bool with_real_phones) {
  std::vector<FlowResult> out;
  const auto run_all = [&](const std::vector<int>& rtts, bool real) {
    std::unique_ptr<Stage> stage;
    for (const int rtt : rtts) {
      if (!stage) {
        auto made = set_up(flow, real);
        if (!made) {
          out.push_back({.flow = flow.id,
                         .phones = real ? "baresip" : "exact",
                         .rtt_ms = rtt,
                         .metrics = {},
                         .why = made.error().text});
          continue;
        }
        stage = std::move(*made);
      }
      out.push_back(run_once(flow, *stage, rtt, real));
      if (!out.back().passed || flow.ends_platform || real) stage.reset();
    }
  };
  run_all(flow.is_rtt_free ? std::vector{rtts_ms.front()} : rtts_ms, false);
  if (with_real_phones && flow.has_real_phones) run_all({*std::ranges::max_element(rtts_ms)}, true);
  return out;
}

void add_media_independence(std::vector<FlowResult>& results, double margin_ms) {
  for (FlowResult& result : results) {
    if (!result.metrics.contains("m2e_ms")) continue;
    const FlowResult* base = nullptr;
    for (const FlowResult& other : results) {
      if (other.flow != result.flow || other.phones != result.phones || !other.metrics.contains("m2e_ms")) continue;
      if (base == nullptr || other.rtt_ms < base->rtt_ms) base = &other;
    }
    const double difference = result.metrics["m2e_ms"] - base->metrics.at("m2e_ms");
    result.metrics["m1_ms"] = difference;
    if (difference <= independence_ms + margin_ms) continue;
    result.passed = false;
    result.why += fmt::format("{}mouth-to-ear grew by {:.1f} ms with the distance to the router",
                              result.why.empty() ? "" : "; ", difference);
  }
}

}  // namespace nearend::lab
