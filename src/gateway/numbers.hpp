#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "gateway/settings.hpp"
#include "sip/uri.hpp"

namespace nearend::gateway {

/// Finds whom a called address belongs to (M09): exact number, longest prefix, SIP address, SIP domain. Any thread once
/// made.
class Numbers {
 public:
  explicit Numbers(const std::vector<NumberEntry>& entries);
  /// Null when nobody has it. The entry lives as long as this.
  const NumberEntry* find(const sip::Uri& called) const;

 private:
  using Index = std::unordered_map<std::string, size_t>;
  const NumberEntry* at(const Index& index, const std::string& key) const;

  std::vector<NumberEntry> entries_;
  Index numbers_, prefixes_, addresses_, domains_;
  size_t prefix_length_max_ = 0;
};

/// The digits of a number as they are compared: blanks, dots, dashes and brackets taken out, a leading '+' kept.
std::string plain_number(std::string_view number);

}  // namespace nearend::gateway
