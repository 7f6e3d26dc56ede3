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
class MediaEnd {
 public:
  /// `scope` outlives this and is the leg's.
  MediaEnd(io::Scope& scope, media::Control& control) : scope_(scope), control_(control) {}
  ~MediaEnd() { release(); }
  MediaEnd(const MediaEnd&) = delete;

  Task<Result<void>> allocate(media::AllocateRequest request);
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

  void enqueue(Command command);
  Task<void> work();
  Task<Result<void>> run(Command command);

  io::Scope& scope_;
  media::Control& control_;
  media::AnchorInfo info_;
  media::Path::Kind path_ = media::Path::Kind::idle;
  std::vector<Command> queue_;
  bool is_working_ = false;
};

}  // namespace nearend::gateway
