#pragma once

#include <array>
#include <memory>
#include <vector>

#include "codec/comfort_noise.hpp"
#include "codec/stream_decoder.hpp"
#include "codec/stream_encoder.hpp"
#include "flow/flow_table.hpp"
#include "media/early_packets.hpp"
#include "media/film_show.hpp"
#include "media/film_tap.hpp"
#include "media/formats.hpp"
#include "media/jobs.hpp"
#include "media/moved_frames.hpp"
#include "media/protection.hpp"
#include "media/room.hpp"
#include "media/source_gate.hpp"
#include "media/wire_tap.hpp"
#include "rtp/continuity.hpp"
#include "rtp/receiver.hpp"
#include "rtp/rtcp.hpp"
#include "rtp/telephone_event.hpp"

namespace nearend::media {

/// What the adapter calls one of its sockets; the engine only hands it back.
using Socket = uint32_t;

/// Counters of one side of one stream.
struct PortCounters {
  uint64_t packets_in = 0, octets_in = 0, packets_out = 0, octets_out = 0;
  uint64_t late = 0, dropped_source = 0, dropped_malformed = 0, dropped_format = 0, ssrc_changes = 0;
  uint64_t dropped_srtp = 0;
  uint64_t discarded = 0, concealed_ms = 0, recovered_ms = 0;  ///< By buffers and decoders that have gone.
  int64_t lost_before = 0;                                     ///< Of sources that have gone.
};

/// The counters at the last look, so that figures tell what has come since; modulo 2^32.
struct PortSeen {
  uint32_t packets_in = 0, packets_out = 0, late = 0, lost = 0;
  float packets_a_second = 0;  ///< In and out, that crossed the media thread.
  uint32_t out_at_report = 0;  ///< packets_out when the far end last told what it had of us.
};

/// The telephone event that a far end is hearing from us, so that a switch of source never leaves a key pressed.
struct OpenEvent {
  bool is_open = false;
  uint64_t source = 0;
  uint32_t timestamp_in = 0, timestamp_out = 0;
  uint8_t payload_type = 0;
  rtp::EventPayload last;
  io::Instant begun{}, heard{};
  std::optional<io::Instant> finish_by;  ///< Set when its source was left: the end is made up then.
};

/// What feeds an endpoint.
struct Feed {
  Path::Kind kind = Path::Kind::idle;
  AnchorId peer = AnchorId::none;
  bool operator==(const Feed&) const = default;
  /// To somebody at another address, packet by packet.
  bool is_passed_on() const { return kind == Path::Kind::inner || kind == Path::Kind::bridge; }
};

/// Where an event that the far end is sending goes: all its packets to one place, also across a move.
struct EventRoute {
  bool has_begun = false;
  uint32_t timestamp = 0;
  Feed feed;
};

/// The far end before the last set_remote, accepted until the new one has proven itself.
struct PreviousRemote {
  SourceGate gate;
  uint64_t source = 0;
  bool is_superseded = false;
  bool is_fed = false;  ///< Our packets still go there too.
  io::Instant since{};  ///< It was replaced.
  io::Instant accepted_until{}, kept_until{};
};

/// One port of an anchor.
struct PortOf {
  uint8_t stream = 0;
  Side side = Side::outer;
};

/// What a port's packets do while the kernel relays them.
struct LentFlow {
  AnchorId target = AnchorId::none;
  PortOf to;
  io::Instant since{};
  flow::Passed seen;  ///< Up to here our own figures have it.
};

/// The codecs at work on a port, made with the first packet that needs one: what its far end says as samples, and
/// samples as what its far end understands.
struct PortAudio {
  std::unique_ptr<codec::StreamDecoder> ear;
  Codec ear_codec;
  uint64_t ear_source = 0;
  uint32_t ear_other_rate = 8000;             ///< What is made of the samples can hear so much.
  std::optional<codec::Resampler> to_narrow;  ///< For recorders and detectors.

  std::unique_ptr<codec::StreamEncoder> voice;
  Codec voice_codec;
  uint64_t voice_source = 0;  ///< Whose samples it speaks.
  uint16_t voice_ptime_ms = 20;
  uint32_t event_in = 0, event_out = 0;  ///< Timestamps of the last event of that source.
  bool has_event = false;

  codec::ComfortNoise noise;  ///< What its far end hears while the source pauses and it does not know CN.
  std::optional<io::Instant> pausing_since;  ///< Holds until something of the source is sent again.
};

/// One side of one stream: what it accepts, the stream that its far end sees, and what is known about both.
struct Port {
  Port(uint32_t ssrc, uint16_t sequence, uint32_t timestamp) : out(ssrc, sequence, timestamp) {}

  Socket rtp_socket = 0, rtcp_socket = 0;
  SourceGate gate;
  std::unique_ptr<PreviousRemote> previous;
  std::unique_ptr<LentFlow> lent;          ///< The kernel relays what comes in here.
  std::unique_ptr<Protection> protection;  ///< SRTP; null where the far end speaks RTP.
  std::unique_ptr<PortAudio> audio;        ///< Null where nothing had to be coded yet.
  WireTaps* wire_taps = nullptr;           ///< The anchor's.
  PortOf place;
  bool is_bare = true;  ///< Neither of them: what comes and goes is RTP for nobody else. See set_bare().
  CodecList codecs;
  bool has_remote = false, may_send = true, may_receive = true, has_first_packet = false, is_opaque = false;
  uint16_t ptime_ms = 20;

  uint64_t source = 0;  ///< Identity of what arrives now; another after each change of remote, SSRC or numbering.
  uint64_t fed_by = 0;  ///< Opaque streams: the source whose pictures go out here.
  uint32_t remote_ssrc = 0;
  uint32_t clock_rate = 8000;
  rtp::Receiver receiver;
  rtp::EventDetector digits;
  EventRoute event_route;

  rtp::Continuity out;
  OpenEvent event;
  uint64_t packets_at_report = 0;
  io::Instant next_report{};
  uint32_t sr_received_middle = 0;  ///< LSR to give back.
  io::Instant sr_received_at{};
  SenderClock sender_clock;
  std::optional<float> rtt_ms, remote_loss;
  io::Instant reported{};              ///< Our last report.
  bool is_report_wanted = false;       ///< The far end has asked for one.
  std::optional<uint32_t> sent_at_sr;  ///< What the far end's last sender report said it had sent,
  uint32_t in_at_sr = 0;               ///< and our packets_in then.
  uint32_t sent_between = 0;           ///< See LegSecond.
  int32_t missing_between = 0;
  bool is_rtt_new = false, is_remote_loss_new = false;  ///< Since the last second that was told.
  uint8_t remote_score10 = 0;           ///< What the far end says of our speech, times ten; 0: nothing.
  uint32_t reference_received = 0;      ///< Middle bits of the far end's receiver reference time (RFC 3611 4.4),
  io::Instant reference_received_at{};  ///< to be answered with the next report.
  bool wants_voip_metrics = false, wants_reference_time = false;
  uint32_t codec_hash = 0;  ///< Of the first agreed codec's name.
  PortCounters counters;
  PortSeen seen;

  void set_bare() { is_bare = !protection && !wire_taps; }
  /// Who speaks to it has said that he pauses, and has not gone on.
  bool is_in_pause() const { return audio && audio->pausing_since && out.last_sent() <= *audio->pausing_since; }
  /// Which of two remotes our packet goes to while one replaces the other: speech to both, a key to where its first
  /// packet went.
  enum class Reach : uint8_t { both, now, before };
  Reach reach = Reach::both;

  /// Plain speech to or from one known far end.
  bool is_relayable() const { return has_remote && !is_opaque && !previous && is_bare; }
};

struct Stream {
  StreamKind kind;
  Port outer;
  std::unique_ptr<Port> inner;  ///< Null where the leg's only side is its outer one: a port is a kilobyte.
  /// Null: it has none there.
  Port* find(Side side) { return side == Side::outer ? &outer : inner.get(); }
  /// Those that it has.
  struct Ports {
    std::array<Port*, 2> all;
    Port** begin() { return all.data(); }
    Port** end() { return all.data() + (all[1] ? 2 : 1); }
  };
  Ports ports() { return {{&outer, inner.get()}}; }
  std::vector<Socket> sockets() const {
    std::vector<Socket> all{outer.rtp_socket, outer.rtcp_socket};
    if (inner) all.insert(all.end(), {inner->rtp_socket, inner->rtcp_socket});
    return all;
  }
};

/// A change of feed under way: both old and new are taken, then only new, then the report is made.
struct Move {
  Feed old;
  bool is_switched = false;    ///< The new feed has delivered, or the deadline has passed.
  bool is_old_remote = false;  ///< Old and new are the inner side's two remotes rather than two feeds.
  milliseconds overlap{250};
  io::Instant switch_by{}, report_at{};
  io::Instant last_sent{};
  std::chrono::nanoseconds longest_pause{0};
  MoveReport report;
  MovedFrames frames;
  bool has_entered = false;  ///< A frame of the new path was heard.
  bool was_out = false;      ///< The far ends talked to each other: nobody waited for packets from here.
  io::Instant old_spoke{};   ///< The last time that the old feed brought more than noise.
};

/// The media of one leg.
struct Anchor {
  AnchorId id = AnchorId::none;
  bool has_comfort_noise = false;  ///< From the first connect on.
  bool is_active = false;          ///< On the list that the 20 ms tick walks.
  bool is_silent = false;
  bool is_out = false;  ///< Of the media: the far ends talk to each other.
  Feed feed;
  std::unique_ptr<Move> move;
  std::unique_ptr<MovedFrames> lately;  ///< What was heard in the last move and since, as long as an old path may live.
  io::Instant lately_until{};
  std::vector<Stream> streams;  ///< Fixed once made.
  milliseconds silence_after{0};
  io::Instant last_heard{};
  io::Instant observed{};   ///< When its figures were last told.
  uint64_t own_source = 0;  ///< Identity of what we make ourselves: noise, prompts.
  uint32_t own_frames = 0;  ///< Frames made; their number is sequence and time.
  uint32_t own_event_timestamp = 0;
  io::Instant feed_since{};
  std::unique_ptr<AnchorJobs> jobs;
  std::unique_ptr<Chair> chair;  ///< In a room, while that is the feed.
  std::unique_ptr<WireTaps> wire_taps;
  std::unique_ptr<FilmShow> show;  ///< From the first film on.
  uint8_t lent = 0;                ///< Ports whose packets the kernel relays.
  milliseconds lent_pause{200};
  io::Instant lent_again_at{};
  std::unique_ptr<EarlyPackets> early;  ///< Until the first path that has somebody at the other end.
};

}  // namespace nearend::media
