#include "media/node_settings_file.hpp"

namespace nearend::media {

void describe(config::Section& section, NodeSettings& node) {
  section.key("outer_address", node.outer_address, "Bound towards endpoints.");
  section.key("inner_address", node.inner_address, "Bound towards gateways and routers.");
  section.key("outer_advertised", node.outer_advertised, "In SDP instead of outer_address, when they differ (NAT).");
  section.key("inner_advertised", node.inner_advertised, "The same for the inner side.");
  section.key("port_first", node.port_first, "First media port; even ports are RTP, odd ones RTCP.");
  section.key("port_last", node.port_last, "Last media port; keep the range outside net.ipv4.ip_local_port_range.");
  section.key("port_quarantine", node.port_quarantine, "A freed port rests this long, against late packets.");
  section.key("anchors_max", node.anchors_max, "Legs held at once; above it allocation is refused.");
  section.key("cores", node.cores, "Media threads.");
  section.key("capabilities", node.capabilities, "What is offered: bridge, play, tts, record, collect.");
  section.key("recordings_directory", node.recordings_directory, "Where recordings are written; empty: none are made.");
  section.key("cache_directory", node.cache_directory, "Of fetched prompts; empty: kept in memory only.");
  section.key("may_reach_internal", node.may_reach_internal, "Lets prompt URLs reach private addresses: labs only.");
}

}  // namespace nearend::media
