#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "gateway/journal.hpp"
#include "gateway/settings.hpp"
#include "io/net.hpp"
#include "media/control.hpp"
#include "policy/policy.hpp"

namespace nearend::gateway {

/// The edge of a region: admits providers, owns the dialogs and the media of every outside leg, asks a router for what
/// a call needs, keeps, ends and bills running talks by itself when no router answers. One loop, one thread; all of the
/// world is passed in, so it runs in the simulator as it does in a process. What it is given outlives it.
class Gateway {
 public:
  Gateway(Settings settings, io::World world, media::Control& media, policy::Client& policy, Journal& journal);
  ~Gateway();
  Gateway(const Gateway&) = delete;

  /// Told of each recording that is made here for a router, before it begins and when its file is whole.
  void set_recording_handler(RecordingHandler handler);
  /// Opens the listeners. Errors name the address.
  Result<void> start();
  /// Takes no new calls (503); those that are there go on.
  void drain();
  /// Ends every leg with BYE; is_idle() tells when the last one is gone.
  void stop();
  bool is_idle() const;
  /// Takes new calls: neither draining nor at calls_max.
  bool is_open() const;

  /// The addresses bound, in the order of Settings::listen and Settings::link_listen.
  const std::vector<Endpoint>& outside_addresses() const;
  const std::vector<Endpoint>& link_addresses() const;
  /// "sip:198.51.100.7:5070;transport=tcp": how routers and gateways reach it; valid after start().
  std::string link_uri() const;

  /// Legs at this moment.
  size_t legs() const;
  /// JSON for `/v1/state`: legs, calls, providers with their health, counters.
  std::string state_json() const;
  /// JSON for `/v1/legs` and, with a leg's or a call's id, `/v1/legs/ID`: docs/gateway-api.md. Errors: not_found.
  Task<Result<std::string>> legs_json(std::string id) const;
  /// The packets of a leg or call for so long from now on, as a pcap file. Errors: not_found, and the media node's.
  Task<Result<std::string>> capture(std::string id, std::chrono::seconds length) const;

 private:
  class Core;
  std::unique_ptr<Core> core_;
};

}  // namespace nearend::gateway
