#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>

#include "io/async.hpp"
#include "media/engine.hpp"
#include "media/leg_socket.hpp"
#include "media/node.hpp"
#include "media/port_pool.hpp"
#include "media/recording_file.hpp"
#include "media/socket_pool.hpp"
#include "media/source_loader.hpp"

namespace nearend::media {

/// The part of a media node that all its shapes share, on the caller's loop: ids, ports, leases, checks, jobs' sources
/// and events. What differs, how the engine is reached and what its sockets are, is left to LoopControl and
/// LocalControl.
class NodeControl : public Control {
 public:
  void set_event_handler(EventHandler handler) override { handler_ = std::move(handler); }
  /// How streams reach their engines; without it there are none. The world outlives this.
  void set_world(const io::World& world) { world_.emplace(world); }
  Task<Result<AnchorInfo>> allocate(AllocateRequest request) override;
  Task<Result<void>> set_remote(AnchorId anchor, Side side, Remote remote) override;
  Task<Result<void>> connect(AnchorId anchor, Path path) override;
  Task<Result<void>> arm(AnchorId anchor, Path path) override;
  void open(AnchorId anchor) override;
  Task<Result<void>> seat(AnchorId anchor, Seat seat) override;
  Task<Result<JobId>> play(AnchorId anchor, PlayRequest request) override;
  Task<Result<JobId>> record(AnchorId anchor, RecordRequest request) override;
  Task<Result<JobId>> collect(AnchorId anchor, CollectRequest request) override;
  Task<Result<JobId>> tap(AnchorId anchor, TapRequest request) override;
  Task<Result<std::string>> capture(AnchorId anchor, JobId job) override;
  Task<Result<JobId>> listen(AnchorId anchor, ListenRequest request) override;
  Task<Result<JobId>> stream(AnchorId anchor, StreamRequest request) override;
  Task<Result<void>> change(AnchorId anchor, JobId job, JobChange change) override;
  void stop(AnchorId anchor, JobId job) override;
  void prefetch(std::string url) override;
  void watch_silence(AnchorId anchor, milliseconds after) override;
  Task<Result<std::vector<StreamStats>>> stats(AnchorId anchor) override;
  Task<Result<std::vector<LegSecond>>> seconds() override;
  void renew(AnchorId anchor, std::chrono::seconds lease) override;
  void release(AnchorId anchor) override;
  Task<Result<NodeState>> state() override;
  Task<Result<RecordingPiece>> read_recording(std::string name, uint64_t offset) override;
  Task<Result<void>> remove_recording(std::string name) override;

 protected:
  using Command = std::move_only_function<void(Engine&, io::Instant)>;

  /// `loader` outlives this.
  NodeControl(io::Loop& loop, NodeSettings settings, SourceLoader& loader);

  /// Binds RTP on `local` and RTCP on the port above; packets go to the engine as `inlet` says.
  virtual Result<SocketPair> open_sockets(const Endpoint& local, const Inlet& inlet) = 0;
  /// Called after the anchor's removal was commanded (or when allocation fails half way).
  virtual void close_sockets(AnchorId anchor, const SocketPair& pair) = 0;
  /// For nodes that keep sockets open between legs: a pair that is ready for `inlet`; whether one that is given back
  /// stays open (else close_sockets follows); what is ready; a hint that ports for more sockets on `bind` run short.
  virtual std::optional<SocketPair> reuse_sockets(const IpAddress& /*bind*/, const Inlet& /*inlet*/) { return {}; }
  virtual bool keep_sockets(AnchorId /*anchor*/, const SocketPair& /*pair*/) { return false; }
  virtual size_t kept_free_count() { return 0; }
  virtual void on_ports_short(const IpAddress& /*bind*/, AnchorId /*anchor*/) {}
  /// How long a command may wait: what nobody hears at once can keep others company, since each waking of a media
  /// thread costs a switch.
  enum class Urgency : uint8_t { now, soon };
  /// Runs on the thread of the anchor's engine, in order; one that is urgent takes along what waits.
  virtual void command(AnchorId anchor, Command run, Urgency urgency = Urgency::now) = 0;
  /// The same for one engine, of no anchor.
  virtual void command_engine(size_t engine, Command run) = 0;
  virtual size_t engines() const { return 1; }
  /// For nodes with several engines: an anchor begins, two will work together (they are on one engine from the next
  /// command on), one has gone.
  virtual void place(AnchorId /*anchor*/, const std::string& /*call*/) {}
  virtual void join(AnchorId /*first*/, AnchorId /*second*/) {}
  virtual void forget(AnchorId /*anchor*/) {}

  /// For what the engine tells; loop's thread, never from within a command.
  void on_event(AnchorId anchor, Event event);
  io::Loop& loop() { return loop_; }
  /// The port of a pair that was kept and is being closed rests and is free again.
  void give_back_port(uint16_t port) { ports_.give_back(port, loop_.random(), loop_.now()); }
  const NodeSettings& settings() const { return settings_; }
  /// Releases all without a word, before the engine goes.
  void release_all();

 private:
  struct Held {
    AnchorInfo info;
    std::string call, leg;
    std::vector<SocketPair> pairs;
    std::vector<std::pair<JobId, uint32_t>> taps;  // and how much they keep
    bool has_inner = true;
    std::optional<Path> armed;
    std::string room;
    std::chrono::seconds lease{0};
    io::Instant lease_until{};
  };

  Result<AnchorInfo> allocate_now(AllocateRequest request);
  /// What allocating may tell at once.
  Result<void> begin(AnchorId anchor, std::vector<Remote> remotes, const std::optional<Path>& path);
  Result<void> open_streams(Held& held, const AllocateRequest& request, std::vector<Engine::StreamSockets>& sockets);
  Result<SocketPair> open_pair(Held& held, const IpAddress& bind, const Inlet& inlet);
  Result<SocketPair> open_new_pair(const IpAddress& bind, const Inlet& inlet);
  Result<void> set_remote_now(AnchorId anchor, Side side, Remote remote);
  Result<void> check_path(const Held& held, const Path& path);
  Result<void> connect_now(AnchorId anchor, const Path& path);
  Result<void> seat_now(AnchorId anchor, Seat seat);
  void leave_room(Held& held);
  Result<JobId> play_now(AnchorId anchor, PlayRequest request);
  Result<JobId> collect_now(AnchorId anchor, CollectRequest request);
  Result<JobId> tap_now(AnchorId anchor, TapRequest request);
  Result<JobId> record_now(AnchorId anchor, RecordRequest request);
  Result<JobId> stream_now(AnchorId anchor, StreamRequest request);
  void on_stream_ended(AnchorId anchor, event::StreamEnded ended);
  bool stop_stream(JobId job);
  void tell_streams(AnchorId anchor, char digit);
  Result<std::vector<PlayItem>> make_items(const std::vector<Source>& sources);
  void load_missing(AnchorId anchor, JobId job, const std::vector<Source>& sources, const std::vector<PlayItem>& items);
  Task<void> load_one(AnchorId anchor, JobId job, size_t item, Source source);
  Task<void> load_ahead(Source source);
  Task<void> announce(std::vector<RecoveredRecording> recovered);
  Result<Held*> find(AnchorId anchor);
  Result<void> need(std::string_view capability) const;
  enum class JobKind : uint8_t { play, record, collect, listen, stream };
  static constexpr size_t job_kinds = 5;
  /// Counts a job until its end is told. Errors: unsupported (no such capability), unavailable (as many as there may be).
  Result<JobId> begin_job(JobKind kind);
  void end_job(const Event& event);
  uint32_t jobs_max(JobKind kind) const;
  void free_sockets(Held& held);
  void drop(AnchorId anchor);
  void tell_fullness() const;
  void check_leases();

  io::Loop& loop_;
  NodeSettings settings_;
  SourceLoader& loader_;
  PortPool ports_;
  EventHandler handler_;
  std::unordered_map<AnchorId, Held> held_;
  std::unordered_map<std::string, AnchorId> by_leg_;
  std::unordered_map<std::string, std::vector<AnchorId>> rooms_;  // who sits in them
  std::vector<uint32_t> free_slots_;
  uint32_t slots_ = 0;
  uint32_t generation_ = 0;
  uint64_t last_job_ = 0;
  std::unordered_map<JobId, JobKind> jobs_;
  std::array<uint32_t, job_kinds> jobs_used_{};
  std::optional<io::World> world_;
  std::map<JobId, std::unique_ptr<LegSocket>> streams_;
  io::Timer lease_timer_;
  io::Scope loads_;
};

}  // namespace nearend::media
