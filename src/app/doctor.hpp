#pragma once

#include <string>

namespace nearend::app {

/// `nearend doctor`: checks this machine (rights, limits, programs of the lab) and, with a file, that it reads well and
/// that what it names can be bound or reached. Prints a line a check; gives 0 when nothing that is needed is missing.
int run_doctor(const std::string& config_path);

}  // namespace nearend::app
