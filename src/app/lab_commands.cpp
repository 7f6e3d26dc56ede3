#include "app/lab_commands.hpp"

#include <CLI/CLI.hpp>

#include <cstdio>

#include "base/text.hpp"

namespace nearend::app {
namespace {

constexpr int status_wrong_use = 2;

int wrong_use(std::string_view text) {
  fmt::print(stderr, "nearend: {}\n", text);
  return status_wrong_use;
}

int run_flows(LabOptions& options) {
  if (options.is_list) {
    for (const auto& [id, words] : lab::list_flows()) fmt::print("{:<10} {}\n", id, words);
    return 0;
  }
  if (!options.rtts.empty()) {
    options.flows.rtts_ms.clear();
    for (std::string_view text : split(options.rtts, ',')) {
      const auto rtt = parse_unsigned(text);
      if (!rtt || *rtt > 2000)
        return wrong_use(fmt::format("--rtt: '{}' is no number of milliseconds up to 2000", text));
      options.flows.rtts_ms.push_back(static_cast<int>(*rtt));
    }
  }
  for (std::string_view id : split(options.only, ',')) options.flows.only.emplace_back(id);
  return lab::run_flows(options.flows);
}

int run_app(LabOptions& options) {
  if (!options.listen.empty()) {
    auto listen = parse_endpoint(options.listen);
    if (!listen) return wrong_use("--listen: " + listen.error().text);
    options.app.listen = *listen;
  }
  options.app.thinking = std::chrono::milliseconds(options.thinking_ms);
  return lab::run_app(options.app);
}

void add_flows(CLI::App& lab, LabOptions& options, std::function<int()>& action) {
  CLI::App* flows = lab.add_subcommand("flows", "Run the call flows with real processes and phones, and measure them");
  flows->add_option("--rtt", options.rtts,
                    "Round-trip times gateway to router in ms, comma separated (default 0,50,100,200,300)");
  flows->add_option("--only", options.only, "Flow ids, comma separated (see --list)");
  flows->add_flag("--json", options.flows.is_json, "One JSON object a flow and round-trip time");
  flows->add_flag("--list", options.is_list, "Print the flows' ids and what they do");
  flows->add_option("--margin", options.flows.margin_ms,
                    "Added to every bound, in ms: for debug builds and busy machines");
  flows->add_option("--out", options.flows.directory, "Where logs and recordings go (default out/lab)");
  flows->callback([&options, &action] { action = [&options] { return run_flows(options); }; });
}

void add_policy_faults(CLI::App& lab, LabOptions& options, std::function<int()>& action) {
  CLI::App* faults = lab.add_subcommand(
      "policy-faults", "Set calls up while the policy servers are killed, frozen, cut off or answer garbage");
  faults->add_option("--calls", options.faults.calls, "In each state")->capture_default_str();
  faults->add_option("--rate", options.faults.rate, "Calls a second")->capture_default_str();
  faults->add_option("--rtt", options.faults.rtt_ms, "Round trip gateway to router in ms")->capture_default_str();
  faults->add_option("--only", options.only, "States, comma separated: cut, frozen, killed, garbage");
  faults->add_option("--margin", options.faults.margin_ms,
                     "Added to the bound, in ms: for debug builds and busy machines");
  faults->add_flag("--json", options.faults.is_json, "One JSON object a state");
  faults->add_option("--out", options.faults.directory, "Where logs go (default out/lab)");
  faults->callback([&options, &action] {
    action = [&options] {
      if (!options.only.empty())
        for (std::string_view state : split(options.only, ',')) options.faults.only.emplace_back(state);
      return lab::run_policy_faults(options.faults);
    };
  });
}

void add_race_lab(CLI::App& lab, LabOptions& options, std::function<int()>& action) {
  CLI::App* race = lab.add_subcommand(
      "race", "Clients find the nearest gateway by themselves: from a shell, in Node and in Chromium");
  race->add_flag("!--no-browser", options.race.has_browser, "Without Chromium");
  race->add_flag("!--no-loss", options.race.has_loss, "Only while all gateways are well");
  race->add_option("--margin", options.race.margin_ms, "Added to the bound, in ms: for debug builds and busy machines");
  race->add_option("--out", options.race.directory, "Where logs go (default out/lab)");
  race->callback([&options, &action] { action = [&options] { return lab::run_race_lab(options.race); }; });
}

void add_policy(CLI::App& lab, LabOptions& options, std::function<int()>& action) {
  auto& day = options.policy_day;
  CLI::App* policy = lab.add_subcommand(
      "policy",
      "A day of a simulated world under the policy, against nearest, always home and others: table and report");
  policy->add_option("--seed", day.seed, "Another seed is another world")->capture_default_str();
  policy->add_option("--hours", day.hours, "That the day is pressed into")->capture_default_str();
  policy->add_option("--calls", day.calls_per_second, "Begun a second")->capture_default_str();
  policy->add_option("--load", day.load, "Asked of the gateways, against the usual")->capture_default_str();
  policy->add_flag("--json", day.is_json, "One JSON object a guide");
  policy->add_option("--out", day.directory, "Where report.html goes")->capture_default_str();
  policy->callback(
      [&options, &action] { action = [&options] { return policy_world::run_policy_day(options.policy_day); }; });
}

void add_app(CLI::App& lab, LabOptions& options, std::function<int()>& action) {
  CLI::App* app = lab.add_subcommand("app", "A small customer application: serves <directory>/<path>.xml as TwiML");
  app->add_option("--listen", options.listen, "Address and port (default 0.0.0.0:80)");
  app->add_option("--dir", options.app.directory, "Directory of the documents")->capture_default_str();
  app->add_option("--thinking", options.thinking_ms, "Milliseconds before each answer")->capture_default_str();
  app->callback([&options, &action] { action = [&options] { return run_app(options); }; });
}

}  // namespace

void add_lab(CLI::App& app, LabOptions& options, std::function<int()>& action) {
  CLI::App* lab = app.add_subcommand(
      "lab",
      "Real processes in network namespaces with an emulated wide-area network, and a simulated day of the policy");
  lab->require_subcommand(1);
  add_flows(*lab, options, action);
  add_policy(*lab, options, action);
  add_policy_faults(*lab, options, action);
  add_race_lab(*lab, options, action);
  add_app(*lab, options, action);
  CLI::App* demo = app.add_subcommand(
      "demo", "Five regions on this machine: phones talk, media stays near them, the figures prove it");
  demo->add_option("--out", options.demo.directory, "Where the report goes")->capture_default_str();
  demo->callback([&options, &action] { action = [&options] { return lab::run_demo(options.demo); }; });
}

}  // namespace nearend::app
