#pragma once

#include <deque>
#include <span>
#include <unordered_map>

#include "media/anchor.hpp"
#include "media/worker.hpp"

namespace nearend::media {

/// What the engine gives out, on the engine's thread. Bytes are valid during the call only. `tell` must not call back.
class EngineOutput {
 public:
  virtual ~EngineOutput() = default;
  virtual void send(Socket socket, const Endpoint& to, std::span<const uint8_t> datagram) = 0;
  virtual void tell(AnchorId anchor, Event event) = 0;
};

class KernelPath;

/// Where a datagram came in.
struct Inlet {
  AnchorId anchor = AnchorId::none;
  uint8_t stream = 0;
  Side side = Side::outer;
  bool is_rtcp = false;
  bool is_bursty = false;  ///< Several datagrams at a time are usual: pictures. A hint for the reader.
};

/// The media plane without its sockets: (datagram, now) in, datagrams and events out. Anchors are relayed, bridged, fed
/// with prompts and noise, recorded and watched here. Single-threaded; the packet path (input) and the tick take no
/// memory, locks or exceptions, but for the first packet that needs a codec: it makes one. Commands name anchors that
/// exist; what names a gone one is ignored.
class Engine {
 public:
  static constexpr milliseconds tick_length{20};
  static constexpr milliseconds event_hold{200};
  /// How long an older remote of a side is still taken while the newer one has not delivered.
  static constexpr milliseconds old_remote_for{400};

  struct Start {
    io::Instant now;
    io::WallTime wall;
    uint64_t seed = 1;
    uint16_t index = 0;  ///< Of this engine among those of a node that exchange anchors; the rest is the same for all.
  };
  struct StreamSockets {
    StreamKind kind = StreamKind::audio;
    Socket outer_rtp = 0, outer_rtcp = 0, inner_rtp = 0, inner_rtcp = 0;
  };

  Engine(const Start& start, EngineOutput& output, Worker& worker);
  ~Engine();

  /// Before the first anchor; none: everything is relayed here. `kernel` outlives this.
  void set_kernel(KernelPath* kernel) { kernel_ = kernel; }

  /// What reads and writes the sockets here, for the figures: "range" or "sockets".
  void set_reader(std::string_view name) { reader_ = name; }
  /// How much of a core the thread had in the last second; split among the legs by their packets.
  void note_cpu(double percent);
  /// Packets in and out in the second before the last note_cpu, without those that the kernel relayed.
  double packets_a_second() const { return packets_a_second_; }

  /// `datagram` may be rewritten in place.
  void input(const Inlet& inlet, const Endpoint& from, std::span<uint8_t> datagram, io::Instant now);
  /// To be called every 20 ms while has_work().
  void tick(io::Instant now);
  bool has_work() const { return anchor_count_ > 0; }

  void add(AnchorId id, std::span<const StreamSockets> streams, bool has_inner, io::Instant now);
  void remove(AnchorId id, io::Instant now);
  void set_remote(AnchorId id, Side side, const Remote& remote, io::Instant now);
  void connect(AnchorId id, const Path& path, io::Instant now);
  /// The leg is about to be connected to `path`: what both ends say in the last moment before is kept for it.
  void expect(AnchorId id, const Path& path, io::Instant now);
  void seat(AnchorId id, const Seat& seat, io::Instant now);
  void watch_silence(AnchorId id, milliseconds after, io::Instant now);
  std::vector<StreamStats> stats(AnchorId id);
  /// As Control::seconds().
  std::vector<LegSecond> take_seconds(io::Instant now);
  /// All sockets of the leg.
  std::vector<Socket> sockets_of(AnchorId id);
  /// Ports of the leg whose packets the kernel relays at this moment.
  size_t lent_count(AnchorId id);

  static constexpr size_t queued_max = 16;
  /// `is_queued`: after what is played now; with `queued_max` waiting already it ends at once, unplayed.
  void play(AnchorId id, std::unique_ptr<Player> player, bool is_queued, io::Instant now);
  /// A clip that was not there when play or collect began, or why it will not come.
  void supply(AnchorId id, JobId job, size_t item, Result<ClipPtr> clip);
  void record(JobId job, const RecordRequest& request, std::string path, io::Instant now);
  void collect(AnchorId id, JobId job, const CollectRequest& request, std::vector<PlayItem> prompt, io::Instant now);
  /// The leg's sound goes through `pipe`, and comes from it where there is a `player` for that.
  void stream(AnchorId id, JobId job, std::shared_ptr<SoundPipe> pipe, std::unique_ptr<Player> player, bool is_heard,
              io::Instant now);
  void listen(AnchorId id, JobId job, const ListenRequest& request, io::Instant now);
  void stop(AnchorId id, JobId job, io::Instant now);
  /// Copies the leg's packets, until stop() with the tap's job.
  void tap(AnchorId id, std::unique_ptr<WireTap> tap, io::Instant now);
  /// What the tap has kept; null where there is none. `fresh` goes on in its place: nothing is copied here.
  std::unique_ptr<PacketRing> capture(AnchorId id, JobId job, std::unique_ptr<PacketRing> fresh);
  void change(AnchorId id, JobId job, const JobChange& change, io::Instant now);

  /// Anchors between two engines of a node.
  struct Parcel {
    std::vector<std::unique_ptr<Anchor>> anchors;
    std::vector<std::unique_ptr<Recorder>> recorders;
    std::vector<std::unique_ptr<Room>> rooms;
  };
  /// Gives anchors away with their players, collectors, recorders and rooms; `ids` holds all legs that these work with,
  /// and all that are or were bridged to each other. Between take_out and take_in their packets wait in the sockets.
  Parcel take_out(std::span<const AnchorId> ids, io::Instant now);
  void take_in(Parcel parcel);

 private:
  struct Arrival;  // one packet on its way through

  Anchor* find(AnchorId id);
  static uint32_t slot_of(AnchorId id) { return static_cast<uint32_t>(static_cast<uint64_t>(id)); }
  uint64_t random();
  uint64_t next_source() { return ++last_source_; }
  Port make_port();
  /// What comes in at the port from now on is another's than before.
  void begin_source(Port& port);
  void activate(Anchor& anchor);
  void make_room(uint32_t slot);

  // relay.cpp: the packet path.
  void input_rtp(Anchor& anchor, const Inlet& inlet, const Endpoint& from, std::span<uint8_t> datagram,
                 io::Instant now);
  bool admit(Anchor& anchor, Port& port, Arrival& arrival, const Endpoint& from);
  bool count_packet(Port& port, Arrival& arrival);
  void note_arrival(Anchor& anchor, Port& port, const Arrival& arrival);
  void replay_early(Anchor& anchor, io::Instant now);
  // engine_srtp.cpp
  void set_protection(Port& port, const Remote& remote, io::Instant now);
  void shake(Anchor& anchor, Port& port, const Endpoint& from, std::span<const uint8_t> datagram, io::Instant now);
  void send_handshake(Port& port, const Endpoint& to);
  void tick_handshake(Port& port, io::Instant now);
  static bool may_be_far_end(const Port& port, const Endpoint& from);
  bool unprotect(Anchor& anchor, Port& port, const Endpoint& from, std::span<uint8_t>& datagram, Protection::Kind kind,
                 io::Instant now);
  void send_protected(Anchor& anchor, Port& port, Side side, std::span<const uint8_t> packet, io::Instant now);
  void send_rtcp(Port& port, const Endpoint& to, std::span<const uint8_t> packet);

  // transcode.cpp: media whose codec the other side does not know.
  static PortAudio& audio_of(Port& port);
  static bool hear(Arrival& arrival);
  static void note_decoder(PortCounters& counters, const PortAudio& audio);
  static codec::StreamEncoder* voice_of(Port& port, const Codec& codec, uint32_t other_rate);
  void transcode(Anchor& target, Port& port, Side side, Arrival& arrival, const Feed& from);
  static void renumber(Port& port, Arrival& arrival);
  void pause(Anchor& target, Port& port, Side side, Arrival& arrival, std::span<const uint8_t> noise);
  void send_noise(Anchor& target, Port& port, Side side, const Arrival& arrival, std::span<const uint8_t> noise);
  std::span<const int16_t> heard_narrow(Arrival& arrival, std::span<int16_t> room);

  // engine_taps.cpp
  void end_tap(Anchor& anchor, JobId job);
  static void set_taps(Anchor& anchor);
  bool enter(Anchor& anchor, Port& port, const Inlet& inlet, const Endpoint& from, std::span<uint8_t>& datagram,
             Protection::Kind kind, io::Instant now);
  void send_with_care(Anchor& anchor, Port& port, Side side, std::span<const uint8_t> packet, io::Instant now);
  void show_leaving(Port& port, const Endpoint& to, std::span<const uint8_t> packet, Protection::Kind kind,
                    bool is_on_line);
  void show(Port& port, const Crossing& crossing, std::span<const uint8_t> datagram);

  void replay_judged(Anchor& anchor, const Inlet& inlet, std::span<uint8_t> datagram, io::Instant now);
  static void describe(const Port& port, Arrival& arrival);
  void relay(Anchor& anchor, Arrival& arrival);
  void relay_opaque(Anchor& anchor, Arrival& arrival);
  void send_to_feed(Anchor& anchor, const Feed& feed, Arrival& arrival);
  void deliver(Anchor& target, Side side, Arrival& arrival, const Feed& from);
  void deliver_mapped(Anchor& target, Port& port, Side side, Arrival& arrival, const Feed& from,
                      const Mapping& mapping);
  bool may_enter(Anchor& target, Side side, Arrival& arrival, const Feed& from);
  static bool may_finish(const Anchor& target, const Port& port, const Arrival& arrival, const Feed& from);
  void send_placed(Anchor& target, Port& port, Side side, Arrival& arrival, const rtp::Continuity::Place& place,
                   const Mapping& mapping);
  void send_rtp(Anchor& anchor, Port& port, Side side, std::span<const uint8_t> packet, io::Instant now);
  void transmit(Anchor& anchor, Port& port, Side side, std::span<const uint8_t> packet, io::Instant now);
  static Port::Reach reach_of_event(const Port& port, io::Instant now);
  /// True for a packet of that key press. It may come from another source: a talk that goes back to the path that it has
  /// just left gets the rest of a key by that path's new source.
  static bool is_key_of(const OpenEvent& open, const Arrival& arrival);
  void hold_event(Anchor& anchor, Port& port, io::Instant now);
  void note_event(Port& port, const Arrival& arrival, const rtp::Continuity::Place& place, uint8_t payload_type);
  void end_event(Anchor& anchor, Port& port, Side side, io::Instant now);
  void detect_digits(Anchor& anchor, Port& port, const Arrival& arrival);
  void tap_audio(Anchor& anchor, Port& port, Arrival& arrival);
  static void tap_pictures(Anchor& anchor, const Port& port, const Arrival& arrival);

  // moves.cpp
  void begin_move(Anchor& anchor, const Feed& old, bool is_old_remote, milliseconds prove_within, milliseconds overlap,
                  io::Instant now);
  void switch_move(Anchor& anchor, bool is_proven, io::Instant now);
  void leave_bridge(Anchor& anchor, const Path& path, io::Instant now);
  void set_feed(Anchor& anchor, const Feed& feed, const Path& path, io::Instant now);
  static void note_lately(Anchor& target, const Arrival& arrival);
  bool wins(Anchor& target, Arrival& arrival, bool is_new, bool is_old);
  void report_move(Anchor& anchor, io::Instant now);
  void hold_open_events(Anchor& anchor, io::Instant now);
  void tick_move(Anchor& anchor, io::Instant now);

  // engine_room.cpp
  bool enter_room(Anchor& anchor, const Seat& wanted, io::Instant now);
  void leave_room(Anchor& anchor);
  void arrange_coaches(Room& room);
  void say_to_room(Anchor& anchor, Arrival& arrival);
  static void add_decoded(StreamStats& figures, const Anchor& anchor, Side side, const Port& port);
  static void note_buffer(PortCounters& counters, const Chair& chair);
  void tick_rooms(io::Instant now);
  void tick_room(Room& room, io::Instant now);
  void tell_speaker(Room& room);

  // engine_tick.cpp
  void tick_active(Anchor& anchor, io::Instant now);
  void tick_events(Anchor& anchor, io::Instant now);
  void tick_own_media(Anchor& anchor, io::Instant now);
  std::optional<rtp::Continuity::Place> place_own(Anchor& anchor, Port& port, bool is_event, io::Instant now);
  void send_own(Anchor& anchor, Port& port, const OwnFrame& frame, const rtp::Continuity::Place& place,
                io::Instant now);
  void send_sound(Anchor& anchor, Port& port, std::span<const uint8_t> payload, const rtp::Continuity::Place& place,
                  io::Instant now);
  void fill_noise(Port& port, OwnFrame& frame);
  void check(Anchor& anchor, io::Instant now);
  static bool needs_noise(const Anchor& anchor, io::Instant now);
  static bool needs_tick(Anchor& anchor, io::Instant now);

  // engine_film.cpp
  static std::optional<uint8_t> screen_of(Anchor& anchor, codec::PictureKind kind);
  uint32_t film_clock(io::Instant now) const;
  static void set_screen(Anchor& anchor, Player& player);
  void show_film(Anchor& anchor, Player& player, io::Instant now);
  void report_film(Anchor& anchor, Port& port, io::Instant now);
  static void end_film_show(Anchor& anchor);

  // engine_flows.cpp
  void try_kernel(Anchor& anchor, io::Instant now);
  void lend(Anchor& anchor, PortOf from, Anchor& target, PortOf to, io::Instant now);
  void take_up(Anchor& anchor, Side side, Port& in, const flow::Passed& passed);
  template <class Visit>
  void each_lent(Anchor& anchor, Visit visit);
  /// The figures of the leg and of the one it is bridged to are up to date.
  void read_lent(Anchor& anchor);
  /// Before anything changes for the leg: it and the one it is bridged to are relayed here again. `is_misfit`: because
  /// of a packet, not a command; what comes back so again and again is not for the kernel.
  void take_back(Anchor& anchor, io::Instant now, bool is_misfit = false);
  void check_lent(Anchor& anchor, io::Instant now);

  // engine_rtcp.cpp
  void input_rtcp(Anchor& anchor, const Inlet& inlet, const Endpoint& from, std::span<uint8_t> datagram,
                  io::Instant now);
  static void note_sender_clock(Port& port, std::span<const uint8_t> datagram);
  void read_reports(Port& port, std::span<const uint8_t> datagram, io::Instant now);
  void read_extended(Port& port, const rtp::RtcpPacket& packet, io::Instant now);
  static void note_round_trip(Port& port, double ms);
  static void note_sent(Port& port, uint32_t sent);
  void write_extended(rtp::RtcpWriter& writer, Port& port, io::Instant now);
  void send_report(Anchor& anchor, Port& port, io::Instant now);
  void write_name(rtp::RtcpWriter& writer, const Anchor& anchor, const Port& port) const;
  void request_picture(Port& source, uint32_t ssrc);
  void request_report(Port& port);
  uint64_t ntp(io::Instant now) const;

  // engine_figures.cpp
  void observe(Anchor& anchor, io::Instant now);
  void observe(const Anchor& anchor, const Stream& stream, Port& port);
  void keep_second(const Anchor& anchor, Port& port, LegSecond second);
  static void count_totals(Port& port);
  std::string_view tier_of(const Anchor& anchor, const Port& port) const;

  // engine_jobs.cpp
  AnchorJobs& jobs_of(Anchor& anchor);
  void on_digit(Anchor& anchor, const rtp::EventDetector::Pressed& pressed, bool is_in_band, io::Instant now);
  void on_digit_begun(Anchor& anchor, io::Instant now);
  void end_player(Anchor& anchor, bool was_stopped, io::Instant now);
  void tell_play_ended(Anchor& anchor, const Player& player, bool was_stopped, std::optional<Error> error);
  void end_queued(Anchor& anchor);
  void key_tone(Anchor& anchor, uint64_t source, uint32_t timestamp, uint8_t event);
  void end_collector(Anchor& anchor, std::string finished_on, bool is_timeout, io::Instant now);
  void tick_jobs(Anchor& anchor, io::Instant now);
  static void feed_listeners(AnchorJobs& jobs, std::span<const int16_t> samples, io::Instant now);
  void tick_listeners(Anchor& anchor, io::Instant now);
  void tell_heard(Anchor& anchor, JobId job, const Listener::Found& found);
  void on_speech(Anchor& anchor, const Listener::Found& found, io::Instant now);
  void end_listening(Anchor& anchor, bool was_stopped);
  void tick_recorders(io::Instant now);
  void ask_for_pictures(Recorder& recorder, io::Instant now);
  void end_recorder(Recorder& recorder, std::string_view reason, io::Instant now);
  void end_jobs(Anchor& anchor, io::Instant now);

  EngineOutput& output_;
  Worker& worker_;
  KernelPath* kernel_ = nullptr;
  io::Instant start_;
  int64_t wall_at_start_ns_;
  uint64_t random_state_;
  uint64_t start_hash_;  // keeps slot numbers out of the names in RTCP
  uint64_t last_source_;
  size_t anchor_count_ = 0;
  std::string_view reader_ = "sockets";
  double cpu_percent_ = 0;
  double packets_a_second_ = 0, packets_counting_ = 0;  // of all ports, as of the last note_cpu and since
  std::vector<LegSecond> seconds_;  // since the last time of asking
  io::Instant seconds_until_{};     // kept, unless asked again
  size_t sweep_ = 0;
  io::Instant shown_at_{};                        // for taps: a tick old at most
  std::vector<std::unique_ptr<Anchor>> anchors_;  // by slot
  std::vector<AnchorId> active_;
  std::vector<std::unique_ptr<Recorder>> recorders_;
  std::vector<std::unique_ptr<Room>> rooms_;
};

}  // namespace nearend::media
