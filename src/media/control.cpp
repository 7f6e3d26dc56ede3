#include "media/control.hpp"

namespace nearend::media {

Task<Result<std::vector<LegSecond>>> Control::seconds() {
  co_return fail(Error::Kind::unsupported, "this media node counts no seconds");
}

Task<Result<JobId>> Control::tap(AnchorId, TapRequest) {
  co_return fail(Error::Kind::unsupported, "this media node taps nothing");
}

Task<Result<std::string>> Control::capture(AnchorId, JobId) {
  co_return fail(Error::Kind::unsupported, "this media node taps nothing");
}

Task<Result<JobId>> Control::listen(AnchorId, ListenRequest) {
  co_return fail(Error::Kind::unsupported, "this media node listens to nothing");
}

Task<Result<JobId>> Control::stream(AnchorId, StreamRequest) {
  co_return fail(Error::Kind::unsupported, "this media node streams nothing");
}

Task<Result<void>> Control::change(AnchorId, JobId, JobChange) {
  co_return fail(Error::Kind::unsupported, "this media node changes no jobs");
}

}  // namespace nearend::media
