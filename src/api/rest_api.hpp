#pragma once

#include <functional>
#include <string>

#include "api/auth.hpp"
#include "http/http.hpp"
#include "io/loop.hpp"
#include "store/store.hpp"

namespace nearend::api {

struct Settings {
  std::string peer_key;                ///< Of Platform-Signature on call events; empty: they are not taken.
  std::string recordings;              ///< Directory of `<sid>.wav` files; empty: none are served.
  std::function<std::string()> state;  ///< JSON of GET /v1/state; empty: 404.
};

/// The HTTP side of a router: the REST API 2010-04-01 as far as calls and recordings are read, the intake of gateways'
/// call events, health and metrics. Belongs to the router's loop and outlives the server that it answers for.
///
///   POST /v1/call-events                                       JSON array of events, signed (http/peer_signature)
///   PUT  /v1/recordings/{RE}?offset=&size=                      a piece of a recording's file, signed the same way
///   GET  /v1/state, /healthz, /metrics
///   GET  /2010-04-01/Accounts/{AC}/Calls.json                  PageSize, Page
///   GET  /2010-04-01/Accounts/{AC}/Calls/{CA}.json, .../Events.json
///   GET  /2010-04-01/Accounts/{AC}/Recordings/{RE}[.wav|.json]
class RestApi {
 public:
  RestApi(io::Loop& loop, store::Store& store, Settings settings);

  Task<http::Response> handle(http::ServerRequest request);
  http::Handler handler();

 private:
  Task<http::Response> take_events(http::ServerRequest request);
  http::Response take_recording_piece(const http::ServerRequest& request);
  bool is_peer(const http::ServerRequest& request) const;
  Task<http::Response> account_resource(http::ServerRequest request);
  Task<http::Response> calls(std::string account_sid, std::string query);
  Task<http::Response> call(std::string account_sid, std::string sid);
  Task<http::Response> call_events(std::string account_sid, std::string sid);
  Task<http::Response> recording(std::string account_sid, std::string file);
  Task<void> keep_forwarded_call(std::string account_sid, std::string call_sid);

  io::Loop& loop_;
  store::Store& store_;
  Settings settings_;
  Brake brake_;
};

}  // namespace nearend::api
