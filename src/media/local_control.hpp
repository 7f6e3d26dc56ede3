#pragma once

#include <memory>

#include "media/clip_loader.hpp"
#include "media/media_thread.hpp"
#include "media/node_control.hpp"
#include "media/placement.hpp"

namespace nearend::media {

/// Where a node's flows would be.
flow::FlowTable::Settings flow_settings(const NodeSettings& node);
flow::Steering::Settings steering_settings(const NodeSettings& node);

/// A media node for real traffic, in the process of its caller: engines on threads of their own (NodeSettings::cores),
/// sockets by epoll, files and speech on worker threads. The default of a gateway and of `nearend media`.
class LocalControl final : public NodeControl {
 public:
  /// `pool` outlives this, and `loader` too. Its events come over `loop`, which outlives all of them.
  LocalControl(io::Loop& loop, NodeSettings settings, SourceLoader& loader, WorkerPool& pool);
  ~LocalControl() override;
  /// Whether the kernel relays what comes in at this port at the moment. Any thread.
  bool is_in_kernel(uint16_t port) const { return flows_ && flows_->is_installed(port); }
  bool has_kernel() const { return flows_ != nullptr; }
  /// Whether a media thread reads all its ports at one socket.
  bool has_range() const { return steering_ != nullptr; }
  /// Ports that are read there, of legs and of kept sockets, and how many pairs of sockets are kept.
  size_t steered_count() const { return steering_ ? steering_->owned_count() : 0; }
  size_t kept_count() const { return kept_.count(); }

 private:
  Result<SocketPair> open_sockets(const Endpoint& local, const Inlet& inlet) override;
  void close_sockets(AnchorId anchor, const SocketPair& pair) override;
  std::optional<SocketPair> reuse_sockets(const IpAddress& bind, const Inlet& inlet) override;
  bool keep_sockets(AnchorId anchor, const SocketPair& pair) override;
  size_t kept_free_count() override { return kept_.free_count(loop().now()); }
  void on_ports_short(const IpAddress& bind, AnchorId anchor) override;
  void command(AnchorId anchor, Command run, Urgency urgency) override;
  void command_engine(size_t engine, Command run) override;
  size_t engines() const override { return threads_.size(); }
  void place(AnchorId anchor, const std::string& call) override { placement_.place(anchor, call); }
  void join(AnchorId first, AnchorId second) override;
  void forget(AnchorId anchor) override { placement_.remove(anchor); }
  MediaThread& thread_of(AnchorId anchor) { return *threads_[placement_.thread_of(anchor)]; }
  void close_kept(const std::vector<SocketPool::Excess>& pairs);
  void trim_kept();
  void wake_after_turn();
  void wake_soon();
  void wake_all();

  std::shared_ptr<bool> is_alive_ = std::make_shared<bool>(true);  // shared with events under way
  bool is_wake_posted_ = false;
  std::unique_ptr<flow::FlowTable> flows_;
  std::unique_ptr<flow::Steering> steering_;
  Placement placement_;
  SocketPool kept_;
  io::Timer trim_timer_, wake_timer_;
  std::vector<std::unique_ptr<MediaThread>> threads_;
};

/// A LocalControl with what it stands on, for roles that run one node: pool, loader and control in the order they must
/// go.
class LocalNode {
 public:
  LocalNode(io::Loop& loop, NodeSettings settings, http::Client* client);
  Control& control() { return control_; }
  LocalControl& local() { return control_; }

 private:
  WorkerPool pool_;
  PooledWorker worker_;
  ClipLoader loader_;
  LocalControl control_;
};

}  // namespace nearend::media
