#pragma once

#include "media/control.hpp"

namespace nearend::media {

/// Cuts a Matroska file of ours behind its last whole block and writes what is known only at the end. `size`: of the
/// file. Errors: malformed (no block in it), unavailable (the disk).
Result<milliseconds> end_film(int file, uint64_t size);

}  // namespace nearend::media
