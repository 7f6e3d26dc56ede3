#pragma once

#include <filesystem>
#include <string_view>

#include "base/result.hpp"

namespace nearend::lab {

/// Writes a report as one HTML file that needs nothing else: the heading, the body as it is, and the reports' common
/// look with `more_style` behind it. Makes the directory.
Result<void> write_page(const std::filesystem::path& file, std::string_view heading, std::string_view body,
                        std::string_view more_style = {});

}  // namespace nearend::lab
