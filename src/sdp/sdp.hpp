#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.hpp"
#include "base/result.hpp"

namespace nearend::sdp {

/// Hard limits of what we read (threat TH28).
inline constexpr size_t description_bytes_max = 65'536;
inline constexpr size_t line_bytes_max = 8'192;
inline constexpr size_t media_lines_max = 16;
inline constexpr size_t candidates_max = 64;  ///< a=candidate lines in one media section.
inline constexpr size_t formats_max = 64;     ///< Formats in one m= line.
inline constexpr size_t lines_max = 1'024;

/// Who sends, seen from the writer of the description.
enum class Direction : uint8_t { sendrecv, sendonly, recvonly, inactive };
std::string_view to_string(Direction direction);
bool sends(Direction direction);
bool receives(Direction direction);
Direction make_direction(bool is_sending, bool is_receiving);
/// The same stream seen from the other side.
Direction reversed(Direction direction);
/// What both allow; both seen from the same side.
Direction intersected(Direction a, Direction b);

/// `a=name` or `a=name:value`.
struct Attribute {
  std::string name;
  std::string value;
  bool has_value = false;
  bool operator==(const Attribute&) const = default;
};

/// c=IN IP4 192.0.2.1. A name instead of an address is kept as text.
struct Connection {
  bool is_ip6 = false;
  std::string address;           ///< As received, with /ttl taken off.
  std::string multicast_suffix;  ///< "/127" or "/127/3".
  std::optional<IpAddress> ip() const;
  /// 0.0.0.0 or ::, the hold of RFC 2543.
  bool is_null() const;
  bool operator==(const Connection&) const = default;
};
Connection make_connection(const IpAddress& address);

/// o= (RFC 8866 5.2).
struct Origin {
  std::string username = "-";
  std::string id = "0";  ///< Numeric, may be longer than 64 bits.
  uint64_t version = 0;
  bool is_ip6 = false;
  std::string address = "0.0.0.0";
  bool operator==(const Origin&) const = default;
};

/// a=rtpmap, or the static meaning of a payload type below 35 (RFC 3551).
struct RtpMap {
  uint8_t payload_type = 0;
  std::string encoding;  ///< "PCMU"; compares without case.
  uint32_t clock_rate = 8000;
  uint8_t channels = 1;
};
/// The static assignment of RFC 3551, if there is one.
std::optional<RtpMap> static_rtpmap(uint8_t payload_type);

/// One m= section. Attributes that have no field of their own stay in `attributes`, in order; rtpmap, fmtp and rtcp-fb
/// stay there too, so that a section we only relay is written back as it came.
struct Media {
  std::string kind = "audio";
  uint16_t port = 0;
  uint16_t port_count = 1;  ///< "49170/2".
  std::string protocol = "RTP/AVP";
  std::vector<std::string> formats;     ///< Payload types, or whatever the protocol says.
  std::string title;                    ///< i=
  std::vector<Connection> connections;  ///< Usually none or one.
  std::vector<std::string> bandwidths;  ///< b= values.
  std::string key;                      ///< k= value, obsolete.
  std::vector<Attribute> attributes;    ///< All of them, in order, the known ones too.

  bool is_rejected() const { return port == 0; }
  bool is_rtp() const;  ///< RTP/AVP, RTP/SAVP, RTP/AVPF, RTP/SAVPF, UDP/TLS/RTP/SAVP(F).
  bool is_secure() const;

  bool has(std::string_view name) const;
  std::optional<std::string_view> attribute(std::string_view name) const;  ///< The first one's value.
  void set_attribute(std::string_view name, std::string_view value);
  void set_flag(std::string_view name);
  void remove_attribute(std::string_view name);

  /// The payload types of `formats` with their encodings, in order of preference; static ones are filled in, unknown
  /// ones left out.
  std::vector<RtpMap> codecs() const;
  std::optional<RtpMap> rtpmap(uint8_t payload_type) const;
  std::string_view fmtp(uint8_t payload_type) const;  ///< Empty when absent.
  std::optional<uint32_t> ptime() const;
  std::optional<Direction> own_direction() const;  ///< Nothing when the section does not say.
  void set_direction(Direction direction);
  bool has_rtcp_mux() const { return has("rtcp-mux"); }
  bool operator==(const Media&) const = default;
};

/// A whole session description (RFC 8866; 4566 reads alike). Plain value, any thread.
struct SessionDescription {
  Origin origin;
  std::string name = "-";           ///< s=
  std::string information;          ///< i=
  std::vector<std::string> extras;  ///< u=, e=, p= lines as received, with their letter.
  std::optional<Connection> connection;
  std::vector<std::string> bandwidths;
  std::vector<std::string> times;  ///< t=, r=, z= lines as received, with their letter; empty: "t=0 0".
  std::string key;
  std::vector<Attribute> attributes;
  std::vector<Media> media;

  std::optional<std::string_view> attribute(std::string_view name) const;
  bool has(std::string_view name) const { return attribute(name).has_value(); }
  /// The section's connection, or the session's.
  const Connection* connection_of(const Media& section) const;
  /// Direction with the session's default and the old hold (c=0.0.0.0) counted in.
  Direction direction_of(const Media& section) const;
  /// Where to send the section's RTP; nothing when rejected, not an address, or port 0.
  std::optional<Endpoint> rtp_endpoint(const Media& section) const;
  /// a=rtcp (RFC 3605), the RTP port with rtcp-mux, else the port above.
  std::optional<Endpoint> rtcp_endpoint(const Media& section) const;
  std::string to_string() const;
  bool operator==(const SessionDescription&) const = default;
};

/// Errors name line and field: "line 7, m=: port 'x' is not a number". Lines may end with CR LF or LF.
Result<SessionDescription> parse_sdp(std::string_view text);

}  // namespace nearend::sdp
