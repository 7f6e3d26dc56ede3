#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "app/files.hpp"

namespace nearend::app {

/// One role with all it stands on, made on an event loop of its own. Its thread is the one that calls run().
class Role {
 public:
  virtual ~Role() = default;
  /// Opens stores and listeners. Errors name what was asked for.
  virtual Result<void> start() = 0;
  /// One line for people and for scripts that wait: "gateway eu1 ready sip=192.0.2.1:5060 link=192.0.2.1:5070".
  virtual std::string ready_line() const = 0;
  /// Works until ask_to_stop(); then drains for at most `grace` and ends what is left.
  virtual void run() = 0;
  /// Any thread. The second call stops at once.
  virtual void ask_to_stop() = 0;
  /// SIGINT and SIGTERM ask to stop; for a process with one role.
  virtual void stop_on_signals() = 0;
};

std::unique_ptr<Role> make_gateway(Loaded<GatewayFile> loaded);
std::unique_ptr<Role> make_router(Loaded<RouterFile> loaded);
std::unique_ptr<Role> make_policy(Loaded<PolicyFile> loaded);
std::unique_ptr<Role> make_media(Loaded<MediaFile> loaded);

/// Runs one role in this thread until SIGINT or SIGTERM; gives the exit code. Prints the ready line to standard output.
int run_role(Role& role);

/// `nearend up`: gateway, router and policy server on loopback, each on a thread of its own, with an embedded IVR.
struct UpSettings {
  uint16_t sip_port = 5060;
  std::string app_url;         ///< Whose TwiML answers; empty: the embedded one.
  std::string data_directory;  ///< Store, journal, recordings; empty: a temporary directory.
};
int run_up(const UpSettings& settings);

}  // namespace nearend::app
