#include "app/role_base.hpp"

#include <csignal>
#include <cstdio>

#include "telemetry/log.hpp"

namespace nearend::app {
namespace {

constexpr std::chrono::milliseconds idle_poll{50};

}  // namespace

void RoleBase::run() {
  world_.loop.run();
}

void RoleBase::ask_to_stop() {
  world_.loop.post([this] { begin_stop(); });
}

void RoleBase::stop_on_signals() {
  world_.loop.on_signals({SIGINT, SIGTERM}, [this](int) { begin_stop(); });
}

void RoleBase::begin_stop() {
  if (++stops_asked_ > 1) {
    world_.loop.stop();
    return;
  }
  telemetry::info("stopping: no new calls, those that are there may end", {{"grace_s", grace.count()}});
  drain();
  when_idle(world_.loop.now() + grace, [this] {
    stop();
    when_idle(world_.loop.now() + farewell, [this] { world_.loop.stop(); });
  });
}

void RoleBase::when_idle(io::Instant limit, io::Callback next) {
  if (is_idle() || world_.loop.now() >= limit) {
    next();
    return;
  }
  poll_.start(idle_poll, [this, limit, next = std::move(next)]() mutable { when_idle(limit, std::move(next)); });
}

int run_role(Role& role) {
  auto started = role.start();
  if (!started) {
    fmt::print(stderr, "nearend: {}\n", started.error().text);
    return 1;
  }
  fmt::print("{}\n", role.ready_line());
  std::fflush(stdout);
  role.stop_on_signals();
  role.run();
  return 0;
}

}  // namespace nearend::app
