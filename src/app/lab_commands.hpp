#pragma once

#include <functional>
#include <string>

#include "lab/commands.hpp"
#include "policy_world/command.hpp"

namespace CLI {
class App;
}

namespace nearend::app {

/// Options of the lab's subcommands, as the command line fills them.
struct LabOptions {
  lab::FlowsOptions flows;
  lab::PolicyFaultsOptions faults;
  lab::RaceLabOptions race;
  policy_world::PolicyDayOptions policy_day;
  lab::AppOptions app;
  lab::DemoOptions demo;
  std::string rtts, only, listen;
  int thinking_ms = 0;
  bool is_list = false;
};

/// Adds the subcommands of `lab` and `demo`; what was chosen lands in `action`.
void add_lab(CLI::App& app, LabOptions& options, std::function<int()>& action);

}  // namespace nearend::app
