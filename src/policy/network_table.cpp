#include "policy/network_table.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <numeric>
#include <optional>

#include "base/text.hpp"

namespace nearend::policy {
namespace {

constexpr size_t networks_max = 4'000'000;

uint8_t bits_of(const IpAddress& address) {
  return address.is_v6() ? 128 : 32;
}

/// Without the bits after the prefix.
Cidr whole(const Cidr& block) {
  auto bytes = block.base.bytes();
  for (size_t i = 0; i < bytes.size(); ++i) {
    const int kept = std::clamp<int>(block.prefix - 8 * static_cast<int>(i), 0, 8);
    bytes[i] &= static_cast<uint8_t>(0xff << (8 - kept));
  }
  return {IpAddress::from_bytes(block.base.family(), bytes.data()), block.prefix};
}

std::optional<double> number_from(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::vector<std::string_view> cells_of(std::string_view line, char separator) {
  std::vector<std::string_view> cells;
  for (;;) {
    const size_t end = std::min(line.find(separator), line.size());
    cells.push_back(trim(line.substr(0, end)));
    if (end == line.size()) return cells;
    line.remove_prefix(end + 1);
  }
}

bool is_code(std::string_view text) {
  const auto is_letter = [](char sign) { return ascii_lower(sign) >= 'a' && ascii_lower(sign) <= 'z'; };
  return text.size() == 2 && is_letter(text[0]) && is_letter(text[1]);
}

/// Nothing for countries that are on no map: "ZZ", "EU".
std::optional<NetworkTable::Network> in_country(std::string_view code) {
  const char upper[2] = {static_cast<char>(code[0] & ~0x20), static_cast<char>(code[1] & ~0x20)};
  const auto at = Atlas::carried().country({upper, 2});
  if (!at) return std::nullopt;
  return NetworkTable::Network{.block = {}, .at = *at, .country = {upper[0], upper[1]}};
}

/// "192.0.2.0/24, DE", "192.0.2.0/24, 50.1, 8.7, AS64500".
Result<NetworkTable::Network> network_from(std::string_view line) {
  auto cells = cells_of(line, ',');
  const auto block = parse_cidr(cells[0]);
  if (!block) return fail(Error::Kind::invalid, "a network such as 203.0.113.0/24 is expected, not '{}'", cells[0]);
  std::optional<NetworkTable::Network> network;
  size_t next = 2;
  if (cells.size() > 1 && is_code(cells[1])) {
    network = in_country(cells[1]);
    if (!network) return fail(Error::Kind::invalid, "'{}' is no country's ISO code, such as DE", cells[1]);
  } else if (cells.size() > 2) {
    const auto latitude = number_from(cells[1]), longitude = number_from(cells[2]);
    const auto at = latitude && longitude ? position_of(*latitude, *longitude) : std::nullopt;
    if (at) network = NetworkTable::Network{.block = {}, .at = *at};
    next = 3;
  }
  if (!network)
    return fail(
        Error::Kind::invalid,
        "after the network a country's code or latitude and longitude are expected: '{}, DE' or '{}, 50.1, 8.7'",
        cells[0], cells[0]);
  network->block = whole(*block);
  if (cells.size() > next && !cells[next].empty()) {
    std::string_view digits = cells[next];
    if (digits.size() > 2 && equal_ignoring_case(digits.substr(0, 2), "AS")) digits.remove_prefix(2);
    const auto number = parse_unsigned(digits);
    if (!number || *number == 0 || *number > UINT32_MAX)
      return fail(Error::Kind::invalid, "an AS number such as AS64500 is expected, not '{}'", cells[next]);
    network->as_number = static_cast<uint32_t>(*number);
  }
  if (cells.size() > next + 1)
    return fail(Error::Kind::invalid, "nothing is expected after the AS number, not '{}'", cells[next + 1]);
  return *network;
}

/// A delegation of IPv4 counts addresses: as few blocks as make them up.
Result<void> add_v4(const NetworkTable::Network& network, const IpAddress& start, uint64_t count,
                    std::vector<NetworkTable::Network>& all) {
  const auto& bytes = start.bytes();
  uint64_t at = (uint64_t{bytes[0]} << 24) | (uint64_t{bytes[1]} << 16) | (uint64_t{bytes[2]} << 8) | bytes[3];
  if (count == 0 || at + count > (uint64_t{1} << 32))
    return fail(Error::Kind::invalid, "{} addresses do not fit behind {}", count, start.to_string());
  while (count > 0) {
    const int aligned = at == 0 ? 32 : std::countr_zero(at), most = std::bit_width(count) - 1;
    const int bits = std::min({aligned, most, 32});
    all.push_back(network);
    all.back().block = {IpAddress::v4(static_cast<uint32_t>(at)), static_cast<uint8_t>(32 - bits)};
    at += uint64_t{1} << bits;
    count -= uint64_t{1} << bits;
  }
  return {};
}

/// "registry|cc|type|start|value|date|status[|...]", as all five registries publish it daily ("delegated-extended").
Result<void> add_delegation(std::string_view line, std::vector<NetworkTable::Network>& all) {
  const auto cells = cells_of(line, '|');
  const bool is_head = cells.size() > 1 && (cells[1] == "*" || number_from(cells[0]));
  if (is_head) return {};
  if (cells.size() < 7)
    return fail(Error::Kind::invalid, "a delegation has 7 fields, registry|country|type|start|value|date|status");
  if (cells[2] == "asn" || !is_code(cells[1])) return {};  // What nobody has been given has no country.
  if (cells[2] != "ipv4" && cells[2] != "ipv6")
    return fail(Error::Kind::invalid, "the type of a delegation is ipv4, ipv6 or asn, not '{}'", cells[2]);
  const auto start = parse_ip(cells[3]);
  const auto value = parse_unsigned(cells[4]);
  const bool is_v6 = cells[2] == "ipv6";
  if (!start || start->is_v6() != is_v6 || !value)
    return fail(Error::Kind::invalid, "an address and a count are expected, not '{}|{}'", cells[3], cells[4]);
  const auto network = in_country(cells[1]);
  if (!network) return {};
  if (!is_v6) return add_v4(*network, *start, *value, all);
  if (*value > 128) return fail(Error::Kind::invalid, "the prefix length of ipv6 is at most 128, not {}", *value);
  all.push_back(*network);
  all.back().block = whole({*start, static_cast<uint8_t>(*value)});
  return {};
}

}  // namespace

uint8_t common_bits(const IpAddress& a, const IpAddress& b) {
  for (size_t i = 0; i < a.bytes().size(); ++i)
    if (const auto differing = static_cast<uint8_t>(a.bytes()[i] ^ b.bytes()[i]))
      return static_cast<uint8_t>(8 * i + static_cast<size_t>(std::countl_zero(differing)));
  return bits_of(a);
}

Result<void> NetworkTable::add(std::string_view text) {
  std::vector<Network> all = networks_;
  size_t number = 0;
  while (!text.empty()) {
    ++number;
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line[0] == '#') continue;
    if (all.size() >= networks_max)
      return fail(Error::Kind::invalid, "{}: more than {} networks", number, networks_max);
    Result<void> added;
    if (line.find('|') != std::string_view::npos) {
      added = add_delegation(line, all);
    } else {
      auto network = network_from(line);
      if (network)
        all.push_back(*network);
      else
        added = pass(network);
    }
    if (!added) return fail(added.error().kind, "{}: {}", number, added.error().text);
  }
  // Told twice, the last counts.
  std::vector<uint32_t> order(all.size());
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::sort(order, [&](uint32_t x, uint32_t y) {
    return all[x].block != all[y].block ? all[x].block < all[y].block : x > y;
  });
  std::vector<Network> kept;
  kept.reserve(all.size());
  for (const uint32_t each : order)
    if (kept.empty() || kept.back().block != all[each].block) kept.push_back(all[each]);
  networks_ = std::move(kept);
  around_.resize(networks_.size());
  std::vector<uint32_t> open;  // what the entry at hand may be within, the widest first
  for (uint32_t i = 0; i < networks_.size(); ++i) {
    while (!open.empty() && !networks_[open.back()].block.contains(networks_[i].block.base)) open.pop_back();
    around_[i] = open.empty() ? i : open.back();
    open.push_back(i);
  }
  return {};
}

NetworkTable::Found NetworkTable::find(const IpAddress& address, uint8_t known_bits) const {
  Found found;
  // The last entry that begins at or before the address: it, or one that it is in, or none, has the address.
  const auto after = std::ranges::upper_bound(networks_, Cidr{address, UINT8_MAX}, {}, &Network::block);
  const auto narrows = [&](const Network& other) {
    if (other.block.base.family() != address.family()) return;
    const int bits = std::min<int>(common_bits(other.block.base, address) + 1, other.block.prefix);
    found.prefix = std::max(found.prefix, static_cast<uint8_t>(bits));
  };
  if (after != networks_.end()) narrows(*after);
  if (after == networks_.begin()) return found;
  auto at = static_cast<uint32_t>(after - networks_.begin() - 1);
  for (;; at = around_[at]) {
    const Network& network = networks_[at];
    if (network.block.contains(address) && network.block.prefix <= known_bits) {
      found.network = &network;
      found.prefix = std::max(found.prefix, network.block.prefix);
      return found;
    }
    narrows(network);
    if (around_[at] == at) return found;
  }
}

}  // namespace nearend::policy
