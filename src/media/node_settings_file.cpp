#include "media/node_settings_file.hpp"

namespace nearend::media {

void describe(config::Section& section, NodeSettings& node) {
  section.key("bind_outer", node.bind_outer, "Where RTP from endpoints and carriers is received.");
  section.key("bind_inner", node.bind_inner, "Where RTP from other gateways and routers' nodes is received.");
  section.key("bind_outer_v6", node.bind_outer_v6, "The same for endpoints on IPv6; left out: refused.");
  section.key("advertised_outer", node.advertised_outer, "Written in SDP instead of bind_outer (one-to-one NAT).");
  section.key("advertised_inner", node.advertised_inner, "Written in SDP instead of bind_inner.");
  section.key("advertised_outer_v6", node.advertised_outer_v6, "Written in SDP instead of bind_outer_v6.");
  section.key("port_first", node.port_first, "First UDP port; each stream of a side takes two.");
  section.key("port_last", node.port_last, "Last UDP port; keep clear of net.ipv4.ip_local_port_range.");
  section.key("recordings", node.recordings, "Directory of recordings, made when missing.");
  section.key("cache", node.cache, "Directory of fetched and spoken sound; empty: memory only.");
  section.key("cache_bytes", node.cache_bytes, "Decoded sound kept in memory, in bytes.");
  section.key("may_reach_internal", node.may_reach_internal, "Fetch sound from private addresses too: labs only.");
  section.key("capabilities", node.capabilities,
              "What this node takes on: bridge, play, tts, record, collect, mix, stream.");
  section.key("anchors_max", node.anchors_max, "Legs at a time; above it allocation is refused.");
  section.key("recorders_max", node.recorders_max, "Recordings at a time; above it they are refused.");
  section.key("streams_max", node.streams_max, "WebSockets to engines at a time; above it they are refused.");
  section.key("cores", node.cores, "Media threads; the legs of a call are on one of them.");
  section.key("workers", node.workers, "Threads for speech, decoding and files.");
  section.key("tone_country", node.tone_country,
              "Whose ring-back, busy and dial tones are played where nobody names a country: de, fr, us, …");
  section.key(
      "tiers", node.tiers,
      "What relays: auto (all below where rights allow), kernel (plain speech), range (a socket a thread), sockets.");
  section.key("awake_from", node.awake_from,
              "Packets a second, in and out, from which a media thread asks the kernel to keep cores awake; 0: never.");
}

}  // namespace nearend::media
