#include <csignal>

#include "app/command_line.hpp"

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // A peer that has closed its end is an error of that write, not of the process.
  return nearend::app::run(argc, argv);
}
