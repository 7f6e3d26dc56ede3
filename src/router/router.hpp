#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "http/http.hpp"
#include "io/net.hpp"
#include "media/control.hpp"
#include "policy/policy.hpp"
#include "router/call.hpp"
#include "router/settings.hpp"
#include "store/store.hpp"

namespace nearend::router {

/// Runs customers' documents on the calls that gateways bring: fetches them, runs their verbs, decides where media
/// goes, dials out through gateways. One loop, one thread; all of the world is passed in, so it runs in the simulator
/// as it does in a process. What it is given outlives it.
class Router {
 public:
  Router(Settings settings, io::World world, http::Client& http, http::ServerFactory& servers, media::Control& media,
         policy::Client& policy, store::Store& store, store::LiveState& live);
  ~Router();
  Router(const Router&) = delete;

  /// Answers requests on Settings::http_listen: REST API, event intake, health, metrics. Before start().
  void set_http_handler(http::Handler handler);
  /// A media node in another region, by which talks may go. Before start(); it outlives this.
  void add_relay(const std::string& region, media::Control& control);
  /// What calls run instead of the application's document: for tests. Before start().
  void set_script(Call::Script script);

  /// Opens the listeners and seeds the store. Errors name the address.
  Result<void> start();
  /// Takes no new calls (503 with Retry-After); those that are there go on.
  void drain();
  /// Ends every call with BYE; is_idle() tells when the last one is gone.
  void stop();
  bool is_idle() const;

  /// The addresses bound, in the order of Settings::link_listen.
  const std::vector<Endpoint>& link_addresses() const;
  /// "sip:198.51.100.9:5070;transport=tcp": how gateways reach it; valid after start().
  std::string link_uri() const;
  std::optional<Endpoint> http_address() const;

  size_t calls() const;
  /// Anchors held on the router's own media node.
  size_t anchors() const;
  /// JSON for `/v1/state`: name, region, calls, dialogs, anchors.
  std::string state_json() const;

 private:
  class Core;
  std::unique_ptr<Core> core_;
};

}  // namespace nearend::router
