#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace nearend {

/// An IPv4 or IPv6 address, held as 16 bytes (IPv4 in the first four). Default: 0.0.0.0.
class IpAddress {
 public:
  enum class Family : uint8_t { v4, v6 };

  IpAddress() = default;
  static IpAddress v4(uint32_t host_order);
  static IpAddress from_bytes(Family family, const uint8_t* network_order);
  static IpAddress any(Family family);
  static IpAddress loopback(Family family = Family::v4);

  Family family() const { return family_; }
  bool is_v6() const { return family_ == Family::v6; }
  const std::array<uint8_t, 16>& bytes() const { return bytes_; }
  bool is_unspecified() const;
  bool is_loopback() const;
  bool is_multicast() const;
  /// True for every address that a customer's URL must not reach (threat TH19): private, loopback, link-local, mapped,
  /// reserved.
  bool is_internal() const;
  /// Without brackets: "2001:db8::1".
  std::string to_string() const;

  auto operator<=>(const IpAddress&) const = default;

 private:
  Family family_ = Family::v4;
  std::array<uint8_t, 16> bytes_{};
};

/// Accepts dotted IPv4 and IPv6 with or without brackets; no zone.
Result<IpAddress> parse_ip(std::string_view text);

/// An address and a port. Which transport is meant is the caller's knowledge.
struct Endpoint {
  IpAddress address;
  uint16_t port = 0;
  /// "192.0.2.1:5060" or "[2001:db8::1]:5060".
  std::string to_string() const;
  auto operator<=>(const Endpoint&) const = default;
};

/// Accepts "192.0.2.1:5060" and "[2001:db8::1]:5060"; the port is required.
Result<Endpoint> parse_endpoint(std::string_view text);

/// A block of addresses, "192.0.2.0/24" or a single address.
struct Cidr {
  IpAddress base;
  uint8_t prefix = 0;
  bool contains(const IpAddress& address) const;
  std::string to_string() const;
  auto operator<=>(const Cidr&) const = default;
};

Result<Cidr> parse_cidr(std::string_view text);

}  // namespace nearend

template <>
struct std::hash<nearend::IpAddress> {
  size_t operator()(const nearend::IpAddress& address) const noexcept {
    return std::hash<std::string_view>{}(
        {reinterpret_cast<const char*>(address.bytes().data()), address.bytes().size()});
  }
};
template <>
struct std::hash<nearend::Endpoint> {
  size_t operator()(const nearend::Endpoint& endpoint) const noexcept {
    return std::hash<nearend::IpAddress>{}(endpoint.address) * 31 + endpoint.port;
  }
};
