#include "sdp/sdp.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace nearend::sdp {
namespace {

struct StaticFormat {
  uint8_t payload_type;
  std::string_view encoding;
  uint32_t clock_rate;
  uint8_t channels = 1;
};

/// RFC 3551, tables 4 and 5.
constexpr std::array static_formats = std::to_array<StaticFormat>({
    {0, "PCMU", 8000},   {3, "GSM", 8000},   {4, "G723", 8000},   {5, "DVI4", 8000},     {6, "DVI4", 16000},
    {7, "LPC", 8000},    {8, "PCMA", 8000},  {9, "G722", 8000},   {10, "L16", 44100, 2}, {11, "L16", 44100},
    {12, "QCELP", 8000}, {13, "CN", 8000},   {14, "MPA", 90000},  {15, "G728", 8000},    {16, "DVI4", 11025},
    {17, "DVI4", 22050}, {18, "G729", 8000}, {25, "CelB", 90000}, {26, "JPEG", 90000},   {28, "nv", 90000},
    {31, "H261", 90000}, {32, "MPV", 90000}, {33, "MP2T", 90000}, {34, "H263", 90000},
});

constexpr std::array direction_names =
    std::to_array<std::string_view>({"sendrecv", "sendonly", "recvonly", "inactive"});

std::optional<Direction> parse_direction(std::string_view name) {
  for (size_t i = 0; i < direction_names.size(); ++i)
    if (direction_names[i] == name) return static_cast<Direction>(i);
  return std::nullopt;
}

std::optional<Direction> find_direction(const std::vector<Attribute>& attributes) {
  for (const Attribute& attribute : attributes)
    if (const auto direction = attribute.has_value ? std::nullopt : parse_direction(attribute.name)) return direction;
  return std::nullopt;
}

std::optional<uint8_t> parse_payload_type(std::string_view text) {
  const auto number = parse_unsigned(text);
  if (!number || *number > 127) return std::nullopt;
  return static_cast<uint8_t>(*number);
}

/// The rest of "<payload type> <rest>" when the payload type is the wanted one.
std::optional<std::string_view> after_payload_type(std::string_view value, uint8_t payload_type) {
  const size_t space = value.find(' ');
  if (space == std::string_view::npos || parse_payload_type(value.substr(0, space)) != payload_type)
    return std::nullopt;
  return trim(value.substr(space + 1));
}

/// "opus/48000/2".
std::optional<RtpMap> parse_encoding(uint8_t payload_type, std::string_view text) {
  const auto parts = split(text, '/');
  if (parts.size() < 2 || parts.size() > 3) return std::nullopt;
  const auto clock_rate = parse_unsigned(parts[1]);
  const auto channels = parts.size() == 3 ? parse_unsigned(parts[2]) : 1;
  if (!clock_rate || *clock_rate == 0 || *clock_rate > 1'000'000 || !channels || *channels == 0 || *channels > 255)
    return std::nullopt;
  return RtpMap{payload_type, std::string(parts[0]), static_cast<uint32_t>(*clock_rate),
                static_cast<uint8_t>(*channels)};
}

bool is_reachable(const IpAddress& address) {
  static constexpr std::array<uint8_t, 4> broadcast{255, 255, 255, 255};
  if (address.is_unspecified() || address.is_multicast()) return false;
  return address.is_v6() || !std::equal(broadcast.begin(), broadcast.end(), address.bytes().begin());
}

}  // namespace

std::string_view to_string(Direction direction) {
  return direction_names[static_cast<size_t>(direction)];
}

bool sends(Direction direction) {
  return direction == Direction::sendrecv || direction == Direction::sendonly;
}

bool receives(Direction direction) {
  return direction == Direction::sendrecv || direction == Direction::recvonly;
}

Direction make_direction(bool is_sending, bool is_receiving) {
  if (is_sending) return is_receiving ? Direction::sendrecv : Direction::sendonly;
  return is_receiving ? Direction::recvonly : Direction::inactive;
}

Direction reversed(Direction direction) {
  return make_direction(receives(direction), sends(direction));
}

Direction intersected(Direction a, Direction b) {
  return make_direction(sends(a) && sends(b), receives(a) && receives(b));
}

std::optional<IpAddress> Connection::ip() const {
  const auto parsed = parse_ip(address);
  if (!parsed || parsed->is_v6() != is_ip6) return std::nullopt;
  return *parsed;
}

bool Connection::is_null() const {
  const auto parsed = ip();
  return parsed && parsed->is_unspecified();
}

Connection make_connection(const IpAddress& address) {
  return {address.is_v6(), address.to_string(), {}};
}

std::optional<RtpMap> static_rtpmap(uint8_t payload_type) {
  for (const StaticFormat& format : static_formats)
    if (format.payload_type == payload_type)
      return RtpMap{payload_type, std::string(format.encoding), format.clock_rate, format.channels};
  return std::nullopt;
}

bool Media::is_rtp() const {
  return protocol.find("RTP/") != std::string::npos;
}

bool Media::is_secure() const {
  return protocol.find("SAVP") != std::string::npos;
}

bool Media::has(std::string_view name) const {
  return attribute(name).has_value();
}

std::optional<std::string_view> Media::attribute(std::string_view name) const {
  for (const Attribute& attribute : attributes)
    if (attribute.name == name) return attribute.value;
  return std::nullopt;
}

void Media::set_attribute(std::string_view name, std::string_view value) {
  remove_attribute(name);
  attributes.push_back({std::string(name), std::string(value), true});
}

void Media::set_flag(std::string_view name) {
  remove_attribute(name);
  attributes.push_back({std::string(name), {}, false});
}

void Media::remove_attribute(std::string_view name) {
  std::erase_if(attributes, [name](const Attribute& attribute) { return attribute.name == name; });
}

std::vector<RtpMap> Media::codecs() const {
  std::vector<RtpMap> found;
  if (!is_rtp()) return found;
  for (const std::string& format : formats) {
    const auto payload_type = parse_payload_type(format);
    auto map = payload_type ? rtpmap(*payload_type) : std::nullopt;
    if (map) found.push_back(std::move(*map));
  }
  return found;
}

std::optional<RtpMap> Media::rtpmap(uint8_t payload_type) const {
  for (const Attribute& attribute : attributes) {
    if (attribute.name != "rtpmap") continue;
    const auto encoding = after_payload_type(attribute.value, payload_type);
    if (auto map = encoding ? parse_encoding(payload_type, *encoding) : std::nullopt) return map;
  }
  return static_rtpmap(payload_type);
}

std::string_view Media::fmtp(uint8_t payload_type) const {
  for (const Attribute& attribute : attributes) {
    if (attribute.name != "fmtp") continue;
    if (const auto parameters = after_payload_type(attribute.value, payload_type)) return *parameters;
  }
  return {};
}

std::optional<uint32_t> Media::ptime() const {
  const auto milliseconds = parse_unsigned(attribute("ptime").value_or(""));
  if (!milliseconds || *milliseconds == 0 || *milliseconds > 1000) return std::nullopt;
  return static_cast<uint32_t>(*milliseconds);
}

std::optional<Direction> Media::own_direction() const {
  return find_direction(attributes);
}

void Media::set_direction(Direction direction) {
  std::erase_if(attributes,
                [](const Attribute& attribute) { return !attribute.has_value && parse_direction(attribute.name); });
  set_flag(to_string(direction));
}

std::optional<std::string_view> SessionDescription::attribute(std::string_view name) const {
  for (const Attribute& attribute : attributes)
    if (attribute.name == name) return attribute.value;
  return std::nullopt;
}

const Connection* SessionDescription::connection_of(const Media& section) const {
  if (!section.connections.empty()) return &section.connections.front();
  return connection ? &*connection : nullptr;
}

Direction SessionDescription::direction_of(const Media& section) const {
  const Direction direction =
      section.own_direction().value_or(find_direction(attributes).value_or(Direction::sendrecv));
  const Connection* where = connection_of(section);
  return where && where->is_null() ? make_direction(sends(direction), false) : direction;
}

std::optional<Endpoint> SessionDescription::rtp_endpoint(const Media& section) const {
  const Connection* where = connection_of(section);
  const auto address = where ? where->ip() : std::nullopt;
  if (!address || section.port == 0 || !is_reachable(*address)) return std::nullopt;
  return Endpoint{*address, section.port};
}

std::optional<Endpoint> SessionDescription::rtcp_endpoint(const Media& section) const {
  auto rtp = rtp_endpoint(section);
  if (!rtp || section.has_rtcp_mux()) return rtp;
  const auto value = section.attribute("rtcp");
  if (!value) {
    if (rtp->port == 65'535) return std::nullopt;
    ++rtp->port;
    return rtp;
  }
  const auto words = split(*value, ' ');
  const auto port = words.empty() ? std::nullopt : parse_unsigned(words[0]);
  if (!port || *port == 0 || *port > 65'535) return std::nullopt;
  rtp->port = static_cast<uint16_t>(*port);
  if (words.size() == 1) return rtp;
  const auto address = words.size() == 4 ? parse_ip(words[3]) : Result<IpAddress>(std::unexpect);
  if (!address || !is_reachable(*address)) return std::nullopt;
  return Endpoint{*address, rtp->port};
}

}  // namespace nearend::sdp
