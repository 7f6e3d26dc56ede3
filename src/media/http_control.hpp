#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "base/json.hpp"
#include "http/http.hpp"
#include "io/async.hpp"
#include "media/control.hpp"

namespace nearend::media {

/// A media node reached over the network (docs/media-control.md). The commands of one anchor go out in the order they
/// were given, one at a time; events come by long poll. When the node began anew, or cannot be reached for a minute,
/// its anchors are told Lost. Loop's thread.
class HttpControl final : public Control {
 public:
  struct Settings {
    std::string url;       ///< "http://198.51.100.9:7400"; the API's path is added.
    std::string peer_key;  ///< Shared key of platform peers; empty: requests are not signed.
    std::string client;    ///< Who asks, the same after a restart: what the node has kept for it meanwhile is taken up.
    milliseconds pulse{250};               ///< How often the node is asked how it is.
    milliseconds unreachable_after{1000};  ///< Without an answer this long it counts as unreachable.
  };
  static constexpr std::chrono::seconds lost_after{60};
  /// The lease of an anchor that was asked for without one: renewed from here, so that it ends when this process does.
  static constexpr std::chrono::seconds own_lease{120};
  static constexpr size_t given_up_max = 100'000;
  static constexpr size_t queue_max = 256;  ///< Commands of one anchor that wait.

  HttpControl(io::Loop& loop, http::Client& client, Settings settings);
  ~HttpControl() override;

  void set_event_handler(EventHandler handler) override { handler_ = std::move(handler); }
  const std::string& url() const { return settings_.url; }
  /// Whether it has answered of late; what it said then. False until its first answer.
  bool is_reachable() const { return is_reachable_; }
  const NodeState& last_state() const { return state_; }
  /// Why it is not, in words.
  const std::string& trouble() const { return trouble_; }
  /// When it last answered, and when it first did not since.
  io::Instant heard() const { return heard_; }
  io::Instant missed_since() const { return missed_since_; }
  /// Called at each answer to a pulse, and when the node has become unreachable.
  void set_watcher(std::move_only_function<void()> watcher) { watcher_ = std::move(watcher); }
  /// Anchors that are held there.
  size_t anchors() const { return anchors_.size(); }
  /// Tells Lost for all anchors; should the node still have them when it is reached again, they are freed there.
  void give_up(std::string_view reason);
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

 private:
  using Answer = Result<json::value>;
  struct Command {
    std::string method, target, body;
    std::optional<io::Reply<Answer>> reply;
  };
  struct Lane {
    std::deque<Command> queue;
    bool is_running = false;
  };

  /// One request; a command whose answer is lost is asked again with the same key, and done once.
  Task<Answer> send(std::string method, std::string target, std::string body, milliseconds timeout,
                    size_t body_limit = 1 << 20);
  Task<Result<http::Response>> send_once(http::Request request, std::string target);
  /// Puts a command in its anchor's lane and waits for its answer.
  Task<Answer> ask(AnchorId anchor, std::string method, std::string target, json::value body);
  void tell(AnchorId anchor, std::string method, std::string target, json::value body);
  bool enqueue(AnchorId anchor, Command command);
  Task<void> run_lane(AnchorId anchor);
  Task<void> poll();
  Task<void> keep_leases();
  Task<void> feel_pulse();
  void set_reachable(bool is_reachable);
  bool take_events(const json::value& answer);
  void lose_all(std::string reason);
  void lose_gone(const json::value& answer);
  Task<Result<void>> put(AnchorId anchor, std::string what, json::value body);
  Task<Result<JobId>> start(AnchorId anchor, std::string what, json::value body);

  io::Loop& loop_;
  http::Client& client_;
  Settings settings_;
  EventHandler handler_;
  std::string name_;  // of this client, for its events
  std::string run_;   // of this process, for its keys
  uint64_t last_key_ = 0;
  std::string epoch_;  // of the node's process
  uint64_t after_ = 0;
  std::map<AnchorId, bool> anchors_;  // and whether their lease is ours to renew
  std::map<AnchorId, Lane> lanes_;
  std::set<AnchorId> given_up_;
  std::move_only_function<void()> watcher_;
  NodeState state_;
  io::Instant heard_{}, missed_since_{};
  bool is_reachable_ = false;
  std::string trouble_ = "not asked yet";
  io::Mailbox<bool> doubts_;  // what failed says that the node may be gone
  io::Scope tasks_;
};

}  // namespace nearend::media
