#pragma once

#include <chrono>
#include <deque>
#include <string>
#include <variant>
#include <vector>

#include "gateway/negotiation.hpp"
#include "io/async.hpp"
#include "media/control.hpp"

namespace nearend::gateway {

/// A leg's anchor on the media node. Commands are sent one after another in the order given, so that none overtakes
/// another even where the node is a server apart; what fails is counted and logged, and the node keeps what it had.
/// What the node was told of the leg is kept here, so that another node can be told the same.
class MediaEnd {
 public:
  /// `scope` outlives this and is the leg's.
  MediaEnd(io::Scope& scope, media::Control& control) : scope_(scope), control_(control) {}
  ~MediaEnd() { release(); }
  MediaEnd(const MediaEnd&) = delete;

  Task<Result<void>> allocate(media::AllocateRequest request);
  /// The anchor is gone with its node: nothing is sent until allocate() has got another.
  void lose();
  bool is_lost() const { return is_lost_; }
  /// What to ask of another node in its place.
  media::AllocateRequest request_again(std::string call, std::string leg) const;
  /// Tells a new anchor whom it speaks with, as the lost one was told. Not where keys are: those are agreed anew.
  void repeat_remotes();
  /// The same for the silence watch.
  void repeat_watch() { watch_silence(watch_); }
  /// Which node has the anchor, or had it.
  const std::string& node() const { return info_.node; }
  media::AnchorId anchor() const { return info_.id; }
  /// Of the last connect.
  media::Path::Kind path() const { return path_; }
  bool is_allocated() const { return info_.id != media::AnchorId::none; }
  std::vector<StreamAddress> addresses(media::Side side) const;
  /// Of the media node's certificate.
  const std::string& fingerprint() const { return info_.fingerprint; }

  void set_remotes(media::Side side, std::vector<media::Remote> remotes);
  void connect(media::Path path);
  void arm(media::Path path);
  /// Opens what was armed; at once when nothing waits before it.
  void open();
  void watch_silence(std::chrono::milliseconds after);
  void stop(media::JobId job);
  /// Frees the anchor; nothing follows.
  void release();

  media::Control& control() { return control_; }

  Negotiation outer;  ///< With the endpoint.
  Negotiation inner;  ///< With routers and other gateways.

 private:
  struct SetRemote {
    media::Side side;
    media::Remote remote;
  };
  struct Connect {
    media::Path path;
  };
  struct Arm {
    media::Path path;
  };
  struct Open {};
  using Command = std::variant<SetRemote, Connect, Arm, Open>;

  void remember(const SetRemote& command);
  void enqueue(Command command);
  Task<void> work(media::AnchorId anchor);
  Task<Result<void>> run(media::AnchorId anchor, Command command);

  io::Scope& scope_;
  media::Control& control_;
  media::AnchorInfo info_;
  media::Path::Kind path_ = media::Path::Kind::idle;
  std::vector<Command> queue_;
  std::vector<SetRemote> told_;         // one a side and stream
  std::chrono::milliseconds watch_{0};  // as told
  media::AnchorId working_on_ = media::AnchorId::none;
  bool is_lost_ = false;
};

}  // namespace nearend::gateway
