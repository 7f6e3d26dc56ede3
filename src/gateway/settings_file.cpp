#include "gateway/settings_file.hpp"

namespace nearend::gateway {

void describe(config::Section& section, ListenSettings& listen) {
  call::describe_listen(section, listen);
  section.key(
      "probes", listen.answers_probes,
      "Only with `listen`: phones and programs that nobody knows yet may ask how near this gateway is, by STUN (udp) "
      "and OPTIONS; anything else of them stays unheard.");
}

void describe(config::Section& section, ProviderTarget& target) {
  section.key("host", target.host, "Address or name.");
  section.key("port", target.port, "Its SIP port.");
  section.choice("protocol", target.protocol, call::protocol_names, "How it is called.");
}

void describe(config::Section& section, DigestUser& user) {
  section.key("username", user.username, "Name.");
  section.key("password", user.password, "Password.");
}

void describe(config::Section& section, Provider& provider) {
  section.key("name", provider.name, "Unique in the gateway.");
  section.key("inbound", provider.is_inbound, "Calls come from it.");
  section.key("outbound", provider.is_outbound, "Calls go to it.");
  section.key("addresses", provider.addresses, "Where its calls come from; anybody else is not heard at all.");
  section.list("target", provider.targets, "Where its calls go to, tried in order.");
  section.key("uri", provider.uri, "Instead of targets: \"sip:carrier.example;transport=tls\", found by RFC 3263.");
  section.table("credentials", provider.credentials, "Answer to its challenges.");
  section.key("inbound_realm", provider.inbound_realm, "With inbound_user: the realm we challenge with.");
  section.list("inbound_user", provider.inbound_users, "Its calls must prove one of these.");
  section.key("prefixes", provider.prefixes, "Numbers it takes, the longest match wins; \"\" takes all.");
  section.key("priority", provider.priority, "Among equal prefixes the lowest is tried first,");
  section.key("cost", provider.cost, "then the cheapest.");
  section.key("channels_max", provider.channels_max, "Calls at once, both directions; 0: no limit.");
  section.key("cps_max", provider.cps_max, "New calls a second, each direction; 0: no limit.");
  section.key("media_networks", provider.media_networks,
              "Its media may come from here besides the address in its SDP.");
  section.key("nat_learned", provider.is_nat_learned, "Its endpoints sit behind NAT: learn their media address once.");
  section.choice("srtp", provider.srtp, {"off", "offered", "required", "dtls"},
                 "SRTP with keys in the SDP: never, where the other side does it too, nothing else; or by DTLS only.");
  section.key("options_ping", provider.options_ping, "How often its health is asked for by OPTIONS; \"0s\": never.");
  section.key("can_direct", provider.can_direct, "Its media may flow past the gateway to another such provider.");
  section.key("caller_ids", provider.caller_ids, "Prefixes of caller ids it lets us show; empty: any.");
  section.key("caller_id_default", provider.caller_id_default, "Shown instead of one that is not among them.");
  section.key(
      "area", provider.area,
      "Access area of its endpoints, as the topology or the policy server calls it; empty: that of each number.");
}

void describe(config::Section& section, NumberEntry& number) {
  section.choice("match", number.match, {"number", "prefix", "sip_address", "sip_domain"}, "How `value` is compared.");
  section.key("value", number.value, "\"+15550100\", \"+1555\", \"ann@example.com\" or \"example.com\".");
  section.key("account_sid", number.account_sid, "The account it belongs to.");
  section.choice("kind", number.kind, {"application", "forward"}, "Runs TwiML at a router, or is bridged here.");
  section.key("forward_to", number.forward_to, "With kind \"forward\": number or SIP URI.");
}

void describe(config::Section& section, StaticRouter& router) {
  section.key("name", router.name, "Its name.");
  section.key("region", router.region, "Its zone path.");
  section.key("uri", router.uri, "\"sip:198.51.100.9:5070;transport=tcp\".");
  section.key("events_url", router.events_url, "Where its events are shipped.");
}

void describe(config::Section& section, PingSettings& ping) {
  section.key("listen", ping.listen,
              "HTTP for anybody, /ping and nothing else, \"198.51.100.7:8443\"; left out: browsers cannot measure.");
  section.key("certificate_file", ping.certificate_file, "PEM chain, for HTTPS; with key_file.");
  section.key("key_file", ping.key_file, "PEM of its private key.");
}

void describe(config::Section& section, Settings& settings) {
  section.key("name", settings.name, "Unique among the platform's gateways.");
  section.key("region", settings.region, "Zone path of the region it serves.");
  section.list("listen", settings.listen, "An address for providers and phones.");
  section.list("link_listen", settings.link_listen, "An address for routers and other gateways: tcp or tls.");
  section.key("link_peers", settings.link_peers, "Who may speak the platform's dialect to us.");
  section.key("link_key", settings.link_key, "Shared key of Platform-Signature; empty: TLS proves the peers.");
  section.key("features", settings.features,
              "What the region offers; announced to routers, refused with 501 when absent.");
  section.list("provider", settings.providers, "A trunk.");
  section.list("number", settings.numbers, "A called address that is known here.");
  section.list("router", settings.routers, "A router that is asked when the policy names none.");
  section.key("link_neighbours", settings.link_neighbours,
              "Link URIs of gateways to stay connected to; empty: those of the topology.");
  section.key("events_url", settings.events_url, "Where events of forwarded calls go when no router is known.");
  section.key("journal_path", settings.journal_path, "File of call events; empty: kept in memory only.");
  section.key(
      "codecs", settings.codecs,
      "Codecs that are offered and taken, best first: PCMU, PCMA, G722, opus, G729, AMR, GSM, L16 and L16/8000 to "
      "48000. "
      "Both legs of a call get one in common where they have one; only where not is it transcoded here. Others, by "
      "name (AMR-WB, G726-16 to -40) or as NAME/RATE[/CHANNELS], are passed on between legs that both have them.");
  section.key("calls_max", settings.calls_max, "Legs at once, one with video counts as eight; above it 503.");
  section.key("rtp_timeout", settings.rtp_timeout, "A leg without media this long is ended; \"0s\": never.");
  section.key("ring_timeout", settings.ring_timeout, "Forwarded calls ring this long.");
  section.key("provider_patience", settings.provider_patience,
              "Without any response this long the next provider is tried.");
  section.key("provider_rest", settings.provider_rest, "A provider that failed is left alone this long.");
  section.key("router_patience", settings.router_patience, "Without any response this long the next router is tried.");
  section.key("router_wait", settings.router_wait, "Without word of its router a lone caller is ended after this.");
  section.key("session_expires", settings.session_expires, "RFC 4028; \"0s\": no session timers.");
  section.choice("reanchor", settings.reanchor, {"router", "gateway", "both"},
                 "Who brings media back when a peer has gone.");
  section.key("probe_answers_most", settings.probe_answers_most,
              "Answers a second to one network (/24, IPv6: /56) of what anybody may ask.");
  section.table("ping", settings.ping, "Where browsers that race between gateways measure how near this one is.");
  section.key("echo_listen", settings.echo_listen,
              "UDP address for echoes between gateways, by which round trips between regions are measured; left out: "
              "this gateway's `echo` of the topology, if there is one.");
  section.choice("star", settings.star, {"router", "peer_gateway"}, "The way of the caller's `*`.");
}

}  // namespace nearend::gateway
