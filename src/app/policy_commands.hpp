#pragma once

#include <string>

namespace nearend::app {

struct ExplainSettings {
  std::string url = "http://127.0.0.1:8090";
  std::string a, b;  ///< Each a number, an IP address, or "gateway:NAME", "region:NAME", "area:NAME".
  std::string account, media = "audio";
  bool may_relay = false;
};

/// `nearend policy explain`: every route that a running policy server considers, with what it believes of it, and which
/// it would give. Nothing is reserved by asking. Exit code 1 when it cannot be asked.
int run_explain(const ExplainSettings& settings);

/// `nearend policy replay`: plays a record of `policy_server.record_file` to a new server with the same file, which
/// must answer the same. Exit code 1 when it does not.
int run_replay(const std::string& config_path, const std::string& record_path);

}  // namespace nearend::app
