#pragma once

#include <deque>
#include <memory>
#include <optional>

#include "base/json.hpp"
#include "codec/resampler.hpp"
#include "http/web_socket.hpp"
#include "io/loop.hpp"
#include "media/control.hpp"
#include "media/sound_pipe.hpp"

namespace nearend::media {

/// A leg's sound over a WebSocket to an engine (docs/media-control.md, "Streams"): what the endpoint says goes out in
/// real time, what the engine says is queued for the leg. Loop's thread.
class LegSocket {
 public:
  struct Settings {
    JobId job = JobId::none;
    AnchorId anchor = AnchorId::none;
    std::string call, leg;
    StreamRequest request;
    bool may_reach_internal = false;
  };
  /// `on_end` may destroy this.
  LegSocket(const io::World& world, Settings settings, std::shared_ptr<SoundPipe> pipe,
            std::move_only_function<void(event::StreamEnded)> on_end);

  AnchorId anchor() const { return settings_.anchor; }
  /// Ends it from our side; on_end follows.
  void stop() { finish("stopped", ""); }
  /// A key the endpoint pressed: the engine is told.
  void tell_digit(char digit);

  static constexpr size_t unsent_max = 128 * 1024;  ///< Above it what the endpoint says is not sent.

 private:
  struct Mark {
    uint64_t at;  // in samples that were spoken
    std::string name;
  };
  void on_open();
  void on_message(std::string_view message, bool is_text);
  void on_command(std::string_view text);
  void on_closed(uint16_t code, std::string reason);
  void speak(std::string_view bytes);
  void tick();
  void send_heard();
  void send_samples(std::span<const int16_t> samples);
  void tell_marks();
  void tell_losses();
  void tell(json::object message);
  void finish(std::string reason, std::string text);
  bool hears() const { return settings_.request.direction != StreamRequest::Direction::to_leg; }
  bool speaks() const { return settings_.request.direction != StreamRequest::Direction::from_leg; }

  io::Loop& loop_;
  Settings settings_;
  std::shared_ptr<SoundPipe> pipe_;
  std::move_only_function<void(event::StreamEnded)> on_end_;
  std::optional<codec::Resampler> up_, down_;
  std::string odd_byte_;  // of a sample cut in two
  std::deque<Mark> marks_;
  io::Instant opened_{};
  uint64_t heard_samples_ = 0, unsent_samples_ = 0, overflown_samples_ = 0;
  uint64_t unsent_told_ = 0, overflown_told_ = 0;
  io::Instant losses_told_{};
  bool is_cut_told_ = false;
  std::optional<event::StreamEnded> ending_;  // told by the next tick
  bool is_peer_gone_ = false;
  io::Timer timer_;
  std::unique_ptr<http::WebSocket> socket_;
};

}  // namespace nearend::media
