#pragma once

namespace nearend::app {

/// The program: reads the command line, runs the subcommand, gives the exit code (0 well, 1 failed, 2 wrong use).
int run(int argc, char** argv);

}  // namespace nearend::app
