#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "lab/marker.hpp"
#include "lab/phone_dialog.hpp"
#include "lab/site_socket.hpp"
#include "lab/wan.hpp"

namespace nearend::lab {

/// How a phone of the lab's own behaves.
struct PhoneSettings {
  std::string user = "+15550100";
  Voice voice = Voice::caller;
  std::chrono::milliseconds ring{0};  ///< From 180 to 200; zero answers at once.
  int refusal = 0;                    ///< Not zero: calls are refused with this status.
  bool is_left_ringing = false;       ///< Rings until cancelled.
  bool has_video = false;             ///< Offers and answers an m=video line and sends RTP on it.
  uint16_t port = 5060;
  uint16_t rtp_port = 4000;  ///< Video on the next even port.
};

/// A phone that is as exact as the clock allows: its first speech leaves with its 200 OK, it can fall silent without
/// hanging up, it speaks a marker whose frames count. One call at a time. SIP over UDP with the least that RFC 3261
/// lets an endpoint do. Runs on a thread of its own; its methods may be called from any other.
class Phone {
 public:
  enum class State { idle, calling, ringing, talking, ended };

  static Result<std::unique_ptr<Phone>> start(const Wan& wan, SiteId site, const PhoneSettings& settings);
  Phone(const Phone&) = delete;
  ~Phone();

  /// Calls `number` at a gateway. The phone must be idle or ended.
  void dial(const std::string& number, const Endpoint& gateway);
  void hangup();
  /// Stops or resumes sending RTP; nobody is told.
  void fall_silent(bool is_silent) { is_silent_ = is_silent; }
  /// Sends a key press of 100 ms as RFC 4733 events.
  void press(char digit);

  State state() const;
  /// The final status of the last call: 200, or what refused it; 0 while none.
  int status() const;
  /// True when the state has been reached within `limit`.
  bool wait(State state, std::chrono::milliseconds limit) const;

 private:
  Phone(const Wan& wan, SiteId site, PhoneSettings settings);
  void run();
  void on_sip();
  void on_request(const SipSeen& request, const Endpoint& source);
  void on_invite(const SipSeen& request, const Endpoint& source);
  void on_response(const SipSeen& response);
  void answer();
  void take_media(std::string_view sdp);
  void enter(State state, int status);
  void send(const std::string& message) { send_udp(sip_, dialog_.peer, message); }
  void on_command();
  void tick();
  void send_voice();
  void send_event_packet();
  void send_video();
  std::string sdp();

  Endpoint local_;
  PhoneSettings settings_;
  Descriptor sip_, rtp_, video_, tick_, ring_, wake_;
  PhoneDialog dialog_;
  std::optional<Endpoint> voice_target_, video_target_;
  std::string last_answer_;  // to the INVITE, for its repetition
  std::string unanswered_;   // our request that waits for a response
  int64_t resend_at_ns_ = 0;
  bool is_started_ = false;  // RTP flows
  uint16_t sequence_ = 1, video_sequence_ = 1;
  uint32_t timestamp_ = 0, ssrc_ = 0;
  size_t frame_ = 0;
  int event_left_ = 0;  // packets of a key press still to send
  uint8_t event_code_ = 0;
  uint32_t event_timestamp_ = 0;

  mutable std::mutex lock_;
  mutable std::condition_variable changed_;
  State state_ = State::idle;
  int status_ = 0;
  std::string wanted_number_;
  Endpoint wanted_gateway_;
  bool is_hangup_wanted_ = false;
  std::atomic<bool> is_silent_{false};
  std::atomic<int> wanted_digit_{-1};
  std::atomic<bool> is_stopping_{false};
  std::thread thread_;
};

}  // namespace nearend::lab
