#include "lab/phone.hpp"

#include <arpa/inet.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include <array>
#include <cstring>
#include <random>

#include "rtp/g711.hpp"
#include "rtp/packet.hpp"

namespace nearend::lab {
namespace {

constexpr int64_t frame_ns = 20'000'000;
constexpr int64_t resend_ns = 500'000'000;
constexpr uint8_t event_payload = 101;
constexpr uint8_t video_payload = 96;
constexpr int event_packets = 8;  // five with a growing duration, the end three times
constexpr size_t video_bytes = 900;

Descriptor timer() {
  return Descriptor(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
}

void arm(const Descriptor& timer, int64_t first_ns, int64_t every_ns) {
  const auto spec = [](int64_t ns) { return timespec{ns / 1'000'000'000, ns % 1'000'000'000}; };
  const itimerspec when{.it_interval = spec(every_ns), .it_value = spec(std::max<int64_t>(first_ns, 1))};
  ::timerfd_settime(timer.get(), 0, &when, nullptr);
}

void drain(const Descriptor& source) {
  uint64_t count;
  [[maybe_unused]] const auto got = ::read(source.get(), &count, sizeof count);
}

std::string rtp_packet(uint8_t type, bool is_marked, uint16_t sequence, uint32_t timestamp, uint32_t ssrc,
                       std::string_view payload) {
  const rtp::Bytes bytes(reinterpret_cast<const uint8_t*>(payload.data()), payload.size());
  std::array<uint8_t, 1500> out;
  const size_t size = rtp::write_packet(out, {is_marked, type, sequence, timestamp, ssrc, bytes});
  return {reinterpret_cast<const char*>(out.data()), size};
}

std::string ulaw_frame(Voice voice, size_t number) {
  std::string out;
  for (const int16_t sample : marker_frame(voice, number)) out += static_cast<char>(rtp::encode_ulaw(sample));
  return out;
}

uint64_t random_number() {
  static thread_local std::mt19937_64 source{std::random_device{}()};
  return source();
}

int event_code(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit == '*') return 10;
  if (digit == '#') return 11;
  return -1;
}

}  // namespace

Result<std::unique_ptr<Phone>> Phone::start(const Wan& wan, SiteId site, const PhoneSettings& settings) {
  std::unique_ptr<Phone> made(new Phone(wan, site, settings));
  for (auto [socket, port] : {std::pair(&made->sip_, settings.port), std::pair(&made->rtp_, settings.rtp_port),
                              std::pair(&made->video_, static_cast<uint16_t>(settings.rtp_port + 2))}) {
    auto opened = open_udp(wan, site, port);
    if (!opened) return pass(opened);
    *socket = std::move(*opened);
  }
  made->tick_ = timer();
  made->ring_ = timer();
  made->wake_ = Descriptor(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  made->thread_ = std::thread([phone = made.get()] { phone->run(); });
  return made;
}

Phone::Phone(const Wan& wan, SiteId site, PhoneSettings settings)
    : local_{wan.address(site), settings.port},
      settings_(std::move(settings)),
      ssrc_(static_cast<uint32_t>(random_number())) {}

Phone::~Phone() {
  is_stopping_ = true;
  const uint64_t one = 1;
  if (wake_) [[maybe_unused]]
    const auto written = ::write(wake_.get(), &one, sizeof one);
  if (thread_.joinable()) thread_.join();
}

void Phone::run() {
  const sched_param priority{.sched_priority = 5};  // below the network's thread
  ::sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &priority);
  std::array<pollfd, 6> sources{{{sip_.get(), POLLIN, 0},
                                 {tick_.get(), POLLIN, 0},
                                 {ring_.get(), POLLIN, 0},
                                 {wake_.get(), POLLIN, 0},
                                 {rtp_.get(), POLLIN, 0},
                                 {video_.get(), POLLIN, 0}}};
  while (!is_stopping_) {
    const int timeout = unanswered_.empty() ? -1 : 100;
    ::poll(sources.data(), sources.size(), timeout);
    if (sources[1].revents != 0) tick();
    if (sources[0].revents != 0) on_sip();
    if (sources[2].revents != 0) {
      drain(ring_);
      answer();
    }
    if (sources[3].revents != 0) on_command();
    std::array<char, 2048> unheard;  // the tap hears it
    if (sources[4].revents != 0) ::recv(rtp_.get(), unheard.data(), unheard.size(), MSG_DONTWAIT);
    if (sources[5].revents != 0) ::recv(video_.get(), unheard.data(), unheard.size(), MSG_DONTWAIT);
    if (!unanswered_.empty() && now_ns() >= resend_at_ns_) {
      send(unanswered_);
      resend_at_ns_ = now_ns() + resend_ns;
    }
  }
}

void Phone::on_sip() {
  std::array<char, 65536> buffer;
  sockaddr_in from{};
  socklen_t size = sizeof from;
  const ssize_t count =
      ::recvfrom(sip_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&from), &size);
  if (count < 10) return;  // keep-alive
  SipSeen message;
  message.text.assign(buffer.data(), static_cast<size_t>(count));
  const Endpoint source{IpAddress::v4(ntohl(from.sin_addr.s_addr)), ntohs(from.sin_port)};
  message.is_request() ? on_request(message, source) : on_response(message);
}

void Phone::on_request(const SipSeen& request, const Endpoint& source) {
  const std::string_view method = request.method();
  if (method == "INVITE") return on_invite(request, source);
  if (method == "OPTIONS") {
    const PhoneDialog outside{.local = local_, .peer = source, .user = settings_.user, .our_tag = "options"};
    return send_udp(sip_, source, outside.response(request, "200 OK"));
  }
  if (request.header("Call-ID") != dialog_.call_id) return;
  if (method == "ACK") {
    unanswered_.clear();
    return;
  }
  send(dialog_.response(request, "200 OK", method == "UPDATE" && !request.body().empty() ? sdp() : ""));
  if (method == "UPDATE" && !request.body().empty()) take_media(request.body());
  if (method == "CANCEL" && state() == State::ringing) {
    arm(ring_, INT64_MAX / 2, 0);
    SipSeen invite;
    invite.text = dialog_.invite;
    unanswered_ = last_answer_ = dialog_.response(invite, "487 Request Terminated");
    resend_at_ns_ = now_ns() + resend_ns;
    send(last_answer_);
    enter(State::ended, 487);
  }
  if (method == "BYE") enter(State::ended, 200);
}

void Phone::on_invite(const SipSeen& request, const Endpoint& source) {
  if (request.header("Call-ID") == dialog_.call_id) {
    if (request.header("CSeq") == SipSeen{.text = dialog_.invite}.header("CSeq")) return send(last_answer_);
    dialog_.invite = request.text;
    if (!request.body().empty()) take_media(request.body());
    unanswered_ = last_answer_ = dialog_.response(request, "200 OK", sdp());
    resend_at_ns_ = now_ns() + resend_ns;
    return send(last_answer_);
  }
  if (state() != State::idle && state() != State::ended) {
    const PhoneDialog other{.local = local_, .peer = source, .user = settings_.user, .our_tag = "busy"};
    return send_udp(sip_, source, other.response(request, "486 Busy Here"));
  }
  dialog_ = PhoneDialog::called(local_, settings_.user, request, source, random_number());
  is_started_ = false;
  enter(State::ringing, 0);
  if (settings_.refusal != 0) {
    unanswered_ = last_answer_ = dialog_.response(request, fmt::format("{} Refused", settings_.refusal));
    resend_at_ns_ = now_ns() + resend_ns;
    send(last_answer_);
    return enter(State::ended, settings_.refusal);
  }
  take_media(request.body());
  last_answer_ = dialog_.response(request, "180 Ringing");
  send(last_answer_);
  if (!settings_.is_left_ringing) arm(ring_, std::chrono::nanoseconds(settings_.ring).count(), 0);
}

void Phone::answer() {
  if (state() != State::ringing) return;
  const SipSeen invite{.text = dialog_.invite};
  unanswered_ = last_answer_ = dialog_.response(invite, "200 OK", sdp());
  resend_at_ns_ = now_ns() + resend_ns;
  send(last_answer_);
  enter(State::talking, 200);
}

void Phone::on_response(const SipSeen& response) {
  if (response.header("Call-ID") != dialog_.call_id) return;
  const std::string_view method = response.method();
  unanswered_.clear();
  if (method != "INVITE") return;
  if (response.status() < 200) {
    dialog_.learn(response);
    if (!response.body().empty()) take_media(response.body());
    return;
  }
  const bool is_success = response.status() < 300;
  if (is_success) dialog_.learn(response);
  send(dialog_.ack(response));
  if (state() != State::calling) return;
  if (!is_success) return enter(State::ended, response.status());
  take_media(response.body());
  enter(State::talking, response.status());
}

void Phone::take_media(std::string_view sdp) {
  voice_target_ = media_target(sdp, "audio");
  video_target_ = media_target(sdp, "video");
}

void Phone::enter(State state, int status) {
  const bool is_talking = state == State::talking;
  if (is_talking && !is_started_) {
    frame_ = 0;
    timestamp_ = static_cast<uint32_t>(random_number());
    arm(tick_, 1, frame_ns);
    is_started_ = true;
    is_silent_ = false;  // each call begins with speech
    tick();              // the first speech leaves with the answer
    arm(tick_, frame_ns, frame_ns);
  } else if (!is_talking) {
    arm(tick_, INT64_MAX / 2, 0);
    is_started_ = false;
  }
  {
    const std::lock_guard lock(lock_);
    state_ = state;
    status_ = status;
  }
  changed_.notify_all();
}

void Phone::on_command() {
  drain(wake_);
  std::string number;
  bool is_hangup = false;
  {
    const std::lock_guard lock(lock_);
    number = std::exchange(wanted_number_, {});
    is_hangup = std::exchange(is_hangup_wanted_, false);
  }
  const State now = state();
  if (!number.empty()) {
    dialog_ = PhoneDialog::calling(local_, settings_.user, number, wanted_gateway_, random_number());
    unanswered_ = dialog_.request("INVITE", sdp());
    resend_at_ns_ = now_ns() + resend_ns;
    is_started_ = false;
    send(unanswered_);
  }
  if (is_hangup && now == State::talking) {
    unanswered_ = dialog_.request("BYE");
    resend_at_ns_ = now_ns() + resend_ns;
    send(unanswered_);
    enter(State::ended, 200);
  } else if (is_hangup && now == State::calling) {
    unanswered_.clear();
    send(dialog_.cancel());
  }
}

void Phone::tick() {
  drain(tick_);
  if (!is_started_) return;
  const int digit = wanted_digit_.exchange(-1);
  if (digit >= 0) {
    event_code_ = static_cast<uint8_t>(digit);
    event_left_ = event_packets;
    event_timestamp_ = timestamp_;
  }
  if (!is_silent_) {
    event_left_ > 0 ? send_event_packet() : send_voice();
    if (settings_.has_video) send_video();
  }
  timestamp_ += frame_samples;
  ++frame_;
}

void Phone::send_voice() {
  if (!voice_target_) return;
  const std::string payload = ulaw_frame(settings_.voice, frame_);
  send_udp(rtp_, *voice_target_, rtp_packet(0, frame_ == 0, sequence_++, timestamp_, ssrc_, payload));
}

// RFC 4733 2.5.1: one timestamp for the whole event, a growing duration, the end three times.
void Phone::send_event_packet() {
  const int sent = event_packets - event_left_--;
  const bool is_end = sent >= event_packets - 3;
  const auto duration =
      static_cast<uint16_t>(frame_samples * static_cast<size_t>(std::min(sent + 1, event_packets - 3)));
  std::string payload{static_cast<char>(event_code_), static_cast<char>(is_end ? 0x8a : 0x0a),
                      static_cast<char>(duration >> 8), static_cast<char>(duration)};
  if (voice_target_) {
    send_udp(rtp_, *voice_target_, rtp_packet(event_payload, sent == 0, sequence_++, event_timestamp_, ssrc_, payload));
  }
}

// Packets like a picture's, each with contents of its own so that the far end can be compared.
void Phone::send_video() {
  if (!video_target_) return;
  std::string payload(video_bytes, static_cast<char>(settings_.voice));
  std::memcpy(payload.data(), &frame_, sizeof frame_);
  const auto timestamp = static_cast<uint32_t>(frame_ * 1800);
  send_udp(video_, *video_target_, rtp_packet(video_payload, true, video_sequence_++, timestamp, ssrc_ ^ 1, payload));
}

std::string Phone::sdp() {
  const uint16_t video_port = settings_.has_video ? static_cast<uint16_t>(settings_.rtp_port + 2) : uint16_t{0};
  return phone_sdp(local_.address, settings_.rtp_port, video_port, dialog_.cseq + 1);
}

void Phone::dial(const std::string& number, const Endpoint& gateway) {
  {
    const std::lock_guard lock(lock_);
    wanted_number_ = number;
    wanted_gateway_ = gateway;
    state_ = State::calling;
    status_ = 0;
  }
  const uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof one);
}

void Phone::hangup() {
  {
    const std::lock_guard lock(lock_);
    is_hangup_wanted_ = true;
  }
  const uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof one);
}

void Phone::press(char digit) {
  wanted_digit_ = event_code(digit);
}

Phone::State Phone::state() const {
  const std::lock_guard lock(lock_);
  return state_;
}

int Phone::status() const {
  const std::lock_guard lock(lock_);
  return status_;
}

bool Phone::wait(State state, std::chrono::milliseconds limit) const {
  std::unique_lock lock(lock_);
  return changed_.wait_for(lock, limit, [&] { return state_ == state; });
}

}  // namespace nearend::lab
