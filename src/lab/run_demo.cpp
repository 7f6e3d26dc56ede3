#include <algorithm>
#include <cstdio>
#include <fstream>

#include "lab/commands.hpp"
#include "lab/demo_phase.hpp"

namespace nearend::lab {
namespace {

using namespace std::chrono_literals;

constexpr int talk_packets = 125;  // 2.5 s each way
constexpr int prompt_packets = 15;

void say(std::string_view line) {
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

int complain(const Error& error) {
  fmt::print(stderr, "nearend demo: {}\n", error.text);
  return 1;
}

Result<void> write_documents(const std::filesystem::path& directory) {
  for (const auto& [name, text] : demo_documents()) {
    std::ofstream out(directory / (name + ".xml"));
    out << text;
    if (!out.flush()) return fail(Error::Kind::internal, "{}/{}.xml cannot be written", directory.string(), name);
  }
  return {};
}

void set_distances(Platform& platform, const std::vector<DemoRegion>& regions) {
  for (const DemoRegion& a : regions) {
    for (const auto& [b, rtt] : a.rtt_ms) {
      if (a.name != b) platform.set_rtt(a.name, b, rtt);
    }
  }
}

void begin_phase(DemoResult& result, std::string name, bool is_talk) {
  if (!result.phases.empty()) result.phases.back().end_ns = now_ns();
  say("    " + name + " ...");
  result.phases.push_back(
      {.name = std::move(name), .begin_ns = now_ns(), .end_ns = now_ns(), .is_talk = is_talk, .path = {}});
}

// Drives one call: dial, talk and listen as its document says.
void play_call(FlowRun& run, DemoResult& result) {
  const DemoCall& call = result.call;
  run.caller.dial(call.number, run.platform.gateway(call.caller_region));
  if (!run.expect(run.caller.wait_talking(10s), "the caller was not answered")) return;
  if (call.has_prompt_first) begin_phase(result, "prompt", false);
  for (int round = 1; round <= call.rounds; ++round) {
    if (!run.expect(run.callee.wait_talking(25s), "the callee did not answer")) return;
    begin_phase(result, call.rounds > 1 ? fmt::format("talk {}", round) : "talk", true);
    run.talk(talk_packets);
    run.callee.hangup();
    if (!call.has_prompt_between) continue;
    begin_phase(result, round < call.rounds ? "prompt between" : "prompt at the end", false);
    if (round == call.rounds) run.hear_prompt(prompt_packets);
  }
  run.expect(run.caller.wait_ended(20s), "the caller's call did not end");
  if (!result.phases.empty()) result.phases.back().end_ns = now_ns();
}

Result<std::unique_ptr<Party>> phone(Platform& platform, const std::vector<DemoRegion>& regions, const DemoCall& call,
                                     Voice voice) {
  const std::string& access = voice == Voice::caller ? call.caller : call.callee;
  const PlatformPlan plan = demo_plan(regions);
  const std::string& number = std::ranges::find(plan.accesses, access, &AccessPlan::name)->prefix;
  return real_party(platform.wan(), platform.site(access), {.name = access, .user = number, .voice = voice},
                    platform.directory() / call.id);
}

Result<DemoResult> make_call(Platform& platform, const DemoCall& call, const std::vector<DemoRegion>& regions) {
  auto caller = phone(platform, regions, call, Voice::caller);
  if (!caller) return pass(caller);
  auto callee = phone(platform, regions, call, Voice::callee);
  if (!callee) return pass(callee);
  platform.capture().clear();
  CallSites sites{.caller = platform.site(call.caller),
                  .callee = platform.site(call.callee),
                  .x1 = platform.site(call.caller_region),
                  .x2 = platform.site(call.callee_region),
                  .router = platform.site(call.router_region),
                  .app = platform.site("app")};
  FlowRun run(platform, 300, **caller, **callee, sites);
  DemoResult result{.call = call, .phases = {}, .trace = {}, .failures = {}};
  play_call(run, result);
  result.trace = run.trace();
  run.check_ears(result.trace, 60);
  result.failures = run.failures;
  measure_phases(result, regions);
  return result;
}

void print_table(const std::vector<DemoResult>& results, const Platform& platform) {
  fmt::print("\n{:<5}{:<20}{:<42}{:>14}{:>14}\n", "call", "phase", "media path", "mouth to ear", "by trombone");
  for (const DemoResult& result : results) {
    for (const DemoPhase& phase : result.phases) {
      std::string path;
      for (const SiteId site : phase.path) path += (path.empty() ? "" : " > ") + platform.wan().name(site);
      fmt::print("{:<5}{:<20}{:<42}{:>11.1f} ms{:>14}\n", result.call.id, phase.name, path.empty() ? "not seen" : path,
                 phase.mouth_to_ear_ms, phase.is_talk ? fmt::format("{:.1f} ms", phase.trombone_ms) : "");
    }
    for (const std::string& failure : result.failures) fmt::print("     FAILED: {}\n", failure);
  }
}

}  // namespace

int run_demo(const DemoOptions& options) {
  if (const auto rights = gain_network_rights(); !rights) {
    fmt::print(stderr, "SKIPPED: the demo needs network namespaces: {}\n", rights.error().text);
    return 1;
  }
  const auto regions = demo_regions();
  if (!regions) return complain(regions.error());
  say("Starting five regions: two American cores with routers; Europe, Asia and South America as edges ...");
  const std::filesystem::path directory = std::filesystem::absolute(options.directory);
  std::filesystem::remove_all(directory / "run");
  const std::string program =
      options.program.empty() ? std::filesystem::read_symlink("/proc/self/exe").string() : options.program;
  auto platform = Platform::start(demo_plan(*regions), program, directory / "run");
  if (!platform) return complain(platform.error());
  set_distances(**platform, *regions);
  if (auto done = write_documents((*platform)->directory() / "app"); !done) return complain(done.error());
  std::vector<DemoResult> results;
  for (const DemoCall& call : demo_calls()) {
    say("  " + call.title);
    auto result = make_call(**platform, call, *regions);
    if (!result) return complain(result.error());
    results.push_back(std::move(*result));
  }
  print_table(results, **platform);
  const auto report = directory / "report.html";
  if (auto done = write_report(results, *regions, **platform, report); !done) return complain(done.error());
  fmt::print("\nThe report with maps, ladders and waveforms: {}\n", report.string());
  const bool is_good = std::ranges::all_of(results, [](const DemoResult& result) { return result.failures.empty(); });
  if (const std::string dead = (*platform)->casualties(); !dead.empty()) return complain({Error::Kind::internal, dead});
  return is_good ? 0 : 1;
}

}  // namespace nearend::lab
