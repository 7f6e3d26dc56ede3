#include "app/command_line.hpp"

int main(int argc, char** argv) {
  return nearend::app::run(argc, argv);
}
