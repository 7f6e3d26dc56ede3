#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.hpp"
#include "policy/geography.hpp"

namespace nearend::policy {

/// Where networks are and whose they are, as public tables tell it: addresses by their longest prefix. Immutable once
/// filled; then any thread.
class NetworkTable {
 public:
  /// An entry of the table.
  struct Network {
    Cidr block;
    Position at;
    uint32_t as_number = 0;  ///< 0: not told.
    char country[2] = {};    ///< Zeros: the position was told itself.
  };
  /// An address among the entries.
  struct Found {
    const Network* network = nullptr;  ///< The narrowest that it is in; null: none.
    uint8_t prefix = 0;  ///< Addresses that share so many bits with it have the same network, at least as many as it.
  };

  /// Adds a table's text: lines of "network, country" or "network, latitude, longitude", each with ", AS number" or
  /// without, or a regional internet registry's list of delegations ("ripencc|DE|ipv4|192.0.2.0|256|..."). Errors begin
  /// with the line's number and say what would be right; nothing is added then.
  Result<void> add(std::string_view text);

  /// Of an address of which the first `known_bits` are told. Entries that are narrower than these are as good as
  /// unknown, but they bound `prefix`.
  Found find(const IpAddress& address, uint8_t known_bits = 128) const;
  size_t size() const { return networks_.size(); }

 private:
  std::vector<Network> networks_;  // by block
  std::vector<uint32_t> around_;   // the narrowest entry that a block is within, by index; none for itself
};

/// How many leading bits two addresses share; they must be of the same family.
uint8_t common_bits(const IpAddress& a, const IpAddress& b);

}  // namespace nearend::policy
