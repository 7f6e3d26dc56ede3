#pragma once

#include <memory>

#include "io/net.hpp"
#include "media/loop_worker.hpp"
#include "media/node_control.hpp"

namespace nearend::media {

/// A media node on a loop: the engine, its sockets from io::Net, its tick from the loop's timers, its files written in
/// place. For the simulator, where every call flow runs with real RTP; LocalControl is the one for real traffic.
class LoopControl final : public NodeControl, private EngineOutput {
 public:
  LoopControl(io::Loop& loop, io::Net& net, NodeSettings settings, SourceLoader& loader);
  ~LoopControl() override;

 private:
  Result<SocketPair> open_sockets(const Endpoint& local, const Inlet& inlet) override;
  void close_sockets(AnchorId anchor, const SocketPair& pair) override;
  void command(AnchorId anchor, Command run, Urgency urgency) override;
  void command_engine(size_t, Command run) override { command(AnchorId::none, std::move(run), Urgency::soon); }
  void send(Socket socket, const Endpoint& to, std::span<const uint8_t> datagram) override;
  void tell(AnchorId anchor, Event event) override;

  void close_socket(Socket socket);
  Result<Socket> open_socket(const Endpoint& local, Inlet inlet);
  void on_datagram(const Inlet& inlet, const Endpoint& from, io::Bytes datagram);
  void tick();

  io::Net& net_;
  std::shared_ptr<bool> is_alive_ = std::make_shared<bool>(true);  // shared with events under way
  LoopWorker worker_;
  Engine engine_;
  std::vector<std::unique_ptr<io::UdpSocket>> sockets_;
  std::vector<Socket> free_sockets_;
  io::Timer tick_timer_;
  io::Instant next_tick_{};
};

}  // namespace nearend::media
