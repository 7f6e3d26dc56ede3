#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/ip.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "srtp/suite.hpp"

namespace nearend::media {

using std::chrono::milliseconds;

/// An anchor: the media addresses held for one leg, on one media node. It has an outer side, towards the endpoint (or, on a
/// router's media node, towards the gateway), and an inner side, towards whatever the leg is joined to at a distance.
/// A handle with a generation: one that outlived its anchor is refused.
enum class AnchorId : uint64_t { none = 0 };
/// A player, recorder or collector at work on an anchor.
enum class JobId : uint64_t { none = 0 };

enum class Side : uint8_t { outer, inner };

/// One payload format of a stream, as negotiated. `name` is the rtpmap encoding name: "PCMU", "PCMA", "telephone-event", "CN", "VP8".
struct Format {
  uint8_t payload_type = 0;
  std::string name = "PCMU";
  uint32_t clock_rate = 8000;
  uint8_t channels = 1;
  std::string fmtp;                        ///< As in SDP, without the payload type: "useinbandfec=1".
};

/// Kind of an m-line; each has its own ports and its own path.
enum class StreamKind : uint8_t { audio, video, screen, text };

/// Where an anchor listens. Ports are even for RTP; RTCP is on port + 1 or, by RFC 5761, on the same.
struct AnchorInfo {
  AnchorId id = AnchorId::none;
  struct StreamPorts {
    StreamKind kind = StreamKind::audio;
    Endpoint outer;                        ///< Advertised address and port for the endpoint's SDP.
    Endpoint inner;                        ///< The same towards gateways and routers; port 0 without an inner side.
  };
  std::vector<StreamPorts> streams;
  std::string fingerprint;                 ///< Of the node's certificate, for a=fingerprint; empty: the node does no DTLS.
  std::string node;                        ///< Which node it is on: its URL; empty: the one in this process.
};

/// Which packets a side accepts (reliability.md, decision 4). Anything else is dropped and counted.
struct SourceRule {
  enum class Mode : uint8_t {
    strict,                                ///< Only from `remote` (providers and platform peers) or from `also`.
    learn,                                 ///< NAT: learn once within 2 s and 5 packets, prefer `remote`, then lock.
  };
  Mode mode = Mode::strict;
  std::vector<Cidr> also;                  ///< The provider's media networks.
};

/// Keys of SRTP as the session descriptions agreed on them (SDES, RFC 4568); both of one suite.
struct SrtpKeys {
  srtp::MasterKey send;                    ///< Ours: never one that another stream or an earlier leg has used.
  srtp::MasterKey receive;                 ///< The far end's.
  bool operator==(const SrtpKeys&) const = default;
};

/// Keys of SRTP that are agreed on the media path itself (DTLS-SRTP, RFC 5763). RTCP is exchanged only on the same port.
struct DtlsPeer {
  std::string fingerprint;                 ///< The far end's a=fingerprint: "sha-256 AB:CD:…".
  bool is_client = false;                  ///< We begin: our a=setup is active.
  bool operator==(const DtlsPeer&) const = default;
};

/// The far end of one side of one stream: where we send and what we accept.
struct Remote {
  size_t stream = 0;                       ///< Index into AnchorInfo::streams.
  Endpoint rtp;                            ///< Port 0: nothing is sent (held, rejected, not known yet).
  std::optional<Endpoint> rtcp;            ///< Default: port + 1.
  bool is_rtcp_mux = false;
  std::vector<Format> formats;             ///< In order of preference; the first audio one is what we send when we make media.
  bool may_send = true;                    ///< We may send to it (its direction includes recv).
  bool may_receive = true;                 ///< It may send to us; false stops the silence watch (hold).
  milliseconds ptime{20};
  SourceRule source;
  std::optional<SrtpKeys> srtp;            ///< With keys nothing leaves and nothing is taken that is not protected by them.
  std::optional<DtlsPeer> dtls;            ///< Instead of keys: nothing leaves and nothing is taken before they are agreed.
  bool wants_voip_metrics = false;         ///< Its a=rtcp-xr asks for what we hear of it (RFC 3611 5),
  bool wants_reference_time = false;       ///< and for receiver reference times.
};

/// What feeds the endpoint behind an anchor's outer side, and where its own media goes.
struct Path {
  enum class Kind : uint8_t {
    idle,                                  ///< Comfort noise to the endpoint when has_comfort_noise, its media is dropped (and still watched, collected).
    inner,                                 ///< Outer <-> inner side: to the router's media node or to another gateway.
    bridge,                                ///< Outer of this <-> outer of `peer`, same node: hairpin, no inner packets at all.
    room,                                  ///< Outer <-> a conference room of the node; entered by seat(), left by connect().
  };
  Kind kind = Kind::idle;
  AnchorId peer = AnchorId::none;          ///< For bridge. The peer's path is set by the same command.
  bool has_comfort_noise = true;
  /// Make before break: the old path stays until the new one brings a frame that the old one has not brought, at most
  /// this long, and both are alive for `overlap` more: the paths' difference and 100 ms. The first arrival of a frame wins.
  milliseconds prove_within{100};
  milliseconds overlap{250};
};

/// A leg's place in a conference room of its node, where it hears all others and not itself.
struct Seat {
  std::string room;                        ///< Any name; the first leg makes the room, the last takes it away. Empty: leaves.
  bool is_muted = false;                   ///< Is not heard.
  bool is_held = false;                    ///< Neither hears nor is heard; it hears what is played to it.
  AnchorId coached = AnchorId::none;       ///< Hears the room and is heard by this leg alone; none: by all.
  bool has_beep_in = false;                ///< All hear a beep when it comes,
  bool has_beep_out = false;               ///< and when it goes.
};

/// What an anchor is asked to hold.
struct AllocateRequest {
  std::string call;                        ///< Call SID, for logs and pcap.
  std::string leg;                         ///< Leg id; also the idempotency key: the same leg gives the same anchor.
  std::vector<StreamKind> streams{StreamKind::audio};
  std::vector<std::string> needs;          ///< "play", "record", "tts", "collect", "bridge", "mix"; refused when the node lacks one.
  IpAddress::Family outer_family = IpAddress::Family::v4;
  bool has_inner = true;                   ///< False on a node where the leg's only side is its outer one.
  std::chrono::seconds lease{120};         ///< Renewed by every command and by renew(); 0: none (in-process).
  /// What is known already, as set_remote() and connect() would tell it afterwards: a round trip each is saved. Refused as a whole.
  std::vector<Remote> outer_remotes;
  std::optional<Path> path;
  std::vector<std::string> wants;          ///< As needs, but only preferred where there are several nodes to choose from.
};

/// What happened on a move; kept in the call's record.
struct MoveReport {
  double gap_ms = 0;                       ///< Longest pause towards the endpoint beyond one frame.
  uint32_t lost = 0;
  uint32_t doubled = 0;
  bool was_proven = false;                 ///< False: switched at the deadline, no packet had come.
};

/// One thing to be heard.
struct Source {
  enum class Kind : uint8_t { url, file, speech, tone, silence, digits };
  Kind kind = Kind::url;
  std::string value;                       ///< URL, file name, text, tone name ("ringback/us", "busy/us", "beep"), digits with w and W.
  std::string voice = "man";               ///< speech
  std::string language = "en-US";          ///< speech
  uint32_t loop = 1;                       ///< 0: until stopped, 1000 at most.
  milliseconds length{0};                  ///< silence; tone: 0 is until stopped
  milliseconds offset{0};                  ///< url, file, speech: where in it the first round begins.
};

struct PlayRequest {
  std::vector<Source> sources;             ///< One after another without a gap.
  bool is_stopped_by_digit = false;
  bool is_yielding = false;                ///< Ends when the leg's path brings somebody's first packet: ring-back.
  bool is_queued = false;                  ///< Begins when what the leg hears now has ended, instead of ending it.
  double volume_db = 0;                    ///< -60 to 20.
};
/// How a recording is kept. Matroska: with the legs' pictures.
enum class FileFormat : uint8_t { wav, mp3, ogg_opus, matroska };
struct RecordRequest {
  std::vector<AnchorId> legs;              ///< One: mono of what the endpoint says. Two with `is_dual`: a channel each; else mixed.
  bool is_dual = false;
  std::string path_hint;                   ///< Recording SID: the file is `<recordings>/<sid>.wav`, or .mp3, .ogg, .mkv.
  FileFormat format = FileFormat::wav;
  std::optional<std::chrono::seconds> silence_timeout;  ///< Ends the recording; no effect while no RTP arrives at all.
  std::string finish_on_digits;            ///< Any of these ends it.
  std::chrono::seconds length_max{3600};
  bool has_beep = false;
  bool is_silence_trimmed = false;
};
/// By what it is judged who answered a call: a person says a word and waits, a machine goes on.
struct AnswerRules {
  bool waits_for_end = false;              ///< A machine is told when its greeting has ended, not at once.
  milliseconds timeout{30'000};            ///< 3 to 60 s.
  milliseconds speech_threshold{2400};     ///< 1 to 6 s: who speaks longer is a machine.
  milliseconds speech_end{1200};           ///< 0.5 to 5 s: silence that ends what is said.
  milliseconds silence_timeout{5000};      ///< 2 to 10 s: nothing is said at all.
};
/// Watching what the endpoint says: speech, pauses, an answering machine's beep.
struct ListenRequest {
  milliseconds pause{700};                 ///< Silence that ends a stretch of speech.
  milliseconds length_max{60'000};
  /// Judges who answered and ends with the verdict; `pause` and `length_max` are what these say.
  std::optional<AnswerRules> answer;
};
/// A leg's sound over a WebSocket to and from an engine elsewhere (docs/media-control.md, "Streams").
struct StreamRequest {
  enum class Direction : uint8_t { from_leg, to_leg, both };
  std::string url;                         ///< ws or wss.
  Direction direction = Direction::both;
  uint32_t rate = 8000;                    ///< 8000, 16000 or 24000; linear, 16 bits, low byte first.
};
/// What a job at work is to do otherwise; what is left out stays.
struct JobChange {
  std::optional<bool> is_paused;           ///< Recorder: nothing that is said meanwhile is kept. Player: it waits in silence.
  std::optional<double> volume_db;         ///< Player.
  bool is_gap_silent = false;              ///< With is_paused: the pause is in the recording, as silence; else it is left out.
};
struct CollectRequest {
  uint32_t digits_max = 0;                 ///< 0: no limit.
  std::string finish_on_digits = "#";
  std::chrono::milliseconds timeout{5000}; ///< Counted from the end of `prompt` or from the last digit.
  std::chrono::milliseconds first_timeout{0};  ///< Until the first digit or word, instead; 0: as `timeout`.
  /// The endpoint may also speak: told as by listen(), interrupts the prompt, and a silence this long after it ends the input.
  std::optional<std::chrono::milliseconds> speech_timeout;
  PlayRequest prompt;                      ///< Interrupted by the first digit.
};

/// A copy of a leg's packets: forked as RTP to somebody else, or kept for a look at what went wrong. SRTP is taken off.
struct TapRequest {
  Endpoint in;                             ///< Where what the endpoint says goes as well; port 0: nowhere.
  Endpoint out;                            ///< The same of what it hears.
  uint32_t capture_bytes = 0;              ///< Keeps so much of the newest packets, all streams and sides and their RTCP.
  bool is_as_on_line = false;              ///< The capture holds SRTP where the line does.
};
inline constexpr uint32_t capture_bytes_min = 64 << 10, capture_bytes_max = 4 << 20;

/// What a node tells about its anchors, in order per anchor.
namespace event {
struct Digit { char digit = '0'; milliseconds length{0}; bool is_in_band = false; };
struct PlayEnded {
  JobId job; bool was_stopped = false; std::optional<Error> error; milliseconds played{0};
  uint32_t source = 0;                     ///< Index of the one that was being heard, or failed; their number: all were.
  milliseconds position{0};                ///< In it, in its last round.
  /// Of a film's pictures: "shown", or "unseen" where the leg has no line for pictures or none of their codec; empty: it had none.
  std::string pictures;
};
struct RecordEnded {
  JobId job; std::string reason;           ///< "silence", "digit", "length", "stopped", "hangup", "disk-full", "error"
  std::string digits; milliseconds length{0}; std::string file; bool is_partial = false; uint8_t channels = 1;
};
struct CollectEnded {
  JobId job; std::string digits; std::string finished_on; bool is_timeout = false;
  bool has_speech = false;                 ///< It was speech that ended it.
};
struct StreamEnded {
  JobId job;
  std::string reason;                      ///< "stopped", "peer", "refused" (never open), "lost", "replaced" (by a play), "hangup"
  std::string text;                        ///< What the far end or the system said.
  milliseconds heard{0}, spoken{0};        ///< Sent to the peer; heard by the leg.
  milliseconds dropped{0};                 ///< In both directions, since somebody was too slow or too fast.
};
/// Of a listen, or of a collect that may be answered by speech. Times are since it began.
struct SpeechStarted { JobId job; milliseconds at{0}; };
struct SpeechEnded { JobId job; milliseconds at{0}; milliseconds length{0}; };
/// One steady tone, 100 ms to 2.5 s, that has ended.
struct Beep { JobId job; milliseconds at{0}; milliseconds length{0}; uint32_t hz = 0; };
struct ListenEnded {
  JobId job; bool was_stopped = false;
  milliseconds length{0}; milliseconds initial_silence{0};
  milliseconds greeting{0};                ///< From the first word to the last.
  milliseconds silence_after{0};           ///< Since the last word.
  uint32_t stretches = 0; uint32_t beeps = 0;
  /// Where it was to be judged: "human", "machine_start", "machine_end_beep", "machine_end_silence", "machine_end_other" (its
  /// greeting did not end in time), "fax", "unknown".
  std::string answered_by;
};
struct Moved { MoveReport report; Path::Kind kind = Path::Kind::idle; };
/// The first valid packet from the endpoint, or from the inner side, since the remote was set.
struct FirstPacket { Side side = Side::outer; };
/// No RTP, RTCP or comfort noise from the endpoint for the watch's time; told once until packets return.
struct Silent { milliseconds since{0}; };
struct Resumed {};
/// The leg is the one that its room hears now, the loudest that speaks; or is so no more.
struct Speaker { std::string room; bool is_speaking = false; };
/// The anchor is gone: lease over, node lost; and how long ago its node was last heard of.
struct Lost { std::string reason; milliseconds since{0}; };
/// Of no anchor: a recording that an earlier life of the node did not end is whole now, and can be read.
struct RecordingRecovered { std::string name; std::string file; milliseconds length{0}; };
}  // namespace event
using Event = std::variant<event::Digit, event::PlayEnded, event::RecordEnded, event::CollectEnded, event::Moved,
                           event::FirstPacket, event::Silent, event::Resumed, event::Speaker, event::Lost,
                           event::RecordingRecovered, event::SpeechStarted, event::SpeechEnded, event::Beep, event::ListenEnded,
                           event::StreamEnded>;

/// Figures of one side of one stream; from our own counters and the peer's RTCP (RFC 3550).
struct StreamStats {
  Side side = Side::outer;
  StreamKind kind = StreamKind::audio;
  uint64_t packets_in = 0, octets_in = 0, packets_out = 0, octets_out = 0;
  uint64_t lost = 0, late = 0, dropped_source = 0, dropped_malformed = 0;
  uint64_t dropped_srtp = 0;               ///< Not authenticated by the keys, or seen before.
  uint64_t discarded = 0;                  ///< Came too late for the jitter buffer, or there was no room.
  uint64_t concealed_ms = 0;               ///< Of decoded media: stood in for what was lost or late,
  uint64_t recovered_ms = 0;               ///< and what a later packet brought back (FEC).
  std::optional<double> buffer_ms;         ///< How long the jitter buffer holds what comes; none without one.
  double jitter_ms = 0;
  std::optional<double> rtt_ms;            ///< From LSR and DLSR.
  std::optional<double> remote_loss;       ///< Fraction the peer reports.
  std::optional<double> remote_score;      ///< Opinion score that the peer reports of what it hears from us (RFC 3611 4.7).
  std::string codec;                       ///< First of those agreed on: "PCMU"; empty: none.
  std::string tier;                        ///< What relays what comes in: "kernel", "range", "sockets", "processing".
  double cpu_percent = 0;                  ///< Of one core: the media thread's, by packets.
};

/// What one side of a leg's speech met in the last second that it was looked at. Small, and of all legs at once: for whoever
/// watches the ways that media takes.
struct LegSecond {
  AnchorId anchor = AnchorId::none;
  Side side = Side::outer;
  uint32_t packets = 0;                    ///< That should have come in,
  uint32_t lost = 0, late = 0;             ///< and of them those that did not, or after one that was sent later.
  float jitter_ms = 0;
  float rtt_ms = 0;                        ///< By RTCP that came in this second; 0: none did.
  uint32_t far_packets = 0, far_lost = 0;  ///< Of ours, by the far end's RTCP that came in this second.
  /// What the far end has sent between its last two sender reports, when the second of them came, and how much of that has not
  /// come, below 0 where it overtook the first. Unlike `lost`, which shows every hole of the talker's stream, this is the last
  /// way alone: what a media node passes on has the holes of the ways before.
  uint32_t sent = 0;
  int32_t missing = 0;
  bool operator==(const LegSecond&) const = default;
};

/// A piece of a recording's file.
struct RecordingPiece {
  std::string bytes;
  uint64_t size = 0;                       ///< Of the whole file.
};

/// What a node can do and how full it is: its entry in the region's resource catalogue.
struct NodeState {
  std::vector<std::string> capabilities;   ///< As in AllocateRequest::needs.
  uint32_t anchors = 0, anchors_max = 0;
  double load = 0;                         ///< 0 to 1: of what is fullest.
  /// One kind of job: "play", "record", "collect", "listen", "stream". It lives in its anchor's lease.
  struct Resource { std::string name; uint32_t used = 0, max = 0; };
  std::vector<Resource> resources;         ///< Of the capabilities above.
};

/// The media control API. Signalling reaches media only through this, in-process (LocalControl: commands to the media thread
/// over a queue) or over HTTP/JSON (HttpControl to `nearend media`; documented in docs/media-control.md). Every command is idempotent.
/// Tasks and event handlers run on the caller's loop; events are never delivered from inside a command.
class Control {
 public:
  using EventHandler = std::move_only_function<void(AnchorId, Event)>;
  virtual ~Control() = default;

  virtual void set_event_handler(EventHandler handler) = 0;

  /// Reserves ports. Errors: unavailable (ports or anchors exhausted), unsupported (a need the node lacks).
  virtual Task<Result<AnchorInfo>> allocate(AllocateRequest request) = 0;
  virtual Task<Result<void>> set_remote(AnchorId anchor, Side side, Remote remote) = 0;
  /// Moves the leg's media; answers when the command is accepted, Moved follows. Both anchors of a bridge move together.
  virtual Task<Result<void>> connect(AnchorId anchor, Path path) = 0;
  /// Prepares connect(anchor, path) so that open() is one message without any further decision (call-flows.md, C5).
  virtual Task<Result<void>> arm(AnchorId anchor, Path path) = 0;
  virtual void open(AnchorId anchor) = 0;

  /// Takes a place in a room, changes what it may do there, or leaves. Errors: unsupported (the node does not mix), not_found
  /// (no such leg to coach), unavailable (the room is full).
  virtual Task<Result<void>> seat(AnchorId anchor, Seat seat) = 0;

  virtual Task<Result<JobId>> play(AnchorId anchor, PlayRequest request) = 0;
  virtual Task<Result<JobId>> record(AnchorId anchor, RecordRequest request) = 0;
  virtual Task<Result<JobId>> collect(AnchorId anchor, CollectRequest request) = 0;
  /// Copies the leg's packets until stop(); the talk loses none by it. Has no event. Errors: invalid (what is asked),
  /// unavailable (taps_max at work on the leg), unsupported.
  virtual Task<Result<JobId>> tap(AnchorId anchor, TapRequest request);
  /// What a tap has kept since it began or was last asked: a pcap file. Errors: not_found, timeout, unsupported.
  virtual Task<Result<std::string>> capture(AnchorId anchor, JobId job);
  static constexpr size_t taps_max = 4;
  /// Another one of the leg is ended by it.
  virtual Task<Result<JobId>> listen(AnchorId anchor, ListenRequest request);
  /// Errors: unsupported (no "stream" here), invalid (the rate), unavailable (too many already).
  virtual Task<Result<JobId>> stream(AnchorId anchor, StreamRequest request);
  /// Changes a job under way. A job that has ended meanwhile is left alone. Errors: not_found (the anchor).
  virtual Task<Result<void>> change(AnchorId anchor, JobId job, JobChange change);
  /// Ends a job; its Ended event follows. Unknown jobs are ignored.
  virtual void stop(AnchorId anchor, JobId job) = 0;
  /// Loads a URL into the node's cache ahead of need.
  virtual void prefetch(std::string url) = 0;

  /// Tells Silent when nothing came from the endpoint for `after`; 0 turns the watch off. Hold and DTX aware.
  virtual void watch_silence(AnchorId anchor, milliseconds after) = 0;
  virtual Task<Result<std::vector<StreamStats>>> stats(AnchorId anchor) = 0;
  /// The seconds of all legs that media came to since the last time of asking; counted from the first time on, and no longer
  /// once nobody has asked for `seconds_kept`. Errors: timeout, unsupported.
  virtual Task<Result<std::vector<LegSecond>>> seconds();
  static constexpr std::chrono::seconds seconds_kept{5};
  virtual void renew(AnchorId anchor, std::chrono::seconds lease) = 0;
  /// Frees ports (quarantined for 2-4 s) and ends the jobs. The last event of an anchor may still follow.
  virtual void release(AnchorId anchor) = 0;
  virtual Task<Result<NodeState>> state() = 0;

  /// What the ended recording of that name holds from `offset` on, 512 KiB at most. Errors: not_found, invalid (no id).
  virtual Task<Result<RecordingPiece>> read_recording(std::string name, uint64_t offset) = 0;
  virtual Task<Result<void>> remove_recording(std::string name) = 0;
};

}  // namespace nearend::media
