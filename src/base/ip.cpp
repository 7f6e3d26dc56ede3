#include "base/ip.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace nearend {

IpAddress IpAddress::v4(uint32_t host_order) {
  const uint32_t network = htonl(host_order);
  return from_bytes(Family::v4, reinterpret_cast<const uint8_t*>(&network));
}

IpAddress IpAddress::from_bytes(Family family, const uint8_t* network_order) {
  IpAddress address;
  address.family_ = family;
  std::memcpy(address.bytes_.data(), network_order, family == Family::v4 ? 4 : 16);
  return address;
}

IpAddress IpAddress::any(Family family) {
  IpAddress address;
  address.family_ = family;
  return address;
}

IpAddress IpAddress::loopback(Family family) {
  if (family == Family::v4) return v4(0x7f000001);
  IpAddress address = any(Family::v6);
  address.bytes_[15] = 1;
  return address;
}

bool IpAddress::is_unspecified() const {
  return std::all_of(bytes_.begin(), bytes_.end(), [](uint8_t byte) { return byte == 0; });
}

bool IpAddress::is_loopback() const {
  return is_v6() ? *this == loopback(Family::v6) : bytes_[0] == 127;
}

bool IpAddress::is_multicast() const {
  return is_v6() ? bytes_[0] == 0xff : bytes_[0] >= 224 && bytes_[0] < 240;
}

bool IpAddress::is_internal() const {
  static const std::vector<Cidr> blocks = [] {
    std::vector<Cidr> parsed;
    for (std::string_view text : {"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
                                  "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/3", "::/128", "::1/128",
                                  "::ffff:0:0/96", "64:ff9b::/96", "fc00::/7", "fe80::/10", "ff00::/8"})
      parsed.push_back(*parse_cidr(text));
    return parsed;
  }();
  return std::any_of(blocks.begin(), blocks.end(), [this](const Cidr& block) { return block.contains(*this); });
}

std::string IpAddress::to_string() const {
  char text[INET6_ADDRSTRLEN];
  if (is_v6()) return inet_ntop(AF_INET6, bytes_.data(), text, sizeof text);
  char* end = text;
  for (int i = 0; i < 4; ++i) {
    if (i > 0) *end++ = '.';
    end = std::to_chars(end, text + sizeof text, bytes_[i]).ptr;
  }
  return {text, end};
}

Result<IpAddress> parse_ip(std::string_view text) {
  std::string_view bare = text;
  if (bare.size() > 2 && bare.front() == '[' && bare.back() == ']') bare = bare.substr(1, bare.size() - 2);
  const std::string terminated(bare);
  uint8_t bytes[16];
  if (inet_pton(AF_INET, terminated.c_str(), bytes) == 1) return IpAddress::from_bytes(IpAddress::Family::v4, bytes);
  if (inet_pton(AF_INET6, terminated.c_str(), bytes) == 1) return IpAddress::from_bytes(IpAddress::Family::v6, bytes);
  return fail(Error::Kind::malformed, "'{}' is not an IPv4 or IPv6 address", text);
}

std::string Endpoint::to_string() const {
  std::string text = address.is_v6() ? '[' + address.to_string() + ']' : address.to_string();
  return text.append(":").append(std::to_string(port));
}

Result<Endpoint> parse_endpoint(std::string_view text) {
  const size_t colon = text.rfind(':');
  const bool bracketed = text.starts_with('[');
  if (colon == std::string_view::npos || (bracketed && text[colon - 1] != ']'))
    return fail(Error::Kind::malformed, "'{}' is not ADDRESS:PORT", text);
  auto address = parse_ip(text.substr(0, colon));
  if (!address) return pass(address);
  if (address->is_v6() != bracketed) return fail(Error::Kind::malformed, "'{}': IPv6 is written [ADDRESS]:PORT", text);
  uint16_t port = 0;
  const std::string_view digits = text.substr(colon + 1);
  auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (code != std::errc{} || end != digits.data() + digits.size() || digits.empty())
    return fail(Error::Kind::malformed, "'{}': the port is a number from 0 to 65535", text);
  return Endpoint{*address, port};
}

bool Cidr::contains(const IpAddress& address) const {
  if (address.family() != base.family()) return false;
  const int whole = prefix / 8;
  const int rest = prefix % 8;
  if (std::memcmp(address.bytes().data(), base.bytes().data(), whole) != 0) return false;
  if (rest == 0) return true;
  const uint8_t mask = static_cast<uint8_t>(0xff << (8 - rest));
  return (address.bytes()[whole] & mask) == (base.bytes()[whole] & mask);
}

std::string Cidr::to_string() const {
  return fmt::format("{}/{}", base.to_string(), prefix);
}

Result<Cidr> parse_cidr(std::string_view text) {
  const size_t slash = text.find('/');
  auto base = parse_ip(text.substr(0, slash));
  if (!base) return pass(base);
  const uint8_t widest = base->is_v6() ? 128 : 32;
  if (slash == std::string_view::npos) return Cidr{*base, widest};
  uint8_t prefix = 0;
  const std::string_view digits = text.substr(slash + 1);
  auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), prefix);
  if (code != std::errc{} || end != digits.data() + digits.size() || prefix > widest)
    return fail(Error::Kind::malformed, "'{}': the prefix length is a number from 0 to {}", text, widest);
  return Cidr{*base, prefix};
}

}  // namespace nearend
