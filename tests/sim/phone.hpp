#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/async.hpp"
#include "rtp/packet.hpp"
#include "rtp/telephone_event.hpp"
#include "sim/world.hpp"
#include "sip/stack.hpp"

namespace nearend::sim::test {

using namespace std::chrono_literals;

/// One RTP packet that came to a phone.
struct Heard {
  io::Instant at;
  uint16_t sequence = 0;
  uint32_t ssrc = 0, timestamp = 0;
  bool is_marked = false;  ///< It carries a phone's mark; otherwise a prompt, a tone or comfort noise.
  uint8_t party = 0;       ///< Whose mark.
  uint32_t number = 0;     ///< Which of that phone's packets.
  bool is_sound = false;   ///< Neither marked nor silence.
};

/// What is wrong with the marked packets of one party within a time.
struct Flaws {
  uint32_t heard = 0, lost = 0, doubled = 0;
  io::Duration longest_gap{};
};

/// A telephone, or a carrier with one subscriber: SIP over UDP by the project's stack, and RTP of its own in which each
/// packet says whose it is and which one, so that what is lost, doubled or late can be counted. One call at a time.
class Phone final : public sip::Stack::Listener {
 public:
  struct Options {
    uint8_t party = 1;
    std::string number;
    bool has_video = false;
    io::Duration ring = 600ms;        ///< As a callee: from the INVITE to the answer.
    bool has_early_media = false;     ///< As a callee: it is heard while it rings.
    std::optional<int> refuses_with;  ///< As a callee: instead of answering.
  };
  enum class State : uint8_t { idle, calling, ringing, talking, ended };

  Phone(Host& host, Options options);

  void dial(const Endpoint& gateway, const std::string& number);
  void hang_up();
  void press(char digit);
  /// Sends no RTP and no RTCP from now on.
  void fall_silent() { is_silent_ = true; }

  State state() const { return state_; }
  bool is_talking() const { return state_ == State::talking; }
  bool is_ended() const { return state_ == State::ended; }
  int status() const { return status_; }                 ///< Of the refusal of our INVITE.
  const std::string& reason() const { return reason_; }  ///< Reason header of the BYE or CANCEL that ended the call.
  bool is_ended_by_peer() const { return is_ended_by_peer_; }
  uint32_t calls_answered() const { return calls_answered_; }
  uint32_t calls_offered() const { return calls_offered_; }
  bool was_early_media_offered() const { return was_early_media_offered_; }  ///< As a caller: by 183.
  uint32_t reinvites() const { return reinvites_; }
  bool was_offered_media() const { return was_offered_media_; }
  io::Instant answered_at() const { return answered_at_; }
  io::Instant ended_at() const { return ended_at_; }

  const std::vector<Heard>& heard() const { return heard_; }
  /// Marked packets of `party` since `from`.
  uint32_t heard_of(uint8_t party, io::Instant from = {}) const;
  uint32_t sounds_since(io::Instant from) const;
  uint32_t pictures() const { return pictures_; }
  /// Marked packets of `party` between `from` and `to`; loss is counted between the first and the last heard.
  Flaws flaws(uint8_t party, io::Instant from, io::Instant to) const;
  /// Steps of the stream that no source made, whatever it carries: sequence numbers lost and doubled between two times.
  Flaws breaks(io::Instant from, io::Instant to) const;
  void forget() { heard_.clear(); }

  Host& host() { return host_; }
  const std::string& number() const { return options_.number; }
  uint8_t party() const { return options_.party; }
  Endpoint signalling() const { return host_.endpoint(5060); }
  size_t dialogs() const { return stack_.dialogs(); }
  size_t transactions() const { return stack_.transactions(); }

 private:
  void on_dialog_event(sip::DialogId dialog, sip::DialogEvent event) override;
  void on_request(sip::ServerTransactionId transaction, sip::Message request, const sip::Flow& flow) override;
  void on_invited(sip::DialogId dialog, const sip::event::Invited& event);
  void on_requested(const sip::event::Requested& event);
  void answer(sip::DialogId dialog);
  void send_early(sip::DialogId dialog);
  void take_remote(std::string_view description);
  void finish(std::string reason, bool is_by_peer);
  sip::Body description() const;
  void start_talking();
  void step();
  void send_event();
  void hear(io::Bytes datagram);
  void send_audio(uint8_t payload_type, bool is_marked, uint32_t timestamp, rtp::Bytes payload);

  Host& host_;
  Options options_;
  sip::Transport transport_;
  sip::Stack stack_;
  std::unique_ptr<io::UdpSocket> audio_, video_, audio_rtcp_, video_rtcp_;
  io::Timer talk_timer_, answer_timer_, early_timer_;

  State state_ = State::idle;
  sip::DialogId dialog_ = sip::DialogId::none;
  std::optional<Endpoint> remote_audio_, remote_video_;
  int status_ = 0;
  std::string reason_;
  bool is_ended_by_peer_ = false, is_silent_ = false, was_offered_media_ = false, was_early_media_offered_ = false;
  uint32_t calls_answered_ = 0, calls_offered_ = 0, reinvites_ = 0, pictures_ = 0;
  io::Instant answered_at_{}, ended_at_{};

  uint16_t sequence_;
  uint32_t timestamp_;
  uint32_t sent_ = 0;
  std::optional<rtp::EventSender> pressing_;
  uint32_t event_timestamp_ = 0;
  std::vector<Heard> heard_;
};

}  // namespace nearend::sim::test
