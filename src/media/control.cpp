#include "media/control.hpp"

namespace nearend::media {

Task<Result<JobId>> Control::tap(AnchorId, TapRequest) {
  co_return fail(Error::Kind::unsupported, "this media node taps nothing");
}

Task<Result<std::string>> Control::capture(AnchorId, JobId) {
  co_return fail(Error::Kind::unsupported, "this media node taps nothing");
}

}  // namespace nearend::media
