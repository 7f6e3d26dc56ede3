#pragma once

#include <filesystem>
#include <string>

#include "lab/marker.hpp"
#include "lab/process.hpp"
#include "lab/site_socket.hpp"
#include "lab/wan.hpp"

namespace nearend::lab {

/// What a phone protects its speech with: SRTP with keys in the description (RFC 4568) or by DTLS (RFC 5764), and then
/// it takes nothing else.
enum class MediaKeys : uint8_t { none, sdes, dtls };

/// How a softphone behaves.
struct BaresipSettings {
  std::string name = "phone";   ///< Of its directory.
  std::string user;             ///< The number it answers to; empty: its name.
  Voice voice = Voice::caller;  ///< The marker it plays as its microphone.
  bool answers = true;          ///< By itself, at once.
  uint16_t port = 5060;
  MediaKeys keys = MediaKeys::none;
};

/// A real softphone (Debian's baresip) in a site: its microphone plays a marker file, what it hears is dumped to a WAV
/// file.
class Baresip {
 public:
  static Result<Baresip> start(const Wan& wan, SiteId site, const BaresipSettings& settings,
                               const std::filesystem::path& run_directory);
  Result<void> dial(const std::string& uri) { return command("dial", uri); }
  Result<void> accept() { return command("accept"); }
  Result<void> hangup() { return command("hangup"); }
  /// Presses a key during a call: RFC 4733 events.
  void press(char digit);
  /// Waits for an event of the phone ("CALL_ESTABLISHED", "CALL_CLOSED", "CALL_INCOMING" ...) that has not been waited
  /// for.
  Result<void> wait_event(std::string_view type, std::chrono::milliseconds limit);
  /// What the phone heard and what it sent, all calls after one another. The phone should be stopped first: it buffers.
  Result<Samples> heard() const { return dumped("dec"); }
  void stop() { process_.stop(); }
  Process& process() { return process_; }
  const std::filesystem::path& directory() const { return directory_; }

 private:
  Result<void> command(std::string_view name, std::string_view parameters = "");
  Result<Samples> dumped(std::string_view kind) const;

  Process process_;
  std::filesystem::path directory_;
  Descriptor control_;
  Descriptor keys_;
  Endpoint console_;
  std::string events_;  // read from the control connection, not yet waited for
};

}  // namespace nearend::lab
