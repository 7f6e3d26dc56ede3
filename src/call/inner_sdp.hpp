#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "media/control.hpp"
#include "sdp/sdp.hpp"

namespace nearend::call {

/// Writes the descriptions that one dialog between router and gateway says: its origin stays, its version grows when
/// the words change (RFC 3264 section 8). Every description has as many m-lines as `theirs`, the peer's latest one.
/// Plain value, one dialog each.
class LinkSpeaker {
 public:
  LinkSpeaker(uint64_t session_id, IpAddress address);

  /// Nobody's media: every line inactive, port 9.
  std::string idle(const sdp::SessionDescription& theirs);
  /// Our media node's anchor: audio with those of their G.711 formats and telephone-events; other lines are rejected.
  /// Error: unsupported when no audio line with G.711 is there.
  Result<std::string> node(const sdp::SessionDescription& theirs, const media::AnchorInfo& anchor);
  /// Another gateway's inner side, passed on.
  std::string passed_on(sdp::SessionDescription other);

 private:
  std::string finish(sdp::SessionDescription description);

  sdp::Origin origin_;
  std::string last_;
};

/// Where a gateway's inner side listens and what it takes, one for each audio line, for media::Control::set_remote of
/// our node's anchor. Lines without an address are left out.
std::vector<media::Remote> remotes_of(const sdp::SessionDescription& theirs);

}  // namespace nearend::call
