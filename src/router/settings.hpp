#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.hpp"
#include "base/result.hpp"
#include "call/planner.hpp"
#include "io/net.hpp"
#include "sip/transport.hpp"
#include "store/store.hpp"

namespace nearend::router {

/// One address on which gateways reach the router.
struct ListenSettings {
  sip::Protocol protocol = sip::Protocol::tcp;  ///< tcp or tls
  Endpoint local;                               ///< Address and port; port 0: the system chooses.
  std::string advertised_host;                  ///< Host in Via and Contact when it differs from the bound address.
  std::optional<io::TlsSettings> tls;           ///< Needed with tls.
};

/// Who brings a caller's media back when its peer has gone (F3.2, M38).
enum class ReanchorBy : uint8_t {
  router,   ///< The router asks as soon as the next verb needs it; a gateway that asks too is answered as well.
  gateway,  ///< The router waits for the gateway, and asks by itself only when nothing comes within 2 s.
};

/// All about one router. Plain values; `checked` names the first wrong key.
struct Settings {
  std::string name = "router1";              ///< Unique among the platform's routers.
  std::string region = "us/va1";             ///< Zone path of the region it runs in.
  std::vector<ListenSettings> link_listen;   ///< For gateways: tcp or tls.
  std::vector<Cidr> link_peers;              ///< Who may speak the platform's dialect to us.
  std::string link_key;                      ///< Shared key of Platform-Signature; empty: TLS proves the peers.
  std::vector<std::string> link_neighbours;  ///< Link URIs of gateways to stay connected to.
  std::optional<Endpoint> http_listen;       ///< REST API, event intake, health and metrics; absent: no HTTP listener.
  std::string store_path;                    ///< File of the SQLite store; empty: in memory.
  std::vector<store::Account> accounts;      ///< Written to the store at start.
  std::vector<store::Number> numbers;        ///< Written to the store at start.
  bool may_reach_internal = false;  ///< Lets application URLs reach private addresses (threat TH19): labs only.
  std::string public_url;  ///< "http://198.51.100.9:8080": where recordings and the API are reached from outside.

  call::PlanPreference plan = call::PlanPreference::local;  ///< Where media runs when both would do.
  bool is_arming_wanted = true;          ///< Bridges are armed while ringing (C5); false: asked for at the answer (C3).
  bool are_continuations_wanted = true;  ///< What follows a Dial without action travels with the arming.
  bool is_direct_wanted = false;         ///< Providers that allow it exchange media without the gateways (M26).
  ReanchorBy reanchor = ReanchorBy::router;  ///< Who brings a caller's media back.

  uint32_t calls_max = 10'000;                        ///< Calls at once; above it 503 with Retry-After.
  uint32_t steps_max = 1'000;                         ///< Verbs a call may run (threat TH31).
  std::chrono::seconds call_length_max{14'400};       ///< After it the call is ended.
  std::chrono::seconds retry_after{5};                ///< Said with 503.
  std::chrono::milliseconds request_patience{8'000};  ///< A gateway's reply in a dialog may take this long.
  std::chrono::milliseconds ping_every{2'000};        ///< OPTIONS to gateways that have legs here.
  std::chrono::milliseconds lost_after{5'000};  ///< Without a reply this long, legs that need the router are lost.
  std::chrono::seconds talk_lost_after{300};    ///< The same for legs in a bridge, whose talk goes on without us.
};

/// The first setting that cannot work: its key as in the file, a colon, and what would be right.
Result<void> checked(const Settings& settings);

}  // namespace nearend::router
