#include "lab/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <sstream>

#include "base/text.hpp"

namespace nearend::lab {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds look{5};  // how often a log or the kernel's tables are looked at
constexpr milliseconds patience{2000};

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (auto& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

std::vector<std::string> environment_of(const Program& program) {
  std::vector<std::string> out;
  for (char** entry = environ; *entry != nullptr; ++entry) out.emplace_back(*entry);
  for (const auto& [key, value] : program.environment) out.push_back(key + "=" + value);
  return out;
}

// The kernel's table lists "local_address" as hexadecimal address:port in the second column.
bool is_bound(pid_t pid, const char* protocol, uint16_t port) {
  std::ifstream table(fmt::format("/proc/{}/net/{}", pid, protocol));
  const std::string wanted = fmt::format(":{:04X}", port);
  std::string slot, local;
  for (std::string line; std::getline(table, line);) {
    std::istringstream(line) >> slot >> local;
    if (local.ends_with(wanted)) return true;
  }
  return false;
}

// Between fork and exec: system calls only.
[[noreturn]] void become(int net, int log, const char* directory, char** arguments, char** environment) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::setpgid(0, 0);  // an interrupt at the terminal is for the lab, which stops its programs in order
  if (::setns(net, CLONE_NEWNET) != 0 || ::chdir(directory) != 0) ::_exit(126);
  const int null = ::open("/dev/null", O_RDONLY);
  ::dup2(null, 0);
  ::dup2(log, 1);
  ::dup2(log, 2);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::execvpe(arguments[0], arguments, environment);
  ::_exit(127);
}

}  // namespace

Process& Process::operator=(Process&& other) noexcept {
  if (this == &other) return *this;
  kill();
  name_ = std::move(other.name_);
  log_ = std::move(other.log_);
  pidfd_ = std::move(other.pidfd_);
  pid_ = std::exchange(other.pid_, -1);
  exit_code_ = other.exit_code_;
  return *this;
}

Result<Process> Process::start(const NetNamespace& net, const Program& program) {
  Process made;
  made.name_ = program.name;
  made.log_ = program.directory / (program.name + ".log");
  const Descriptor log(::open(made.log_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!log) return fail(Error::Kind::internal, "{}: {}", made.log_.string(), std::strerror(errno));
  auto arguments = program.arguments;
  auto environment = environment_of(program);
  auto argument_pointers = pointers(arguments);
  auto environment_pointers = pointers(environment);
  const std::string directory = program.directory.string();
  const pid_t pid = ::fork();
  if (pid < 0) return fail(Error::Kind::internal, "start {}: {}", program.name, std::strerror(errno));
  if (pid == 0) become(net.fd(), log.get(), directory.c_str(), argument_pointers.data(), environment_pointers.data());
  made.pid_ = pid;
  made.pidfd_ = Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  return made;
}

void Process::collect(int status) {
  pid_ = -1;
  exit_code_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

bool Process::is_running() {
  if (pid_ <= 0) return false;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) == pid_) collect(status);
  return pid_ > 0;
}

std::unexpected<Error> Process::ended_early(std::string_view waiting_for) {
  return fail(Error::Kind::unavailable, "{} ended with code {} before {}; {} says:\n{}", name_, exit_code_, waiting_for,
              log_.string(), last_lines(log_, 8));
}

Result<void> Process::wait_for_line(std::string_view text, milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (output().find(text) == std::string::npos) {
    if (!is_running()) return ended_early(text);
    if (std::chrono::steady_clock::now() > deadline) {
      return fail(Error::Kind::timeout, "{} did not say \"{}\" in {} ms; {} says:\n{}", name_, text, limit.count(),
                  log_.string(), last_lines(log_, 8));
    }
    ::poll(nullptr, 0, static_cast<int>(look.count()));
  }
  return {};
}

Result<void> Process::wait_for_port(const char* protocol, uint16_t port, milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!is_bound(pid_, protocol, port)) {
    if (!is_running()) return ended_early(fmt::format("it was bound to {} port {}", protocol, port));
    if (std::chrono::steady_clock::now() > deadline) {
      return fail(Error::Kind::timeout, "{} was not bound to {} port {} after {} ms; {} says:\n{}", name_, protocol,
                  port, limit.count(), log_.string(), last_lines(log_, 8));
    }
    ::poll(nullptr, 0, static_cast<int>(look.count()));
  }
  return {};
}

Result<int> Process::wait(milliseconds limit) {
  if (!is_running()) return exit_code_;
  pollfd ended{.fd = pidfd_.get(), .events = POLLIN, .revents = 0};
  if (::poll(&ended, 1, static_cast<int>(limit.count())) == 0) {
    return fail(Error::Kind::timeout, "{} was still running after {} ms", name_, limit.count());
  }
  int status = 0;
  ::waitpid(pid_, &status, 0);
  collect(status);
  return exit_code_;
}

void Process::stop() {
  if (!is_running()) return;
  ::kill(pid_, SIGTERM);
  if (!wait(patience)) kill();
}

void Process::kill() {
  if (!is_running()) return;
  ::kill(pid_, SIGKILL);
  int status = 0;
  ::waitpid(pid_, &status, 0);
  collect(status);
}

std::string Process::output() const {
  return read_file(log_);
}

std::string read_file(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string last_lines(const std::filesystem::path& file, size_t count) {
  const std::string text = read_file(file);
  size_t begin = text.size();
  for (size_t lines = 0; begin > 0 && lines <= count; --begin) {
    if (text[begin - 1] == '\n' && begin != text.size() && ++lines == count) break;
  }
  return text.substr(begin);
}

}  // namespace nearend::lab
