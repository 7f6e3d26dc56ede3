#include "gateway/numbers.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace nearend::gateway {

std::string plain_number(std::string_view number) {
  std::string plain;
  for (char c : number)
    if ((c >= '0' && c <= '9') || (c == '+' && plain.empty()) || c == '*' || c == '#')
      plain += c;
    else if (c != ' ' && c != '-' && c != '.' && c != '(' && c != ')')
      return std::string(number);
  return plain;
}

Numbers::Numbers(const std::vector<NumberEntry>& entries) : entries_(entries) {
  for (size_t i = 0; i < entries_.size(); ++i) {
    const NumberEntry& entry = entries_[i];
    switch (entry.match) {
      case NumberEntry::Match::number:
        numbers_.emplace(plain_number(entry.value), i);
        break;
      case NumberEntry::Match::prefix:
        prefixes_.emplace(plain_number(entry.value), i);
        prefix_length_max_ = std::max(prefix_length_max_, entry.value.size());
        break;
      case NumberEntry::Match::sip_address:
        addresses_.emplace(to_lower(entry.value), i);
        break;
      case NumberEntry::Match::sip_domain:
        domains_.emplace(to_lower(entry.value), i);
        break;
    }
  }
}

const NumberEntry* Numbers::at(const Index& index, const std::string& key) const {
  const auto found = index.find(key);
  return found == index.end() ? nullptr : &entries_[found->second];
}

const NumberEntry* Numbers::find(const sip::Uri& called) const {
  std::string number = plain_number(called.user);
  if (const NumberEntry* entry = at(numbers_, number)) return entry;
  for (size_t length = std::min(prefix_length_max_, number.size()); length > 0; --length)
    if (const NumberEntry* entry = at(prefixes_, number.substr(0, length))) return entry;
  if (!called.is_sip()) return nullptr;
  const std::string host = to_lower(called.host);
  if (const NumberEntry* entry = at(addresses_, to_lower(called.user) + "@" + host)) return entry;
  return at(domains_, host);
}

}  // namespace nearend::gateway
