#include "router/callee_control.hpp"

#include "router/verbs.hpp"

namespace nearend::router {

Task<Result<void>> CalleeControl::answer() {
  co_return Result<void>();
}

Task<Result<void>> CalleeControl::reject(std::string) {
  co_return fail(Error::Kind::unsupported, "a callee that has answered cannot be rejected");
}

Task<Result<void>> CalleeControl::hangup() {
  party_.leg().end("SIP;cause=200;text=\"Hung up by the document\"");
  co_return Result<void>();
}

Task<call::PlayResult> CalleeControl::play(media::PlayRequest request) {
  auto result = co_await play_to(party_, std::move(request));
  co_return result;
}

Task<call::PlayResult> CalleeControl::pause(milliseconds length) {
  auto result = co_await pause_for(party_, loop_, length);
  co_return result;
}

Task<call::GatherResult> CalleeControl::gather(media::CollectRequest request) {
  auto result = co_await gather_from(party_, std::move(request));
  co_return result;
}

Task<call::RecordResult> CalleeControl::record(media::RecordRequest request) {
  auto result = co_await record_from(party_, std::move(request));
  co_return result;
}

Task<call::DialResult> CalleeControl::dial(call::DialRequest) {
  note_(0, "a document that runs on a callee cannot dial");
  co_return call::DialResult();
}

Task<Result<void>> CalleeControl::checkpoint(std::string, std::string, size_t, std::string) {
  co_return Result<void>();  // The caller's capsule says that the Dial runs; it would be run anew.
}

}  // namespace nearend::router
