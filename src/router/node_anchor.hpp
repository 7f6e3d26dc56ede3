#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <variant>

#include "io/async.hpp"
#include "media/control.hpp"
#include "sdp/sdp.hpp"

namespace nearend::router {

class NodeAnchor;

/// The router's own media node and the table by which its events find their anchor. Loop's thread only.
class MediaDesk {
 public:
  MediaDesk(io::Loop& loop, media::Control& control);
  ~MediaDesk();
  MediaDesk(const MediaDesk&) = delete;

  media::Control& control() { return control_; }
  io::Loop& loop() { return loop_; }
  size_t anchors() const { return anchors_.size(); }

 private:
  friend class NodeAnchor;
  io::Loop& loop_;
  media::Control& control_;
  std::unordered_map<media::AnchorId, NodeAnchor*> anchors_;
};

/// One leg's anchor on the router's media node: its outer side faces the leg's gateway. release() or destroying it
/// frees the ports. Shared by its leg and the verb that runs on it, which may be in the middle of a command when the
/// leg lets go.
class NodeAnchor {
 public:
  /// How a job ended; nothing when the anchor went first.
  using JobEnd =
      std::variant<std::monostate, media::event::PlayEnded, media::event::RecordEnded, media::event::CollectEnded>;

  /// Reserves it. Errors as of media::Control::allocate.
  static Task<Result<std::shared_ptr<NodeAnchor>>> allocate(MediaDesk& desk, std::string call, std::string leg);
  /// The same, facing the gateway and, where `peer` is given, joined to it: one round trip to the node.
  static Task<Result<std::shared_ptr<NodeAnchor>>> allocate_facing(MediaDesk& desk, std::string call, std::string leg,
                                                                   sdp::SessionDescription theirs,
                                                                   std::optional<media::AnchorId> peer);
  ~NodeAnchor();
  NodeAnchor(const NodeAnchor&) = delete;

  /// Where it is.
  const MediaDesk& desk() const { return desk_; }
  const media::AnchorInfo& info() const { return info_; }
  media::AnchorId id() const { return info_.id; }

  /// Sends to and accepts from the gateway's inner side.
  Task<Result<void>> face(sdp::SessionDescription theirs);
  /// Joins two legs here (the trombone); both anchors move together.
  Task<Result<void>> join(NodeAnchor& peer);
  Task<Result<void>> idle();

  Task<Result<JobEnd>> play(media::PlayRequest request);
  Task<Result<JobEnd>> collect(media::CollectRequest request);
  /// `request.legs` is filled in: this anchor's, and `peer`'s if given.
  Task<Result<JobEnd>> record(media::RecordRequest request, const NodeAnchor* peer);
  void stop_jobs();
  /// Its node is gone, and all that ran here with it.
  bool is_lost() const { return is_lost_; }
  /// Called once when that happens, unless it has been released.
  void set_lost_handler(std::function<void()> handler) { on_lost_ = std::move(handler); }
  /// Frees the ports and ends what runs; commands that follow fail.
  void release();

 private:
  friend class MediaDesk;
  static Task<Result<std::shared_ptr<NodeAnchor>>> allocate(MediaDesk& desk, media::AllocateRequest request);
  NodeAnchor(MediaDesk& desk, media::AnchorInfo info);
  void on_event(media::Event event);
  void set_end(media::JobId job, JobEnd end);
  Task<Result<JobEnd>> wait_for(media::JobId job);
  void renew();

  static constexpr std::chrono::seconds lease{120};
  static constexpr size_t early_ends_max = 16;

  MediaDesk& desk_;
  media::AnchorInfo info_;
  std::map<media::JobId, io::Reply<JobEnd>> jobs_;
  std::deque<std::pair<media::JobId, JobEnd>> early_ends_;  ///< Of jobs whose number we have not been told yet.
  io::Timer renewal_;
  bool is_released_ = false;
  bool is_lost_ = false;
  std::function<void()> on_lost_;
};

}  // namespace nearend::router
