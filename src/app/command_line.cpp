#include "app/command_line.hpp"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <functional>

#include "app/doctor.hpp"
#include "app/lab_commands.hpp"
#include "app/policy_commands.hpp"
#include "app/race.hpp"
#include "app/roles.hpp"
#include "app/top.hpp"

namespace nearend::app {
namespace {

constexpr int failed = 1;
constexpr std::string_view version_text = "0.1.0";

int complain(const Error& error) {
  fmt::print(stderr, "nearend: {}\n", error.text);
  return failed;
}

template <class File>
int run_file(const std::string& path, std::unique_ptr<Role> (*make)(Loaded<File>), bool is_check_only) {
  auto loaded = load<File>(path);
  if (!loaded) return complain(loaded.error());
  if (is_check_only) {
    fmt::print("{}: good\n", path);
    return 0;
  }
  telemetry::configure_log(loaded->file.common.log.level, loaded->file.common.log.file);
  auto role = make(std::move(*loaded));
  return run_role(*role);
}

/// The options of one run; the subcommand that was given leaves what to do in `action`.
struct Choice {
  std::string config_path;
  bool is_check_only = false;
  UpSettings up;
  std::string sample_role;
  LabOptions lab;
  TopSettings top;
  ExplainSettings explain;
  std::string record_path;
  RaceOptions race;
  std::function<int()> action;
};

template <class File>
CLI::App* add_role(CLI::App& app, Choice& choice, const std::string& name, const std::string& help,
                   std::unique_ptr<Role> (*make)(Loaded<File>)) {
  CLI::App* command = app.add_subcommand(name, help);
  command->add_option("-c,--config", choice.config_path,
                      "The role's file; `nearend config sample " + name + "` prints one");
  command->add_flag("--check", choice.is_check_only, "Read the file, say whether it is good, and stop");
  // Where a subcommand of its own is given, that comes after this and stands.
  command->callback([&choice, make] {
    if (choice.action) return;
    if (choice.config_path.empty()) throw CLI::RequiredError("--config");
    choice.action = [&choice, make] { return run_file<File>(choice.config_path, make, choice.is_check_only); };
  });
  return command;
}

void add_up(CLI::App& app, Choice& choice) {
  CLI::App* command = app.add_subcommand("up", "A whole platform on loopback: call sip:ivr@127.0.0.1 with a softphone");
  command->add_option("--sip-port", choice.up.sip_port, "UDP and TCP port for phones")->capture_default_str();
  command->add_option("--app", choice.up.app_url, "URL of your TwiML; without it an embedded IVR answers");
  command->add_option("--data", choice.up.data_directory,
                      "Directory for store, journal and recordings (default: temporary)");
  command->callback([&choice] { choice.action = [&choice] { return run_up(choice.up); }; });
}

void add_config(CLI::App& app, Choice& choice) {
  CLI::App* command = app.add_subcommand("config", "Sample files and the manual of all keys");
  command->require_subcommand(1);
  CLI::App* sample = command->add_subcommand("sample", "Print a commented sample file");
  sample->add_option("role", choice.sample_role, "gateway, router, policy, media or topology")->required();
  sample->callback([&choice] {
    choice.action = [&choice] {
      auto text = sample_file(choice.sample_role);
      if (!text) return complain(text.error());
      fmt::print("{}", *text);
      return 0;
    };
  });
  command->add_subcommand("manual", "Print docs/configuration.md")->callback([&choice] {
    choice.action = [] {
      fmt::print("{}", manual());
      return 0;
    };
  });
}

void add_doctor(CLI::App& app, Choice& choice) {
  CLI::App* command = app.add_subcommand("doctor", "Say what is missing or unreachable, and what to do about it");
  command->add_option("-c,--config", choice.config_path,
                      "Also check what this role's file names (its kind is recognised)");
  command->callback([&choice] { choice.action = [&choice] { return run_doctor(choice.config_path); }; });
}

void add_top(CLI::App& app, Choice& choice, const std::string& help) {
  CLI::App* command = app.add_subcommand("top", help);
  command->add_option("--url", choice.top.url, "Its http_listen")->capture_default_str();
  command->add_option("--rows", choice.top.rows, "Legs on a page")->capture_default_str();
  command->add_flag("--once", choice.top.is_once, "Print one page and stop");
  command->callback([&choice] { choice.action = [&choice] { return run_top(choice.top); }; });
}

void add_race(CLI::App& app, Choice& choice) {
  CLI::App* command = app.add_subcommand("race", "Measure from here which gateway is nearest, by STUN and OPTIONS");
  command
      ->add_option("where", choice.race.where, "The platform's zone, or http(s)://HOST of a policy server's first_hops")
      ->required();
  command->add_option("--rounds", choice.race.settings.rounds, "Requests to each gateway")
      ->capture_default_str()
      ->check(CLI::Range(1, 100));
  command->add_option("--name-server", choice.race.name_servers, "\"203.0.113.9:53\" in place of the system's");
  command->add_option("--address", choice.race.address, "List the gateways for this client instead of us");
  command->add_flag("--json", choice.race.is_json, "One JSON object");
  command->callback([&choice] { choice.action = [&choice] { return run_race(choice.race); }; });
}

void add_policy_commands(CLI::App& policy, Choice& choice) {
  CLI::App* explain = policy.add_subcommand(
      "explain", "The routes that a running policy server considers, and what it believes of them");
  explain->add_option("a", choice.explain.a, "One side: a number, an address, gateway:NAME, region:NAME or area:NAME")
      ->required();
  explain->add_option("b", choice.explain.b, "The other side")->required();
  explain->add_option("--url", choice.explain.url, "The policy server")->capture_default_str();
  explain->add_option("--account", choice.explain.account, "Whose rules count");
  explain->add_option("--media", choice.explain.media, "audio, video, screen or text")->capture_default_str();
  explain->add_flag("--relay", choice.explain.may_relay, "With routes over a third region");
  explain->callback([&choice] { choice.action = [&choice] { return run_explain(choice.explain); }; });
  CLI::App* replay = policy.add_subcommand("replay", "Play a record to a new server, which must answer the same");
  replay->add_option("record", choice.record_path, "What policy_server.record_file has kept")->required();
  replay->add_option("-c,--config", choice.config_path, "The policy server's file")->required();
  replay->callback(
      [&choice] { choice.action = [&choice] { return run_replay(choice.config_path, choice.record_path); }; });
}

}  // namespace

int run(int argc, char** argv) {
  CLI::App app{
      "Nearend: a self-hosted, multi-region programmable voice platform.\n"
      "Begin with `nearend up`, or with `nearend demo` for five regions on this machine."};
  app.set_version_flag("--version", std::string(version_text));
  app.require_subcommand(0, 1);  // one that is not known is named in the complaint
  Choice choice;
  add_up(app, choice);
  add_role<GatewayFile>(app, choice, "gateway", "The edge of a region: providers, phones, media", make_gateway);
  add_role<RouterFile>(app, choice, "router", "Runs the TwiML of calls, an ocean away if need be", make_router);
  CLI::App* policy = add_role<PolicyFile>(app, choice, "policy",
                                          "Answers which router, which gateway, which media resource", make_policy);
  add_policy_commands(*policy, choice);
  CLI::App* media = add_role<MediaFile>(app, choice, "media", "A media node apart from its gateway", make_media);
  add_top(*media, choice, "The legs of a running media node and how they sound, the worst first");
  add_lab(app, choice.lab, choice.action);
  add_race(app, choice);
  add_config(app, choice);
  add_doctor(app, choice);
  add_top(app, choice, "The legs of a running gateway and how they sound, the worst first");
  CLI11_PARSE(app, argc, argv);
  if (choice.action) return choice.action();
  fmt::print(stderr, "{}", app.help());
  return 1;
}

}  // namespace nearend::app
