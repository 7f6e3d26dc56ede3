#pragma once

#include <map>
#include <memory>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <vector>

#include "media/http_control.hpp"

namespace nearend::media {

/// Several media nodes apart as one Control. A new call begins on the node that can do what is needed, has what is
/// wanted and is the emptiest; all legs of a call are on one node. A node that is unreachable while another one is not
/// has its anchors told Lost, so that their legs may be allocated again elsewhere; the others are not touched. Loop's
/// thread.
class NodeFleet final : public Control {
 public:
  static constexpr size_t nodes_max = 255;

  /// At least one, nodes_max at most.
  NodeFleet(io::Loop& loop, std::vector<std::unique_ptr<HttpControl>> nodes);
  ~NodeFleet() override;

  void set_event_handler(EventHandler handler) override { handler_ = std::move(handler); }
  /// Errors too: unavailable, when no node is reachable or all that could are full.
  Task<Result<AnchorInfo>> allocate(AllocateRequest request) override;
  Task<Result<void>> set_remote(AnchorId anchor, Side side, Remote remote) override;
  /// Errors too: invalid, when the peer is on another node.
  Task<Result<void>> connect(AnchorId anchor, Path path) override;
  Task<Result<void>> arm(AnchorId anchor, Path path) override;
  void open(AnchorId anchor) override;
  /// A room is on one node. Errors too: unavailable, when it is on another than the leg; invalid, when the coached leg
  /// is.
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
  /// Of all that are reachable, together.
  Task<Result<std::vector<LegSecond>>> seconds() override;
  void renew(AnchorId anchor, std::chrono::seconds lease) override;
  void release(AnchorId anchor) override;
  /// Of all that are reachable, together.
  Task<Result<NodeState>> state() override;
  /// From whichever node has it. Errors too: unavailable, when none of the reachable has it and another is not.
  Task<Result<RecordingPiece>> read_recording(std::string name, uint64_t offset) override;
  Task<Result<void>> remove_recording(std::string name) override;

 private:
  struct Node {
    std::unique_ptr<HttpControl> control;
  };
  struct Call {
    size_t node = 0;
    uint32_t anchors = 0;
  };
  struct Room {
    size_t node = 0;
    uint32_t legs = 0;
  };
  struct Candidate {
    bool lacks_wanted = false;
    double load = 0;
    size_t node = 0;
    auto operator<=>(const Candidate&) const = default;
  };

  std::vector<size_t> candidates(const AllocateRequest& request) const;
  Error refusal(const AllocateRequest& request) const;
  double load_of(size_t node) const;
  HttpControl* node_of(AnchorId anchor) const;
  Result<Path> inside(AnchorId anchor, Path path) const;
  void on_event(size_t node, AnchorId anchor, Event event);
  void forget(AnchorId anchor);
  void leave_call(const std::string& call, size_t node);
  void leave_room(AnchorId anchor);
  /// A command as it is, to the node that has the anchor.
  template <class T, class... Args>
  Task<Result<T>> pass_on(AnchorId anchor, Task<Result<T>> (HttpControl::*command)(AnchorId, Args...),
                          std::type_identity_t<Args>... args);
  void review();

  io::Loop& loop_;
  std::shared_ptr<bool> is_alive_ = std::make_shared<bool>(true);  // shared with what was posted
  std::vector<Node> nodes_;
  EventHandler handler_;
  std::unordered_map<std::string, Call> calls_;
  std::unordered_map<AnchorId, std::string> anchors_;  // and the call of each
  std::unordered_map<std::string, Room> rooms_;
  std::unordered_map<AnchorId, std::string> seats_;  // and the room of each
};

}  // namespace nearend::media
