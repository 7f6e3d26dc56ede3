#include <algorithm>
#include <cstdio>

#include "base/json.hpp"
#include "lab/commands.hpp"
#include "lab/flow_runner.hpp"

namespace nearend::lab {
namespace {

constexpr int failed = 1;
constexpr int status_wrong_use = 2;
constexpr int status_skipped = 77;

std::string own_program() {
  return std::filesystem::read_symlink("/proc/self/exe").string();
}

json::object to_object(const FlowResult& result) {
  json::object out;
  out["flow"] = result.flow;
  out["rtt_ms"] = result.rtt_ms;
  out["phones"] = result.phones;
  out["passed"] = result.passed;
  for (const auto& [id, value] : result.metrics) out[id] = value;
  if (!result.why.empty()) out["why"] = result.why;
  return out;
}

int skip(const FlowsOptions& options, const std::vector<Flow>& flows, const std::string& why) {
  fmt::print(stderr, "SKIPPED: the lab's flows did not run: {}\n", why);
  for (const Flow& flow : flows) {
    if (!options.is_json) continue;
    const json::object skipped{{"flow", flow.id}, {"skipped", true}, {"why", why}};
    fmt::print("{}\n", to_json(skipped));
  }
  return status_skipped;
}

void print_result(const FlowResult& result) {
  std::string figures;
  for (const auto& [id, value] : result.metrics) figures += fmt::format("  {} {:.1f}", id, value);
  fmt::print("{} {:<9} {:<8} T={:<4}{}\n", result.passed ? "passed" : "FAILED", result.flow, result.phones,
             result.rtt_ms, figures);
  if (!result.why.empty()) fmt::print("       {}\n", result.why);
  std::fflush(stdout);
}

// Over T: the slope tells the flow, the intercept tells the code.
void print_lines(const std::vector<FlowResult>& results) {
  std::map<std::pair<std::string, std::string>, std::vector<std::pair<double, double>>> points;
  for (const FlowResult& result : results) {
    if (result.phones != "exact") continue;
    for (const char* id : {"m3_ms", "m5_ms", "m6_ms", "m2e_ms"}) {
      if (const auto it = result.metrics.find(id); it != result.metrics.end())
        points[{result.flow, id}].emplace_back(result.rtt_ms, it->second);
    }
  }
  for (const auto& [key, values] : points) {
    if (values.size() < 2) continue;
    const Line line = fit(values);
    fmt::print("{:<9} {:<7} = {:.3f} T + {:.1f} ms\n", key.first, key.second, line.slope, line.intercept);
  }
}

Result<std::vector<Flow>> chosen(const FlowsOptions& options) {
  std::vector<Flow> flows = all_flows();
  if (options.only.empty()) {
    std::erase_if(flows, [](const Flow& flow) { return flow.is_long; });
    return flows;
  }
  for (const std::string& id : options.only) {
    if (std::ranges::find(flows, id, &Flow::id) == flows.end()) return fail(Error::Kind::not_found, "no flow '{}'", id);
  }
  std::erase_if(flows,
                [&](const Flow& flow) { return std::ranges::find(options.only, flow.id) == options.only.end(); });
  return flows;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> list_flows() {
  std::vector<std::pair<std::string, std::string>> out;
  for (const Flow& flow : all_flows()) out.emplace_back(flow.id, flow.title);
  return out;
}

int run_flows(const FlowsOptions& options) {
  auto flows = chosen(options);
  if (!flows) {
    fmt::print(stderr, "nearend lab flows: {}; --list shows them\n", flows.error().text);
    return status_wrong_use;
  }
  if (const auto rights = gain_network_rights(); !rights) return skip(options, *flows, rights.error().text);
  FlowRunner runner(options.program.empty() ? own_program() : options.program,
                    options.directory.empty() ? "out/lab" : options.directory);
  runner.margin_ms = options.margin_ms;
  runner.on_begin = [](const Flow& flow, int rtt_ms, bool real) {
    fmt::print(stderr, "{}, T = {} ms{} ...\n", flow.title, rtt_ms, real ? ", softphones" : "");
  };
  bool is_good = true;
  std::vector<FlowResult> all;
  for (const Flow& flow : *flows) {
    std::vector<FlowResult> results = runner.run(flow, options.rtts_ms, true);
    add_media_independence(results, options.margin_ms);
    for (const FlowResult& result : results) {
      is_good = is_good && result.passed;
      if (options.is_json) {
        fmt::print("{}\n", to_json(to_object(result)));
        std::fflush(stdout);
      } else {
        print_result(result);
      }
    }
    std::ranges::move(results, std::back_inserter(all));
  }
  if (!options.is_json) print_lines(all);
  return is_good ? 0 : failed;
}

}  // namespace nearend::lab
