#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.hpp"
#include "io/net.hpp"
#include "policy/policy.hpp"
#include "sip/digest.hpp"
#include "sip/transport.hpp"

namespace nearend::gateway {

/// One address that the gateway listens on.
struct ListenSettings {
  sip::Protocol protocol = sip::Protocol::udp;  ///< udp, tcp or tls
  Endpoint local;                               ///< Address and port; port 0: the system chooses.
  std::string advertised_host;                  ///< Host in Via and Contact when it differs from the bound address.
  std::optional<io::TlsSettings> tls;           ///< Needed with tls.
  bool answers_probes = false;                  ///< Strangers' STUN (udp) and OPTIONS; outside only.
};

/// A host that takes a provider's calls.
struct ProviderTarget {
  std::string host;  ///< Address or name.
  uint16_t port = 5060;
  sip::Protocol protocol = sip::Protocol::udp;
};

/// A name and password that an inbound caller of a provider must know.
struct DigestUser {
  std::string username, password;
};

/// SRTP on a provider's legs: keys in the description (RFC 4568), or by DTLS.
enum class SrtpPolicy : uint8_t {
  off,       ///< RTP only; RTP/SAVP is refused.
  offered,   ///< RTP/SAVP is taken; offered beside RTP (RFC 8643).
  required,  ///< RTP/SAVP and nothing else; UDP/TLS/RTP/SAVP where it is offered to us.
  dtls,      ///< UDP/TLS/RTP/SAVP and nothing else: keys by DTLS (RFC 5763).
};

/// The agreement with a carrier or a phone system (a trunk); belongs to the gateway's region.
struct Provider {
  std::string name;                     ///< Unique in the gateway.
  bool is_inbound = true;               ///< Calls come from it.
  bool is_outbound = true;              ///< Calls go to it.
  std::vector<Cidr> addresses;          ///< Where its calls come from; anybody else is not heard at all.
  std::vector<ProviderTarget> targets;  ///< Where its calls go to, tried in order.
  std::string uri;                      ///< Instead of targets: "sip:carrier.example;transport=tls", found by RFC 3263.
  std::optional<sip::Credentials> credentials;  ///< Answer to its challenges.
  std::string inbound_realm;                    ///< With inbound_users: the realm we challenge with.
  std::vector<DigestUser> inbound_users;        ///< Not empty: its calls must prove one of these.
  std::vector<std::string> prefixes{""};        ///< Numbers it takes, the longest match wins; "" takes all.
  int priority = 0;                             ///< Among equal prefixes the lowest is tried first,
  double cost = 0;                              ///< then the cheapest.
  uint32_t channels_max = 0;                    ///< Calls at once, both directions; 0: no limit.
  uint32_t cps_max = 0;                         ///< New calls a second, each direction; 0: no limit.
  std::vector<Cidr> media_networks;             ///< Its media may come from here besides the address in its SDP.
  SrtpPolicy srtp = SrtpPolicy::off;            ///< Whether its media is protected; a leg once protected stays so.
  bool is_nat_learned = false;                  ///< Its endpoints sit behind NAT: learn their media address once.
  std::chrono::seconds options_ping{30};        ///< How often its health is asked for by OPTIONS; 0: never.
  bool can_direct = false;                      ///< Its media may flow past the gateway to another such provider.
  std::vector<std::string> caller_ids;          ///< Prefixes of caller ids it lets us show; empty: any.
  std::string caller_id_default;                ///< Shown instead of one that is not among them.
  std::string area;                             ///< Access area of its endpoints; empty: that of each number.
};

/// Whom a called address belongs to. Looked up as exact number, longest prefix, SIP address, SIP domain, in this order.
struct NumberEntry {
  enum class Match : uint8_t { number, prefix, sip_address, sip_domain };
  enum class Kind : uint8_t { application, forward };
  Match match = Match::number;
  std::string value;        ///< "+15550100", "+1555", "ann@example.com", "example.com"
  std::string account_sid;  ///< AC…
  Kind kind = Kind::application;
  std::string forward_to;  ///< forward: number or SIP URI; bridged here, no router is asked.
};

/// A router that is known without the policy server.
struct StaticRouter {
  std::string name, region, uri, events_url;
};

/// Where browsers measure how near the gateway is.
struct PingSettings {
  std::optional<Endpoint> listen;  ///< HTTP for anybody, /ping alone; nothing: no.
  std::string certificate_file, key_file;
};

/// Who brings a leg's media back to the router when its peer has gone (M38, F3.2).
enum class ReanchorBy : uint8_t { router, gateway, both };
/// The way of the caller's `*` (F5.2, F5.4).
enum class StarPath : uint8_t { router, peer_gateway };

/// All about one gateway. Plain values; `checked` names the first wrong key.
struct Settings {
  std::string name = "gw1";                 ///< Unique among the platform's gateways.
  std::string region = "eu/de1";            ///< Zone path of the region it serves.
  std::vector<ListenSettings> listen;       ///< For providers and phones.
  std::vector<ListenSettings> link_listen;  ///< For routers and other gateways: tcp or tls.
  std::vector<Cidr> link_peers;             ///< Who may speak the platform's dialect to us.
  std::string link_key;                     ///< Shared key of Platform-Signature; empty: TLS proves the peers.
  std::vector<std::string> features{"bridge", "play", "local-tts", "record", "collect", "hangup-on-star", "video"};
  bool has_feature(std::string_view name) const { return std::ranges::find(features, name) != features.end(); }
  ///< What the region offers: announced to routers, and refused with 501 when absent.
  std::vector<Provider> providers;                     ///< Trunks.
  std::vector<NumberEntry> numbers;                    ///< Called addresses that are known here.
  std::vector<StaticRouter> routers;                   ///< Asked when the policy names none.
  std::vector<std::string> link_neighbours;            ///< Link URIs of gateways to stay connected to.
  std::string events_url;                              ///< Where events of forwarded calls go when no router is known.
  std::string journal_path;                            ///< File of call events; empty: kept in memory only.
  std::vector<std::string> codecs{"PCMU", "PCMA"};     ///< Offered and taken, best first; transcoded where legs differ.
  uint32_t calls_max = 10'000;                         ///< Legs at once, one with video counts as eight; above it 503.
  std::chrono::milliseconds rtp_timeout{60'000};       ///< A leg without media this long is ended; 0: never.
  std::chrono::seconds ring_timeout{180};              ///< Forwarded calls ring this long.
  std::chrono::milliseconds provider_patience{4'000};  ///< Without any response this long the next provider is tried.
  std::chrono::seconds provider_rest{30};              ///< A provider that failed is left alone this long.
  std::chrono::milliseconds router_patience{2'000};    ///< Without any response this long the next router is tried.
  std::chrono::milliseconds router_wait{5'000};  ///< Without word of its router a lone caller is ended after this.
  std::chrono::seconds session_expires{1800};    ///< RFC 4028; 0: no session timers.
  ReanchorBy reanchor = ReanchorBy::both;        ///< Who brings media back.
  StarPath star = StarPath::router;              ///< The way of the caller's `*`.
  uint32_t probe_answers_most = 200;             ///< A second to one network, of what answers_probes lets ask.
  PingSettings ping = {};
  std::optional<Endpoint> echo_listen = {};  ///< UDP, for echoes between gateways; nothing: neither asked nor given.
  policy::Topology topology = {};            ///< The platform's, where it is known. Not in the gateway's own file.
};

/// What a media node should be able to do for the region's features; of a call that is only forwarded, to bridge.
std::vector<std::string> media_wants(const Settings& settings, bool is_forwarded);

/// The first setting that cannot work: its key as in the file, a colon, and what would be right.
Result<void> checked(const Settings& settings);

}  // namespace nearend::gateway
