#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nearend::sip {

/// What our tags and branches are made of: the shard and number of what they name, so that finding it needs no table
/// and another shard can forward what is not its own, and 64 random bits, so that strangers cannot guess them.
struct Identifier {
  uint64_t number = 0;  ///< Of a SlotTable.
  uint64_t secret = 0;
  bool operator==(const Identifier&) const = default;
  uint8_t shard() const { return static_cast<uint8_t>(number >> 56); }
};

/// Tag: 32 hexadecimal digits.
std::string make_tag(Identifier id);
std::optional<Identifier> parse_tag(std::string_view tag);

/// Via branch: the cookie of RFC 3261 8.1.1.7, the identifier, and 8 digits that say what the request was, by which it
/// is known when it comes back to us (RFC 5393 4.2).
struct Branch {
  Identifier id;
  uint32_t loop_hash = 0;
};
std::string make_branch(const Branch& branch);
std::optional<Branch> parse_branch(std::string_view branch);

}  // namespace nearend::sip
