#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "gateway/settings.hpp"
#include "media/control.hpp"
#include "sdp/negotiate.hpp"

namespace nearend::gateway {

/// Our addresses on one side of an anchor, a kind of stream each.
struct StreamAddress {
  media::StreamKind kind = media::StreamKind::audio;
  Endpoint address;
};

/// Which packets we take on this side besides those from the SDP's address.
struct SourcePolicy {
  std::vector<Cidr> also;
  bool is_learned = false;
  bool is_loopback_allowed = false;
};

/// True where the policy allows RTP.
bool may_be_plain(SrtpPolicy srtp);

/// The m-lines of an offer that we can carry, in order: audio over RTP or, as the policy has it, SRTP, and video in the
/// same way where allowed (F2). Second audio lines are not.
std::vector<media::StreamKind> streams_of(const sdp::SessionDescription& description, bool has_video,
                                          SrtpPolicy srtp = SrtpPolicy::off);

/// Why an offer without a line that we can carry is refused, in the operator's words.
std::string refusal_of(const sdp::SessionDescription& description, SrtpPolicy srtp);

/// What we say for a codec of the settings, its payload type aside: one of those we know by name, "PCMU" or "opus", or
/// any by name, clock rate and channels, "aptx/48000/2". Nothing for what is neither.
std::optional<sdp::Codec> codec_named(std::string_view name);
/// The same for all of them, each with a payload type of its own; what is no codec is left out.
std::vector<sdp::Codec> codecs_named(const std::vector<std::string>& names);

/// Offer and answer (RFC 3264) on one side of one leg: turns descriptions into media::Remote and back. Lines that we do
/// not carry are rejected; video lines are relayed with our addresses. A value of its leg.
class Negotiation {
 public:
  /// Before anything else; `session` is any number. `allowed`: all codecs that may be agreed on, best first.
  void begin(uint64_t session, std::vector<StreamAddress> streams,
             std::vector<sdp::Codec> allowed = {sdp::pcmu(), sdp::pcma()});
  bool has_begun() const { return speaker_ != nullptr; }
  /// Another media node is behind it: what is offered and answered from now on says its addresses (of the same streams)
  /// and its fingerprint, and new keys. Errors: internal (no random bytes).
  Result<void> readdress(const std::vector<StreamAddress>& streams, const std::string& fingerprint);
  /// Our side as it is now, as an offer whose answer is of no interest: what was agreed stays.
  std::string restate();
  /// The far end has moved as its restate() says. Errors: malformed.
  Result<void> follow(std::string_view description);

  /// New keys for what is offered and answered from now on, and forgets those that were agreed: once with each endpoint
  /// that is tried. Errors: internal (no random bytes).
  /// `fingerprint` is the media node's; errors too: unsupported (it has none and there must be one).
  Result<void> secure(SrtpPolicy policy, std::string fingerprint);
  /// True once keys were agreed.
  bool is_protected() const { return is_protected_; }

  /// Codecs that we like, best first: the other leg's, so that nothing has to be transcoded. Where the peer has one of
  /// them, one of them it is; else any that is allowed. None: G.711, the law the peer likes. telephone-event is added.
  void prefer(std::vector<sdp::Codec> codecs) { preferred_ = std::move(codecs); }

  /// Answers an offer. Errors: malformed (400), unsupported (488).
  /// `far_side` is what the leg's peer answered to the same lines: what it refused is refused here too.
  Result<std::string> answer(std::string_view offer, sdp::Direction direction = sdp::Direction::sendrecv,
                             const sdp::SessionDescription* far_side = nullptr);
  /// An offer; video lines are copied from `model` if given.
  std::string offer(const sdp::SessionDescription* model = nullptr,
                    sdp::Direction direction = sdp::Direction::sendrecv);
  /// The answer to our last offer.
  Result<void> accept(std::string_view answer);
  /// The same for a provisional answer: our offer stays out.
  Result<void> hear(std::string_view answer);
  bool is_offer_out() const { return offer_ != nullptr; }

  /// What was agreed, as the media node wants it, one entry a stream.
  std::vector<media::Remote> remotes(const SourcePolicy& policy) const;
  /// True when media flows in neither direction.
  bool is_inactive() const;
  /// The audio codecs that both sides can do, the one in use first; empty before the first agreement.
  const std::vector<sdp::Codec>& agreed_codecs() const { return agreed_codecs_; }
  /// The peer's last description as text.
  const std::string& theirs() const { return theirs_; }
  /// Our last description as text; empty when there is none.
  std::string ours() const;

 private:
  struct Line {
    std::optional<size_t> stream;  // index into streams_; none: a line that we reject
    bool is_sending = false, is_receiving = false, is_mux = false, is_used = false;
    bool wants_voip_metrics = false, wants_reference_time = false;
    Endpoint rtp, rtcp;
    std::optional<media::SrtpKeys> srtp;
    std::optional<media::DtlsPeer> dtls;
    uint32_t ptime_ms = 20;
    std::vector<media::Format> formats;
  };
  struct Offered {
    sdp::SessionDescription description;
    std::vector<sdp::LocalMedia> lines;
  };
  bool must_be_protected() const { return !may_be_plain(srtp_); }
  enum class Use : uint8_t { answer, offer };
  std::vector<sdp::LocalMedia> lines_for(const sdp::SessionDescription& description, Use use, sdp::Direction direction,
                                         const sdp::SessionDescription* far_side = nullptr);
  sdp::LocalMedia audio_line(size_t stream, sdp::Direction direction, const sdp::Media* offered) const;
  std::vector<sdp::Codec> liked() const;
  sdp::LocalMedia relayed_line(const sdp::Media& section, size_t stream, sdp::Direction direction) const;
  void protect(sdp::LocalMedia& line, size_t stream) const;
  void learn(const std::vector<sdp::Agreed>& agreed, const sdp::SessionDescription& theirs);

  std::vector<StreamAddress> streams_;
  std::vector<Line> lines_;
  std::vector<sdp::Codec> allowed_{sdp::pcmu(), sdp::pcma()};
  std::vector<sdp::Codec> preferred_;
  std::vector<sdp::Codec> agreed_codecs_;
  SrtpPolicy srtp_ = SrtpPolicy::off;
  bool is_protected_ = false;
  std::string profile_, fingerprint_;             ///< Of the lines that are protected; of our certificate.
  std::vector<std::vector<sdp::Crypto>> crypto_;  ///< A set a stream: no two share a key.
  std::unique_ptr<sdp::Speaker> speaker_;         // apart: most legs speak on one side only
  std::unique_ptr<Offered> offer_;                // while our offer is out
  std::string theirs_;
};

}  // namespace nearend::gateway
