#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace nearend::api {

/// How much of a recording is here.
struct RecordingIntake {
  uint64_t have = 0;
  bool is_complete = false;
  bool was_there = false;  ///< It was here as a whole before this piece came.
};

/// Takes a piece of `<directory>/<sid>.wav` that a gateway sends (docs/sip-profile.md). It is kept beside its place
/// until all `size` bytes are there; a piece that would leave a hole is not written, and the answer says where to go
/// on. The same piece twice is harmless. Errors: invalid (no SID, larger than can be), unavailable (disk).
Result<RecordingIntake> take_recording(const std::string& directory, std::string_view sid, uint64_t offset,
                                       uint64_t size, std::string_view bytes);

}  // namespace nearend::api
