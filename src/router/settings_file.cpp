#include "router/settings_file.hpp"

namespace nearend::store {

void describe(config::Section& section, Account& account) {
  section.key("sid", account.sid, "AC and 32 hexadecimal digits.");
  section.key("auth_token", account.auth_token, "Secret of the REST API and of webhook signatures.");
  section.key("name", account.name, "For people.");
}

void describe(config::Section& section, Number& number) {
  section.key("number", number.number, "The called number, \"+15550100\".");
  section.key("sid", number.sid, "PN and 32 hexadecimal digits; empty: made.");
  section.key("account_sid", number.account_sid, "The account it belongs to.");
  section.key("voice_url", number.voice_url, "Where its TwiML is fetched.");
  section.key("voice_method", number.voice_method, "GET or POST.");
  section.key("fallback_url", number.fallback_url, "Fetched when voice_url fails.");
  section.key("fallback_method", number.fallback_method, "GET or POST.");
  section.key("status_callback", number.status_callback, "Told when the call has ended.");
  section.key("status_callback_method", number.status_callback_method, "GET or POST.");
  section.key("forward_to", number.forward_to, "Bridged by the gateway, without TwiML.");
}

}  // namespace nearend::store

namespace nearend::router {

void describe(config::Section& section, ListenSettings& listen) {
  call::describe_listen(section, listen);
}

void describe(config::Section& section, Settings& settings) {
  section.key("name", settings.name, "Unique among the platform's routers.");
  section.key("region", settings.region, "Zone path of the region it runs in.");
  section.list("link_listen", settings.link_listen, "An address for gateways: tcp or tls.");
  section.key("link_peers", settings.link_peers, "Who may speak the platform's dialect to us.");
  section.key("link_key", settings.link_key, "Shared key of Platform-Signature; empty: TLS proves the peers.");
  section.key("link_neighbours", settings.link_neighbours,
              "Link URIs of gateways to stay connected to; empty: those of the topology.");
  section.key("http_listen", settings.http_listen,
              "REST API, event intake, health and metrics; left out: no HTTP listener.");
  section.key("store_path", settings.store_path, "File of the SQLite store; empty: in memory.");
  section.list("account", settings.accounts, "An account, written to the store at start.");
  section.list("number", settings.numbers, "A number, written to the store at start.");
  section.key("may_reach_internal", settings.may_reach_internal,
              "Lets application URLs reach private addresses: labs and machines without customers only.");
  section.key("public_url", settings.public_url, "Where the API and recordings are reached from outside.");
  section.choice("plan", settings.plan, {"local", "remote", "trombone"}, "Where media runs when both would do.");
  section.key("arming", settings.is_arming_wanted,
              "Bridges are armed while ringing (C5); false: asked for at the answer (C3).");
  section.key("continuations", settings.are_continuations_wanted,
              "What follows a Dial without action travels with the arming.");
  section.key("direct", settings.is_direct_wanted, "Providers that allow it exchange media without the gateways.");
  section.choice("reanchor", settings.reanchor, {"router", "gateway"}, "Who brings a caller's media back.");
  section.key("calls_max", settings.calls_max, "Calls at once; above it 503 with Retry-After.");
  section.key("steps_max", settings.steps_max, "Verbs a call may run.");
  section.key("call_length_max", settings.call_length_max, "After it the call is ended.");
  section.key("retry_after", settings.retry_after, "Said with 503.");
  section.key("request_patience", settings.request_patience, "A gateway's reply in a dialog may take this long.");
  section.key("ping_every", settings.ping_every, "OPTIONS to gateways that have legs here.");
  section.key("lost_after", settings.lost_after, "Without a reply this long, legs that need the router are lost.");
  section.key("talk_lost_after", settings.talk_lost_after,
              "The same for legs in a bridge, whose talk goes on without us.");
}

}  // namespace nearend::router
