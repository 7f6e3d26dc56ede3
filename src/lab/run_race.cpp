#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>

#include "base/json.hpp"
#include "base/text.hpp"
#include "lab/commands.hpp"
#include "lab/platform.hpp"

namespace nearend::lab {
namespace {

using std::chrono::milliseconds;
namespace fs = std::filesystem;

constexpr int failed = 1, status_skipped = 77;
constexpr milliseconds racer_limit{40'000};

/// Where the client is in truth. The topology says us/va1, so that the platform's first choice is wrong.
const std::vector<std::pair<std::string, double>> rtts_ms{{"us1", 70}, {"us2", 110}, {"eu", 24}};

PlatformPlan three_regions() {
  PlatformPlan plan;
  plan.regions = {{.name = "us1", .zone = "us/va1", .address = {}},
                  {.name = "us2", .zone = "us/or1", .address = {}},
                  {.name = "eu", .zone = "eu/de1", .address = {}}};
  plan.accesses = {{.name = "client", .region = "us1", .prefix = "+155501", .address = {}}};
  plan.rtts = {{"us/va1", "us/or1", 60}, {"us/va1", "eu/de1", 90}, {"us/or1", "eu/de1", 140}};
  plan.has_race = true;
  return plan;
}

/// The module in Node or in a browser, which both say what came of it.
std::string script(const std::string& import, const std::string& list) {
  return fmt::format(R"(
try {{
  {}
  const begun = performance.now();
  const race = await fastestGateway(await firstHops('{}'));
  const [best] = race.ranking;
  console.log('RACE ' + JSON.stringify({{gateway: best.candidate.gateway, rtt_ms: best.rtt,
    took_ms: performance.now() - begun}}));
}} catch (error) {{
  console.log('RACE ' + JSON.stringify({{error: String(error)}}));
}}
)",
                     import, list);
}

struct Winner {
  std::string gateway;
  double rtt_ms = 0;
  double took_ms = -1;  // where it is told
  std::string first;    // of the list, where it is told
};

/// The line "RACE {...}" of a racer's output, which may stand within a browser's log.
Result<Winner> winner_of(const std::string& output) {
  const size_t begin = output.find("RACE {");
  const size_t end = output.find('}', begin);
  if (begin == std::string::npos || end == std::string::npos)
    return fail(Error::Kind::malformed, "no outcome of the race in what it wrote");
  auto value = parse_json(output.substr(begin + 5, end - begin - 4));
  if (!value || !value->is_object()) return fail(Error::Kind::malformed, "the outcome cannot be read");
  const json::object& told = value->get_object();
  if (told.contains("error")) return fail(Error::Kind::unavailable, "{}", json_string_or(told, "error", ""));
  return Winner{json_string_or(told, "gateway", ""), json_number_or(told, "rtt_ms", -1),
                json_number_or(told, "took_ms", -1)};
}

/// What `nearend race --json` says.
Result<Winner> winner_of_command(const std::string& output) {
  auto value = parse_json(output);
  const json::object* object = value ? value->if_object() : nullptr;
  const json::value* all = object ? object->if_contains("candidates") : nullptr;
  if (!all || !all->is_array()) return fail(Error::Kind::malformed, "no JSON: {}", output.substr(0, 300));
  std::string first;
  for (const json::value& each : all->get_array()) {
    if (each.is_object() && first.empty()) first = json_string_or(each.get_object(), "gateway", "");
    const json::value* chosen = each.is_object() ? each.get_object().if_contains("chosen") : nullptr;
    if (chosen && chosen->is_bool() && chosen->get_bool())
      return Winner{json_string_or(each.get_object(), "gateway", ""), json_number_or(each.get_object(), "rtt_ms", -1),
                    -1, std::move(first)};
  }
  return fail(Error::Kind::unavailable, "none was chosen: {}", output.substr(0, 600));
}

std::string find_program(std::initializer_list<std::string_view> names) {
  const char* path = std::getenv("PATH");
  for (const std::string_view name : names)
    for (const std::string_view folder : split(path ? path : "", ':')) {
      const fs::path file = fs::path(folder) / name;
      if (::access(file.c_str(), X_OK) == 0) return file.string();
    }
  return {};
}

class RaceLab {
 public:
  RaceLab(const RaceLabOptions& options, fs::path directory, std::string program)
      : options_(options), directory_(std::move(directory)), program_(std::move(program)) {}

  Result<void> start() {
    auto platform = Platform::start(three_regions(), program_, directory_, {.routers = false});
    if (!platform) return pass(platform);
    platform_ = std::move(*platform);
    for (const auto& [region, rtt_ms] : rtts_ms) platform_->set_rtt("client", region, rtt_ms);
    policy_ = platform_->wan().address(platform_->site("us1")).to_string();
    list_ = fmt::format("http://{}:{}/v1/first-hops", policy_, first_hops_port);
    std::ofstream(directory_ / "race.mjs") << script(
        fmt::format(
            "const text = await (await fetch('http://{}:{}/race.js')).text();\n"
            "  const {{firstHops, fastestGateway}} = await import('data:text/javascript,' + encodeURIComponent(text));",
            policy_, first_hops_port),
        list_);
    std::ofstream(directory_ / "race.html")
        << "<!doctype html><script type=\"module\">"
        << script(fmt::format("const {{firstHops, fastestGateway}} = await import('http://{}:{}/race.js');", policy_,
                              first_hops_port),
                  list_)
        << "</script>\n";
    return {};
  }

  /// All racers; false when one of them finds another gateway than the nearest.
  bool run(const std::string& state, const std::string& nearest) {
    const auto rtt = std::ranges::find(rtts_ms, nearest, &std::pair<std::string, double>::first)->second;
    const std::string gateway = nearest + "-gw";
    const auto of_list = command({list_});
    bool is_good = tell(state, "race list", gateway, rtt, of_list);
    // Where the platform was right there was nothing to find out.
    if (of_list && of_list->first != "us1-gw") {
      fmt::print("FAILED {:8} {:10} the platform's own first choice is {}\n", state, "list", of_list->first);
      is_good = false;
    }
    is_good &= tell(state, "race zone", gateway, rtt,
                    command({std::string(race_zone), "--name-server", fmt::format("{}:{}", policy_, names_port)}));
    if (const std::string node = find_program({"node", "nodejs"}); node.empty())
      skipped(state, "node", "it is not installed");
    else
      is_good &= tell(state, "node", gateway, rtt, spoken("node", {node, (directory_ / "race.mjs").string()}));
    const std::string browser = find_program({"chromium", "chromium-browser", "google-chrome"});
    if (!options_.has_browser || browser.empty())
      skipped(state, "browser", browser.empty() ? "no Chromium is installed" : "--no-browser");
    else
      is_good &= tell(state, "browser", gateway, rtt, browsed(browser));
    return is_good;
  }

  void lose(const std::string& region) { platform_->process(region + "-gateway").kill(); }

 private:
  Result<Process> started(const std::string& name, std::vector<std::string> arguments) {
    return Process::start(platform_->wan().net(platform_->site("client")), {.name = fmt::format("{}-{}", name, ++runs_),
                                                                            .arguments = std::move(arguments),
                                                                            .directory = directory_,
                                                                            .environment = {}});
  }

  Result<Winner> command(std::vector<std::string> more) {
    std::vector<std::string> arguments{program_, "race", "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    auto process = started("race", std::move(arguments));
    if (!process) return pass(process);
    if (auto ended = process->wait(racer_limit); !ended) return pass(ended);
    return winner_of_command(process->output());
  }

  Result<Winner> spoken(const std::string& name, std::vector<std::string> arguments) {
    auto process = started(name, std::move(arguments));
    if (!process) return pass(process);
    if (auto said = process->wait_for_line("RACE {", racer_limit); !said) return pass(said);
    const std::string output = process->output();
    process->stop();
    return winner_of(output);
  }

  Result<Winner> browsed(const std::string& browser) {
    const std::string profile = (directory_ / fmt::format("profile-{}", runs_)).string();
    return spoken("browser", {browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                              "--disable-background-networking", "--no-first-run", "--user-data-dir=" + profile,
                              "--enable-logging=stderr", "--remote-debugging-port=0",
                              "file://" + (directory_ / "race.html").string()});
  }

  bool tell(const std::string& state, const std::string& racer, const std::string& expected, double rtt_ms,
            const Result<Winner>& winner) {
    const double most_ms = rtt_ms + added_most_ms + options_.margin_ms;
    const bool is_good =
        winner && winner->gateway == expected && winner->rtt_ms >= rtt_ms - 1 && winner->rtt_ms <= most_ms;
    if (!winner) {
      fmt::print("FAILED {:8} {:10} {}\n", state, racer, winner.error().text);
    } else {
      const std::string took = winner->took_ms < 0 ? "" : fmt::format(", decided in {:.0f} ms", winner->took_ms);
      fmt::print("{} {:8} {:10} {} ({} is nearest), {:.1f} ms (network {:.0f} ms){}\n", is_good ? "held  " : "FAILED",
                 state, racer, winner->gateway, expected, winner->rtt_ms, rtt_ms, took);
    }
    std::fflush(stdout);
    return is_good;
  }
  static void skipped(const std::string& state, const std::string& racer, std::string_view why) {
    fmt::print("SKIPPED {:7} {:10} {}\n", state, racer, why);
  }

  static constexpr double added_most_ms = 10;
  const RaceLabOptions& options_;
  fs::path directory_;
  std::string program_, policy_, list_;
  std::unique_ptr<Platform> platform_;
  int runs_ = 0;
};

}  // namespace

int run_race_lab(const RaceLabOptions& options) {
  if (const auto rights = gain_network_rights(); !rights) {
    fmt::print(stderr, "SKIPPED: nobody raced: {}\n", rights.error().text);
    return status_skipped;
  }
  const fs::path directory = fs::absolute(fs::path(options.directory.empty() ? "out/lab" : options.directory)) / "race";
  fs::remove_all(directory);
  const std::string program = options.program.empty() ? fs::read_symlink("/proc/self/exe").string() : options.program;
  RaceLab lab(options, directory, program);
  if (auto started = lab.start(); !started) {
    fmt::print(stderr, "nearend lab race: {}\n", started.error().text);
    return failed;
  }
  bool is_good = lab.run("healthy", "eu");
  if (options.has_loss) {
    lab.lose("eu");
    is_good &= lab.run("eu lost", "us1");
  }
  return is_good ? 0 : failed;
}

}  // namespace nearend::lab
