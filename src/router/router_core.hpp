#pragma once

#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "link/warmth.hpp"
#include "router/gateway_watch.hpp"
#include "router/relays.hpp"
#include "router/router.hpp"
#include "router/script_host.hpp"
#include "telemetry/metrics.hpp"

namespace nearend::router {

/// The router's inside: the link's stack and the table of calls. Takes INVITEs in, finds account and number, and hands
/// each call to its script.
class Router::Core final : public sip::Stack::Listener {
 public:
  Core(Settings given, io::World given_world, http::Client& http, http::ServerFactory& given_servers,
       media::Control& media, policy::Client& policy, store::Store& store, store::LiveState& live);
  ~Core() override;

  Result<void> start();
  void stop();
  std::string link_uri() const;

  void on_dialog_event(sip::DialogId dialog, sip::DialogEvent event) override;
  void on_request(sip::ServerTransactionId transaction, sip::Message request, const sip::Flow& flow) override;

  Settings settings;
  io::World world;
  http::ServerFactory& servers;
  MediaDesk desk;
  Relays relays;
  sip::Transport transport;
  sip::Stack stack;
  Wire wire;
  io::Scope writes;
  CallServices services;
  ScriptHost host;
  Call::Script script;
  http::Handler http_handler;
  std::unique_ptr<http::Server> http_server;
  std::vector<Endpoint> addresses;
  std::unordered_map<std::string, std::unique_ptr<Call>> calls;  ///< By call SID.
  bool is_draining = false;

 private:
  /// A call between its INVITE and its script, while account, number and epoch are looked up.
  struct Arrival {
    std::unique_ptr<LinkLeg> leg;
    std::string from_user, from_host, display, to;
    std::vector<std::pair<std::string, std::string>> more;  ///< SipHeader_X-...
  };
  void invite(sip::DialogId dialog, sip::event::Invited& invited);
  Task<void> take(Arrival arrival);
  Task<std::optional<store::Number>> find_number(std::string called);
  Task<store::Account> find_account(std::string sid);
  /// The call's epoch under us, and where its last owner left it.
  struct Inheritance {
    uint64_t epoch = 1;
    std::optional<call::Capsule> capsule;
  };
  Task<Inheritance> inherit(std::string call_sid);
  Task<void> seed();
  Task<void> forget(std::string call_sid);
  Result<void> listen();

  GatewayWatch watch_;
  link::Warmth warmth_;
  telemetry::Counter& calls_total_;
  telemetry::Counter& shed_total_;
  telemetry::Gauge& calls_now_;
  io::Scope scope_;  // Last: its tasks use all of the above.
};

}  // namespace nearend::router
