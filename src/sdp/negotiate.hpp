#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.hpp"
#include "base/result.hpp"
#include "sdp/crypto.hpp"
#include "sdp/sdp.hpp"

namespace nearend::sdp {

/// A codec that we can do on a media line, with the payload type that we like for it.
struct Codec {
  std::string encoding = "PCMU";
  uint32_t clock_rate = 8000;
  uint8_t channels = 1;
  uint8_t payload_type = 0;
  std::string fmtp;
  bool operator==(const Codec&) const = default;
};
/// Ready-made ones.
Codec pcmu();
Codec pcma();
Codec opus(uint8_t payload_type = 111);
Codec telephone_event(uint8_t payload_type = 101, uint32_t clock_rate = 8000);

/// What we bring to one media line.
struct LocalMedia {
  std::string kind = "audio";
  std::string protocol = "RTP/AVP";
  Endpoint rtp;                               ///< Our address and port for this line. Port 0 rejects the line.
  std::optional<uint16_t> rtcp_port;          ///< Only when it is not rtp.port + 1.
  std::vector<Codec> codecs{pcmu(), pcma()};  ///< In order of preference; telephone-event among them.
  Direction direction = Direction::sendrecv;
  uint32_t ptime_ms = 20;
  bool is_rtcp_mux_possible = true;
  bool is_rtcp_mux_offered = false;
  /// Written after the others: keys, ICE, labels.
  std::vector<Attribute> attributes;
  /// SRTP by SDES (RFC 4568): our key for each suite that we do, best first, the tags from 1 on. With the protocol
  /// RTP/AVP they are offered beside plain RTP (RFC 8643), with RTP/SAVP there is nothing else. Empty: plain RTP only.
  std::vector<Crypto> crypto;
  std::string fingerprint;          ///< SRTP by DTLS (RFC 5763): our a=fingerprint. Empty: not possible.
  bool is_crypto_required = false;  ///< Without keys the line is refused, whatever its protocol.
  /// A line that is relayed, not ended here (video): formats and attributes come from this section, which is the far
  /// side's offer when we offer and its answer when we answer; addresses, ports, protocol and keys are ours. The far
  /// side's protocol only says whether there is feedback (RTP/AVPF, RTP/SAVPF).
  std::optional<Media> relayed;
};

/// Keys of both directions, of one suite.
struct AgreedCrypto {
  std::string suite, send, receive;
};

/// Whom we meet in DTLS, and who begins.
struct AgreedDtls {
  std::string fingerprint;
  bool is_client = false;  ///< We do.
};

/// What both sides agreed on for one media line, seen from us.
struct Agreed {
  std::string kind;
  bool is_accepted = false;
  bool is_relayed = false;
  Codec codec;                                                                 ///< Our name for it.
  uint8_t send_payload_type = 0;                                               ///< What the peer wants to receive.
  uint8_t receive_payload_type = 0;                                            ///< What the peer will send us.
  std::optional<uint8_t> send_event_payload_type, receive_event_payload_type;  ///< telephone-event (RFC 4733).
  uint32_t event_clock_rate = 8000;
  std::vector<Codec> alternatives;                  ///< All that both can do, the peer's payload types, best first.
  Direction direction = Direction::inactive;        ///< Ours: sendonly means that we send.
  std::optional<Endpoint> remote_rtp, remote_rtcp;  ///< Nothing while held with 0.0.0.0 or unresolvable.
  bool is_rtcp_mux = false;
  std::optional<AgreedCrypto> crypto;  ///< With neither this
  std::optional<AgreedDtls> dtls;      ///< nor this: plain RTP.
  uint32_t ptime_ms = 20;              ///< What we should send.
};

/// Whose order of codecs counts in an answer.
enum class Preference : uint8_t { ours, offerer };

/// The session's own words: kept a dialog long, so that o= keeps its id and its version grows only when something
/// changed.
class Speaker {
 public:
  /// `session_id` is any number below 2^63; `address` goes into o=.
  Speaker(uint64_t session_id, IpAddress address, std::string username = "-");

  /// An offer of our lines. Earlier lines keep their place: give a LocalMedia for each line there ever was (port 0 for
  /// ended ones).
  SessionDescription offer(const std::vector<LocalMedia>& lines);

  struct Answer {
    SessionDescription description;
    std::vector<Agreed> lines;   ///< One a media line of the offer.
    bool is_acceptable = false;  ///< False: no line was accepted; answer 488 rather than this.
  };
  /// Answers an offer. `lines[i]` answers the i-th m-line; missing ones are rejected with port 0 (RFC 3264 section 6).
  Answer answer(const SessionDescription& offer, const std::vector<LocalMedia>& lines,
                Preference preference = Preference::ours);

  /// The last description written, for session refreshes.
  const std::optional<SessionDescription>& last() const { return last_; }

 private:
  SessionDescription finish(SessionDescription description);

  Origin origin_;
  std::optional<SessionDescription> last_;
};

/// What the peer's answer makes of our offer. Errors: other number or kind of lines, no common codec on an accepted
/// line, keys that do not fit those offered, none where they are required.
Result<std::vector<Agreed>> accept_answer(const SessionDescription& our_offer, const std::vector<LocalMedia>& lines,
                                          const SessionDescription& answer);

/// Replaces addresses, ports and what reveals them (o=, c=, a=rtcp, candidates and ICE) in someone's description, to
/// pass it on by a back-to-back agent that relays every line. `lines` gives our endpoint a line; none or port 0 keeps
/// port 0.
SessionDescription readdressed(const SessionDescription& description, const std::vector<Endpoint>& lines,
                               const Origin& origin);

/// True where the line brings keys, in its description or by DTLS, that we could use.
bool has_keys(const Media& media);

/// True when the two describe the same codec: name without case, clock, channels, and fmtp where it parts codecs (G729
/// annexb is tolerated, H264 packetization-mode is not).
bool is_same_codec(const Codec& a, const Codec& b);

}  // namespace nearend::sdp
