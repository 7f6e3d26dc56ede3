#pragma once

#include "media/clip.hpp"
#include "media/control.hpp"

namespace nearend::media {

/// Turns a URL, a file or a text into sound. Runs on the control's loop; slow work goes elsewhere.
class SourceLoader {
 public:
  virtual ~SourceLoader() = default;
  /// The sound if it is at hand right now, otherwise null.
  virtual ClipPtr cached(const Source& source) = 0;
  /// Errors: not_found, refused, timeout, unavailable (fetching), malformed, unsupported (what came).
  virtual Task<Result<ClipPtr>> load(Source source) = 0;
};

}  // namespace nearend::media
