#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "lab/namespaces.hpp"

namespace nearend::lab {

/// What to run and where.
struct Program {
  std::string name;                    ///< For messages; its output goes to <directory>/<name>.log.
  std::vector<std::string> arguments;  ///< The first is the executable, looked up in PATH.
  std::filesystem::path directory;     ///< Working directory.
  std::vector<std::pair<std::string, std::string>> environment;  ///< Added to ours.
};

/// A program that runs inside a site. It is killed with its owner, and by the kernel when the thread that started it
/// ends.
class Process {
 public:
  Process() = default;
  static Result<Process> start(const NetNamespace& net, const Program& program);
  Process(Process&& other) noexcept { *this = std::move(other); }
  Process& operator=(Process&& other) noexcept;
  ~Process() { kill(); }

  pid_t pid() const { return pid_; }
  /// True until it has ended; collects its exit code.
  bool is_running();
  /// Waits until a line of its output contains `text`; fails when it ends or `limit` passes, with the last lines of the
  /// log.
  Result<void> wait_for_line(std::string_view text, std::chrono::milliseconds limit);
  /// Waits until it (or anybody else in its site) is bound to the port.
  Result<void> wait_for_udp(uint16_t port, std::chrono::milliseconds limit) {
    return wait_for_port("udp", port, limit);
  }
  Result<void> wait_for_tcp(uint16_t port, std::chrono::milliseconds limit) {
    return wait_for_port("tcp", port, limit);
  }
  /// Waits for its end; the exit code, or 128 and the signal.
  Result<int> wait(std::chrono::milliseconds limit);
  /// Asks it to end (SIGTERM), kills it after two seconds.
  void stop();
  /// SIGKILL.
  void kill();
  /// After its end: the exit code, or 128 and the signal.
  int exit_code() const { return exit_code_; }
  std::string output() const;
  const std::filesystem::path& log() const { return log_; }

 private:
  Result<void> wait_for_port(const char* protocol, uint16_t port, std::chrono::milliseconds limit);
  void collect(int status);
  std::unexpected<Error> ended_early(std::string_view waiting_for);

  std::string name_;
  std::filesystem::path log_;
  Descriptor pidfd_;
  pid_t pid_ = -1;
  int exit_code_ = 0;
};

/// The last `count` lines of a file, for messages.
std::string last_lines(const std::filesystem::path& file, size_t count);
std::string read_file(const std::filesystem::path& file);

}  // namespace nearend::lab
