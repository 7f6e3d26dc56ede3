#include "media/leg_socket.hpp"

#include <array>
#include <bit>
#include <cstring>

#include "media/clip.hpp"
#include "media/control_json.hpp"

namespace nearend::media {
namespace {

static_assert(std::endian::native == std::endian::little, "samples travel as they lie in memory");

constexpr milliseconds tick_length{20};
constexpr uint64_t samples_behind = sample_rate / 5;  // what has not come by then is sent as silence
constexpr size_t marks_max = 256;
constexpr std::chrono::seconds losses_pause{1};

constexpr std::string_view direction_name(StreamRequest::Direction direction) {
  switch (direction) {
    case StreamRequest::Direction::from_leg:
      return "from-leg";
    case StreamRequest::Direction::to_leg:
      return "to-leg";
    case StreamRequest::Direction::both:
      return "both";
  }
  return "both";
}

milliseconds time_of(uint64_t samples) {
  return milliseconds(samples * 1000 / sample_rate);
}

}  // namespace

LegSocket::LegSocket(const io::World& world, Settings settings, std::shared_ptr<SoundPipe> pipe,
                     std::move_only_function<void(event::StreamEnded)> on_end)
    : loop_(world.loop),
      settings_(std::move(settings)),
      pipe_(std::move(pipe)),
      on_end_(std::move(on_end)),
      timer_(world.loop) {
  const uint32_t rate = settings_.request.rate;
  if (rate != sample_rate) {
    up_.emplace(sample_rate, rate);
    down_.emplace(rate, sample_rate);
  }
  socket_ = std::make_unique<http::WebSocket>(
      world, settings_.request.url,
      http::WebSocket::Settings{.may_reach_internal = settings_.may_reach_internal, .trust_file = {}},
      http::WebSocket::Handlers{
          .on_open = [this] { on_open(); },
          .on_message = [this](std::string_view message, bool is_text) { on_message(message, is_text); },
          .on_close = [this](uint16_t code, std::string reason) { on_closed(code, std::move(reason)); }});
  timer_.start(tick_length, [this] { tick(); });
}

void LegSocket::tell(json::object message) {
  socket_->send(to_json(json::value(std::move(message))), true);
}

void LegSocket::on_open() {
  opened_ = loop_.now();
  tell({{"event", "start"},
        {"job", id_text(static_cast<uint64_t>(settings_.job))},
        {"anchor", id_text(static_cast<uint64_t>(settings_.anchor))},
        {"call", settings_.call},
        {"leg", settings_.leg},
        {"direction", direction_name(settings_.request.direction)},
        {"format", "l16"},
        {"rate", settings_.request.rate}});
}

void LegSocket::on_message(std::string_view message, bool is_text) {
  if (is_text)
    on_command(message);
  else if (speaks())
    speak(message);
}

void LegSocket::speak(std::string_view bytes) {
  std::string joined;
  if (!odd_byte_.empty()) {
    joined = std::exchange(odd_byte_, {}) + std::string(bytes);
    bytes = joined;
  }
  if (bytes.size() % 2) odd_byte_ = bytes.back();
  std::array<int16_t, 480> block;
  std::array<int16_t, 512> narrow;
  for (size_t at = 0; at + 2 <= bytes.size();) {
    const size_t count = std::min(block.size(), (bytes.size() - at) / 2);
    std::memcpy(block.data(), bytes.data() + at, count * 2);
    at += count * 2;
    std::span<const int16_t> samples(block.data(), count);
    if (down_) samples = std::span(narrow).first(down_->process(samples, narrow));
    overflown_samples_ += samples.size() - pipe_->spoken.write(samples);
  }
}

void LegSocket::on_command(std::string_view text) {
  const auto parsed = parse_json(text);
  if (!parsed || !parsed->is_object()) return tell({{"event", "error"}, {"text", "no JSON object"}});
  const json::object& command = parsed->get_object();
  const std::string what = json_string_or(command, "event", "");
  if (what == "clear") {
    pipe_->spoken.drop();
  } else if (what == "mark") {
    if (marks_.size() < marks_max)
      marks_.push_back({pipe_->spoken.written(), json_string_or(command, "name", "").substr(0, 256)});
  } else if (what == "stop") {
    finish("peer", "");
  } else {
    tell({{"event", "error"}, {"text", "unknown event \"" + what.substr(0, 64) + "\""}});
  }
}

void LegSocket::tell_digit(char digit) {
  tell({{"event", "digit"}, {"digit", std::string(1, digit)}});
}

void LegSocket::on_closed(uint16_t code, std::string reason) {
  is_peer_gone_ = true;
  constexpr uint16_t normal = 1000, going_away = 1001, no_status = 1005;
  const bool is_normal = code == normal || code == going_away || code == no_status;
  if (!is_normal) pipe_->spoken.drop();  // what a peer that broke down has said half is not said
  pipe_->is_spoken_out = true;
  if (ending_) return;
  ending_ = event::StreamEnded{.job = settings_.job,
                               .reason = is_normal                  ? "peer"
                                         : opened_ == io::Instant{} ? "refused"
                                                                    : "lost",
                               .text = std::move(reason)};
}

void LegSocket::finish(std::string reason, std::string text) {
  if (ending_) return;
  ending_ = event::StreamEnded{.job = settings_.job, .reason = std::move(reason), .text = std::move(text)};
  if (ending_->reason != "peer") pipe_->spoken.drop();
  pipe_->is_spoken_out = true;
  tell({{"event", "stop"}, {"reason", ending_->reason}});
  socket_->close();
}

void LegSocket::tick() {
  if (pipe_->is_leg_gone) finish("hangup", "");
  if (pipe_->is_cut_short && !std::exchange(is_cut_told_, true)) {
    if (settings_.request.direction == StreamRequest::Direction::to_leg)
      finish("replaced", "");
    else
      tell({{"event", "cut"}});
  }
  if (!ending_ && socket_->is_open() && hears()) send_heard();
  tell_marks();
  tell_losses();
  // What a peer that said goodbye has still to be heard is heard to its end.
  const bool is_all_said = !speaks() || pipe_->spoken.waiting() == 0 || pipe_->is_cut_short || pipe_->is_leg_gone;
  if (ending_ && is_peer_gone_ && is_all_said) {
    event::StreamEnded ended = std::move(*ending_);
    ended.heard = time_of(heard_samples_);
    ended.spoken = time_of(pipe_->spoken.read_so_far());
    ended.dropped = time_of(unsent_samples_ + overflown_samples_);
    return std::exchange(on_end_, nullptr)(std::move(ended));
  }
  timer_.start(tick_length, [this] { tick(); });
}

void LegSocket::send_heard() {
  std::array<int16_t, frame_samples> block;
  const uint64_t due = static_cast<uint64_t>(std::chrono::duration_cast<milliseconds>(loop_.now() - opened_).count()) *
                       (sample_rate / 1000);
  while (const size_t count = pipe_->heard.read(block)) {
    // After a stall what came at once is more than time has passed.
    if (heard_samples_ + unsent_samples_ > due + samples_behind) continue;
    send_samples(std::span(block).first(count));
  }
  block.fill(0);
  while (heard_samples_ + unsent_samples_ + samples_behind < due) send_samples(block);
}

void LegSocket::send_samples(std::span<const int16_t> samples) {
  if (socket_->unsent() > unsent_max) {
    unsent_samples_ += samples.size();
    return;
  }
  heard_samples_ += samples.size();
  std::array<int16_t, frame_samples * 3 + 8> wide;
  if (up_) samples = std::span(wide).first(up_->process(samples, wide));
  socket_->send({reinterpret_cast<const char*>(samples.data()), samples.size_bytes()}, false);
}

void LegSocket::tell_marks() {
  while (!marks_.empty() && pipe_->spoken.read_so_far() >= marks_.front().at) {
    tell({{"event", "mark"}, {"name", marks_.front().name}});
    marks_.pop_front();
  }
}

void LegSocket::tell_losses() {
  const bool is_new = unsent_samples_ != unsent_told_ || overflown_samples_ != overflown_told_;
  if (!is_new || loop_.now() - losses_told_ < losses_pause || socket_->unsent() > unsent_max) return;
  losses_told_ = loop_.now();
  tell({{"event", "dropped"},
        {"from_leg_ms", time_of(unsent_samples_ - unsent_told_).count()},
        {"to_leg_ms", time_of(overflown_samples_ - overflown_told_).count()}});
  unsent_told_ = unsent_samples_;
  overflown_told_ = overflown_samples_;
}

}  // namespace nearend::media
