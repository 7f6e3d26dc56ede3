#pragma once

#include <algorithm>
#include <string_view>

namespace nearend::media {

/// Names of files are ids that we made (threat TH25): letters, digits, - and _.
inline bool is_plain_name(std::string_view name) {
  return !name.empty() && name.size() <= 80 && std::ranges::all_of(name, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
  });
}

}  // namespace nearend::media
