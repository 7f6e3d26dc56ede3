#include "call/inner_sdp.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "codec/codec.hpp"

namespace nearend::call {

namespace {

constexpr uint16_t port_discard = 9;

/// Opus is always called stereo (RFC 7587 7).
bool is_speech(const sdp::Media& line, const sdp::RtpMap& map) {
  return codec::find_settings(map.encoding, map.clock_rate, map.channels, line.fmtp(map.payload_type)).has_value();
}

/// What a router's media node speaks towards gateways.
bool is_node_format(const sdp::Media& line, const sdp::RtpMap& map) {
  return is_speech(line, map) || equal_ignoring_case(map.encoding, "telephone-event");
}

sdp::Media bare(const sdp::Media& like) {
  sdp::Media media;
  media.kind = like.kind;
  media.protocol = like.protocol;
  media.port = 0;
  media.formats = like.formats;
  return media;
}

void copy_format_attributes(sdp::Media& to, const sdp::Media& from, uint8_t payload_type) {
  const std::string prefix = fmt::format("{}", payload_type);
  for (const sdp::Attribute& attribute : from.attributes) {
    if (attribute.name != "rtpmap" && attribute.name != "fmtp") continue;
    if (attribute.value == prefix || attribute.value.starts_with(prefix + " ")) to.attributes.push_back(attribute);
  }
}

/// The line as our node answers or offers it, or port 0 when the node cannot speak it.
sdp::Media node_line(const sdp::Media& theirs, const Endpoint& at) {
  sdp::Media media = bare(theirs);
  media.formats.clear();
  bool has_speech = false;
  for (const sdp::RtpMap& map : theirs.codecs()) {
    if (!is_node_format(theirs, map)) continue;
    has_speech |= is_speech(theirs, map);
    media.formats.push_back(fmt::format("{}", map.payload_type));
    copy_format_attributes(media, theirs, map.payload_type);
  }
  if (!has_speech) return bare(theirs);
  media.port = at.port;
  media.set_attribute("ptime", "20");
  media.set_direction(sdp::Direction::sendrecv);
  return media;
}

}  // namespace

LinkSpeaker::LinkSpeaker(uint64_t session_id, IpAddress address) {
  origin_.id = fmt::format("{}", session_id >> 1);
  origin_.is_ip6 = address.is_v6();
  origin_.address = address.to_string();
}

std::string LinkSpeaker::idle(const sdp::SessionDescription& theirs) {
  sdp::SessionDescription description;
  description.connection = sdp::make_connection(IpAddress::any(IpAddress::Family::v4));
  for (const sdp::Media& line : theirs.media) {
    sdp::Media media = bare(line);
    for (const sdp::RtpMap& map : line.codecs()) copy_format_attributes(media, line, map.payload_type);
    if (!line.is_rejected()) media.port = port_discard;
    media.set_direction(sdp::Direction::inactive);
    description.media.push_back(std::move(media));
  }
  return finish(std::move(description));
}

Result<std::string> LinkSpeaker::node(const sdp::SessionDescription& theirs, const media::AnchorInfo& anchor) {
  sdp::SessionDescription description;
  bool is_spoken = false;
  for (const sdp::Media& line : theirs.media) {
    const bool is_wanted = !is_spoken && line.kind == "audio" && !line.is_rejected() && !anchor.streams.empty();
    sdp::Media media = is_wanted ? node_line(line, anchor.streams.front().outer) : bare(line);
    is_spoken |= media.port != 0;
    description.media.push_back(std::move(media));
  }
  if (!is_spoken) return fail(Error::Kind::unsupported, "SDP: no audio line with a codec that the media node speaks");
  description.connection = sdp::make_connection(anchor.streams.front().outer.address);
  return finish(std::move(description));
}

std::string LinkSpeaker::passed_on(sdp::SessionDescription other) {
  return finish(std::move(other));
}

std::string LinkSpeaker::finish(sdp::SessionDescription description) {
  description.origin = origin_;
  if (!last_.empty() && description.to_string() != last_) ++origin_.version;
  description.origin = origin_;
  last_ = description.to_string();
  return last_;
}

std::vector<media::Remote> remotes_of(const sdp::SessionDescription& theirs) {
  std::vector<media::Remote> remotes;
  for (const sdp::Media& line : theirs.media) {
    if (line.kind != "audio") continue;
    const auto rtp = theirs.rtp_endpoint(line);
    if (!rtp) continue;
    const sdp::Direction direction = theirs.direction_of(line);
    media::Remote remote;
    remote.stream = remotes.size();
    remote.rtp = *rtp;
    remote.rtcp = theirs.rtcp_endpoint(line);
    remote.is_rtcp_mux = line.has_rtcp_mux();
    remote.may_send = sdp::receives(direction);
    remote.may_receive = sdp::sends(direction);
    remote.ptime = media::milliseconds(line.ptime().value_or(20));
    for (const sdp::RtpMap& map : line.codecs())
      if (is_node_format(line, map))
        remote.formats.push_back(
            {map.payload_type, map.encoding, map.clock_rate, map.channels, std::string(line.fmtp(map.payload_type))});
    remotes.push_back(std::move(remote));
    break;  // The router's node holds one audio stream.
  }
  return remotes;
}

}  // namespace nearend::call
