#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace nearend::api {

inline constexpr uint64_t recording_size_max = 512ull * 1024 * 1024;

/// The bytes of `<directory>/<sid>.wav`. Only names that are recording SIDs are opened, relative to the directory and
/// never through a link (threat TH25). Errors: not_found, unavailable (too large, cannot be read).
Result<std::string> read_recording(const std::string& directory, std::string_view sid);

}  // namespace nearend::api
