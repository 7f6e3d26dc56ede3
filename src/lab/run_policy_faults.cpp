#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <sstream>

#include "base/json.hpp"
#include "base/text.hpp"
#include "lab/babbler.hpp"
#include "lab/commands.hpp"
#include "lab/flow.hpp"

namespace nearend::lab {
namespace {

using std::chrono::milliseconds;
namespace fs = std::filesystem;

constexpr int failed = 1, status_wrong_use = 2, status_skipped = 77;
constexpr double added_most_ms = 50;
constexpr int held_ms = 100;
const std::vector<std::string> faults{"cut", "frozen", "killed", "garbage"};

/// The calls of one state.
struct Outcome {
  std::string state;
  int calls = 0, good = 0;
  std::vector<double> set_up_ms;  // INVITE to 200, rising

  double part(double share) const {
    if (set_up_ms.empty()) return 0;
    const auto index = static_cast<size_t>(std::ceil(share * static_cast<double>(set_up_ms.size())));
    return set_up_ms[std::min(std::max<size_t>(index, 1), set_up_ms.size()) - 1];
  }
};

class Faults {
 public:
  Faults(const PolicyFaultsOptions& options, fs::path directory)
      : options_(options), directory_(std::move(directory)) {}

  Result<void> start(const std::string& program) {
    PlatformPlan plan = two_regions();
    plan.has_policy_sites = true;
    auto platform = Platform::start(std::move(plan), program, directory_);
    if (!platform) return pass(platform);
    platform_ = std::move(*platform);
    platform_->set_core_rtt(options_.rtt_ms);
    std::ofstream(directory_ / "app/start.xml") << "<Response><Dial timeout=\"20\" answerOnBridge=\"true\"><Number>"
                                                << callee_number << "</Number></Dial></Response>\n";
    auto callee = sipp("callee", {"-sn", "uas"});
    if (!callee) return pass(callee);
    callee_ = std::move(*callee);
    return callee_.wait_for_udp(sip_port, milliseconds(10'000));
  }

  Result<Outcome> measure(const std::string& state, int calls) {
    if (auto begun = enter(state); !begun) return pass(begun);
    const fs::path work = directory_ / state;
    fs::create_directories(work);
    auto caller = sipp("caller",
                       {"-sn",
                        "uac",
                        platform_->gateway("eu").to_string(),
                        "-s",
                        platform_number,
                        "-m",
                        std::to_string(calls),
                        "-r",
                        std::to_string(options_.rate),
                        "-l",
                        "1000",
                        "-d",
                        std::to_string(held_ms),
                        "-trace_rtt",
                        "-rtt_freq",
                        "1",
                        "-trace_stat",
                        "-fd",
                        "1",
                        "-stf",
                        (work / "stat.csv").string(),
                        "-recv_timeout",
                        "15000"},
                       work);
    if (!caller) return pass(caller);
    const auto limit = milliseconds(30'000 + 1000LL * calls / options_.rate);
    if (auto ended = caller->wait(limit); !ended) return pass(ended);
    leave(state);
    return read(state, work, calls);
  }

 private:
  Result<Process> sipp(const std::string& site, std::vector<std::string> more, fs::path work = {}) {
    const std::string address = platform_->wan().address(platform_->site(site)).to_string();
    std::vector<std::string> arguments{"sipp", "-i", address, "-p", std::to_string(sip_port), "-nostdin"};
    arguments.insert(arguments.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
    return Process::start(platform_->wan().net(platform_->site(site)), {.name = site + "-sipp",
                                                                        .arguments = std::move(arguments),
                                                                        .directory = work.empty() ? directory_ : work,
                                                                        .environment = {{"TERM", "dumb"}}});
  }

  Process& policy(const std::string& region) { return platform_->process(region + "-policy"); }

  Result<void> enter(const std::string& state) {
    for (const std::string region : {"eu", "us", "as"}) {
      if (state == "cut") platform_->cut_off(region + "-policy");
      if (state == "frozen") ::kill(policy(region).pid(), SIGSTOP);
      if (state == "killed" || state == "garbage") policy(region).kill();
      if (state != "garbage") continue;
      auto babbler = Babbler::start(platform_->wan(), platform_->site(region + "-policy"), policy_port);
      if (!babbler) return pass(babbler);
      babblers_.push_back(std::move(*babbler));
    }
    return {};
  }

  void leave(const std::string& state) {
    if (state == "cut") platform_->join_policies();
    for (const std::string region : {"eu", "us", "as"})
      if (state == "frozen") ::kill(policy(region).pid(), SIGCONT);
  }

  static Result<Outcome> read(const std::string& state, const fs::path& work, int calls) {
    Outcome outcome{.state = state, .calls = calls};
    for (const auto& entry : fs::directory_iterator(work)) {
      if (!entry.path().string().ends_with("_rtt.csv")) continue;
      std::ifstream lines(entry.path());
      for (std::string line; std::getline(lines, line);) {
        const auto fields = split(line, ';');
        char* end = nullptr;
        const double ms = fields.size() > 1 ? std::strtod(std::string(fields[1]).c_str(), &end) : 0;
        if (ms > 0) outcome.set_up_ms.push_back(ms);
      }
    }
    std::ranges::sort(outcome.set_up_ms);
    std::ifstream stat(work / "stat.csv");
    std::string head, last;
    std::getline(stat, head);
    for (std::string line; std::getline(stat, line);) last = line;
    const auto names = split(head, ';'), values = split(last, ';');
    const auto good = std::ranges::find(names, "SuccessfulCall(C)");
    const auto index = static_cast<size_t>(good - names.begin());
    if (index >= values.size())
      return fail(Error::Kind::malformed, "sipp told nothing of its calls in {}", work.string());
    outcome.good = std::atoi(std::string(values[index]).c_str());
    return outcome;
  }

  const PolicyFaultsOptions& options_;
  fs::path directory_;
  std::unique_ptr<Platform> platform_;
  Process callee_;
  std::vector<std::unique_ptr<Babbler>> babblers_;
};

bool tell(const Outcome& outcome, const Outcome& healthy, const PolicyFaultsOptions& options) {
  const double p50 = outcome.part(0.5), p99 = outcome.part(0.99);
  const double added_p50 = p50 - healthy.part(0.5), added_p99 = p99 - healthy.part(0.99);
  const bool is_good = outcome.good == outcome.calls && !outcome.set_up_ms.empty() &&
                       std::max(added_p50, added_p99) <= added_most_ms + options.margin_ms;
  if (options.is_json)
    fmt::print("{}\n", to_json(json::object{{"state", outcome.state},
                                            {"calls", outcome.calls},
                                            {"failed", outcome.calls - outcome.good},
                                            {"p50_ms", p50},
                                            {"p99_ms", p99},
                                            {"added_p50_ms", added_p50},
                                            {"added_p99_ms", added_p99},
                                            {"held", is_good}}));
  else
    fmt::print("{} {:8} {} calls, {} failed; set-up p50 {:.1f} ms ({:+.1f}), p99 {:.1f} ms ({:+.1f})\n",
               is_good ? "held  " : "FAILED", outcome.state, outcome.calls, outcome.calls - outcome.good, p50,
               added_p50, p99, added_p99);
  std::fflush(stdout);
  return is_good;
}

}  // namespace

int run_policy_faults(const PolicyFaultsOptions& options) {
  for (const std::string& state : options.only)
    if (std::ranges::find(faults, state) == faults.end()) {
      fmt::print(stderr, "nearend lab policy-faults: no state '{}'; cut, frozen, killed, garbage\n", state);
      return status_wrong_use;
    }
  if (const auto rights = gain_network_rights(); !rights) {
    fmt::print(stderr, "SKIPPED: no calls were set up: {}\n", rights.error().text);
    return status_skipped;
  }
  const fs::path directory =
      fs::absolute(fs::path(options.directory.empty() ? "out/lab" : options.directory)) / "policy-faults";
  fs::remove_all(directory);
  Faults lab(options, directory);
  const std::string program = options.program.empty() ? fs::read_symlink("/proc/self/exe").string() : options.program;
  const auto wrong = [](const Error& error) {
    fmt::print(stderr, "nearend lab policy-faults: {}\n", error.text);
    return failed;
  };
  if (auto started = lab.start(program); !started) return wrong(started.error());
  // The first calls of a platform open connections: they are not counted.
  if (auto warm = lab.measure("warm", std::min(options.calls, 5)); !warm) return wrong(warm.error());
  auto healthy = lab.measure("healthy", options.calls);
  if (!healthy) return wrong(healthy.error());
  bool is_good = tell(*healthy, *healthy, options);
  for (const std::string& state : faults) {
    if (!options.only.empty() && std::ranges::find(options.only, state) == options.only.end()) continue;
    auto outcome = lab.measure(state, options.calls);
    if (!outcome) return wrong(outcome.error());
    is_good &= tell(*outcome, *healthy, options);
  }
  return is_good ? 0 : failed;
}

}  // namespace nearend::lab
