#include "sim/phone.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "rtp/g711.hpp"
#include "sdp/sdp.hpp"

namespace nearend::sim::test {
namespace {

constexpr uint16_t audio_port = 4000, video_port = 4100;
constexpr uint8_t telephone_event = 101, video_type = 97;
constexpr size_t frame_samples = 160;
// A marked frame begins "NE", the party, a check of it, and the number of the packet.
constexpr uint8_t first_mark = 'N', second_mark = 'E';

std::array<uint8_t, frame_samples> marked_frame(uint8_t party, uint32_t number) {
  std::array<uint8_t, frame_samples> frame;
  frame.fill(static_cast<uint8_t>(0x90 + party));
  frame[0] = first_mark;
  frame[1] = second_mark;
  frame[2] = party;
  frame[3] = static_cast<uint8_t>(~party);
  rtp::write32(frame.data() + 4, number);
  return frame;
}

bool is_silence(rtp::Bytes payload) {
  return std::ranges::all_of(payload, [](uint8_t code) { return std::abs(rtp::decode_ulaw(code)) < 100; });
}

Heard read(const rtp::Packet& packet, io::Instant now) {
  Heard heard{.at = now, .sequence = packet.sequence, .ssrc = packet.ssrc, .timestamp = packet.timestamp};
  const rtp::Bytes payload = packet.payload;
  heard.is_marked = payload.size() == frame_samples && payload[0] == first_mark && payload[1] == second_mark &&
                    payload[3] == static_cast<uint8_t>(~payload[2]);
  if (heard.is_marked) {
    heard.party = payload[2];
    heard.number = rtp::read32(payload.data() + 4);
  } else {
    heard.is_sound = packet.payload_type == 0 && !is_silence(payload);
  }
  return heard;
}

}  // namespace

Phone::Phone(Host& host, Options options)
    : host_(host),
      options_(std::move(options)),
      transport_(host.loop(), host.net(), {}),
      stack_(host.loop(), transport_, {.user_agent = "phone"}, *this),
      talk_timer_(host.loop()),
      answer_timer_(host.loop()),
      early_timer_(host.loop()),
      sequence_(static_cast<uint16_t>(host.loop().random())),
      timestamp_(static_cast<uint32_t>(host.loop().random())) {
  (void)transport_.listen({.protocol = sip::Protocol::udp, .local = signalling()});
  const auto ignore = [](const Endpoint&, io::Bytes) {};
  audio_ =
      *host.net().open_udp(host.endpoint(audio_port), [this](const Endpoint&, io::Bytes datagram) { hear(datagram); });
  audio_rtcp_ = *host.net().open_udp(host.endpoint(audio_port + 1), ignore);
  video_ = *host.net().open_udp(host.endpoint(video_port), [this](const Endpoint&, io::Bytes) { ++pictures_; });
  video_rtcp_ = *host.net().open_udp(host.endpoint(video_port + 1), ignore);
}

void Phone::dial(const Endpoint& gateway, const std::string& number) {
  sip::InviteRequest request;
  request.uri = fmt::format("sip:{}@{}", number, gateway.to_string());
  request.from = fmt::format("<sip:{}@{}>", options_.number, signalling().to_string());
  request.targets = {{sip::Protocol::udp, gateway, {}, 0}};
  request.body = description();
  state_ = State::calling;
  dialog_ = *stack_.invite(std::move(request));
}

void Phone::hang_up() {
  if (dialog_ == sip::DialogId::none) return;
  const sip::DialogId dialog = dialog_;
  finish({}, false);
  stack_.end(dialog);
}

void Phone::press(char digit) {
  pressing_.emplace(*rtp::event_of_digit(digit), 800);
}

sip::Body Phone::description() const {
  const std::string address = host_.address().to_string();
  std::string text = fmt::format(
      "v=0\r\no=- 1 1 IN IP4 {0}\r\ns=-\r\nc=IN IP4 {0}\r\nt=0 0\r\nm=audio {1} RTP/AVP 0 {2}\r\n"
      "a=rtpmap:{2} telephone-event/8000\r\na=sendrecv\r\n",
      address, audio_port, telephone_event);
  if (options_.has_video)
    text += fmt::format("m=video {0} RTP/AVP {1}\r\na=rtpmap:{1} VP8/90000\r\na=sendrecv\r\n", video_port, video_type);
  return {"application/sdp", std::move(text)};
}

void Phone::take_remote(std::string_view text) {
  const auto description = sdp::parse_sdp(text);
  if (!description) return;
  was_offered_media_ = true;
  for (const sdp::Media& section : description->media) {
    if (section.kind == "audio") remote_audio_ = description->rtp_endpoint(section);
    if (section.kind == "video") remote_video_ = description->rtp_endpoint(section);
  }
}

void Phone::on_dialog_event(sip::DialogId dialog, sip::DialogEvent event) {
  if (const auto* invited = std::get_if<sip::event::Invited>(&event)) return on_invited(dialog, *invited);
  if (const auto* requested = std::get_if<sip::event::Requested>(&event)) return on_requested(*requested);
  if (dialog != dialog_) return;
  if (const auto* progress = std::get_if<sip::event::Progress>(&event)) {
    if (progress->status >= 180) state_ = State::ringing;
    was_early_media_offered_ |= progress->body.is_sdp();
    if (progress->body.is_sdp()) take_remote(progress->body.content);
  } else if (const auto* accepted = std::get_if<sip::event::Accepted>(&event)) {
    take_remote(accepted->body.content);
    if (state_ != State::talking) start_talking();
  } else if (const auto* refused = std::get_if<sip::event::Refused>(&event)) {
    if (!refused->is_dialog_over) return;
    status_ = refused->status;
    finish({}, true);
  } else if (const auto* ended = std::get_if<sip::event::Ended>(&event)) {
    finish(ended->reason, true);
  } else if (const auto* cancelled = std::get_if<sip::event::Cancelled>(&event)) {
    finish(cancelled->reason, true);
  } else if (std::holds_alternative<sip::event::NotAcknowledged>(event)) {
    finish("not acknowledged", true);
  }
}

void Phone::on_request(sip::ServerTransactionId transaction, sip::Message request, const sip::Flow&) {
  (void)stack_.respond(transaction, request.method() == sip::Method::options ? 200 : 405);
}

void Phone::on_invited(sip::DialogId dialog, const sip::event::Invited& event) {
  ++calls_offered_;
  if (state_ == State::calling || state_ == State::ringing || state_ == State::talking) {
    (void)stack_.refuse(dialog, 486);
    return;
  }
  if (options_.refuses_with) {
    (void)stack_.refuse(dialog, *options_.refuses_with);
    return;
  }
  dialog_ = dialog;
  state_ = State::ringing;
  reason_.clear();
  take_remote(event.request.body());
  (void)stack_.progress(dialog, 180);
  if (options_.has_early_media) send_early(dialog);
  answer_timer_.start(options_.ring, [this, dialog] { answer(dialog); });
}

/// Said again and again, as carriers do (RFC 3261 13.3.1.1), because a 183 may be lost.
void Phone::send_early(sip::DialogId dialog) {
  if (dialog != dialog_ || state_ != State::ringing) return;
  (void)stack_.progress(dialog, 183, description());
  early_timer_.start(150ms, [this, dialog] { send_early(dialog); });
  if (!talk_timer_.is_running()) step();
}

void Phone::answer(sip::DialogId dialog) {
  if (dialog != dialog_ || state_ != State::ringing) return;
  ++calls_answered_;
  (void)stack_.accept(dialog, description());
  start_talking();
}

void Phone::on_requested(const sip::event::Requested& event) {
  const bool is_offer = event.method == sip::Method::invite || event.method == sip::Method::update;
  if (is_offer) {
    ++reinvites_;
    if (event.body.is_sdp()) take_remote(event.body.content);
  }
  (void)stack_.respond(event.transaction, 200, is_offer ? description() : sip::Body{});
}

void Phone::finish(std::string reason, bool is_by_peer) {
  state_ = State::ended;
  reason_ = std::move(reason);
  is_ended_by_peer_ = is_by_peer;
  ended_at_ = host_.loop().now();
  dialog_ = sip::DialogId::none;
  remote_audio_.reset();
  remote_video_.reset();
  talk_timer_.stop();
  early_timer_.stop();
  answer_timer_.stop();
}

void Phone::start_talking() {
  state_ = State::talking;
  answered_at_ = host_.loop().now();
  if (!talk_timer_.is_running()) step();
}

void Phone::step() {
  talk_timer_.start(20ms, [this] { step(); });
  timestamp_ += frame_samples;
  if (is_silent_) return;
  if (options_.has_video && remote_video_) {
    const auto picture = marked_frame(options_.party, sent_);
    std::array<uint8_t, 1500> buffer;
    const size_t size = rtp::write_packet(buffer, {.payload_type = video_type,
                                                   .sequence = sequence_,
                                                   .timestamp = timestamp_ * 11,
                                                   .ssrc = 7000u + options_.party,
                                                   .payload = picture});
    video_->send(*remote_video_, {buffer.data(), size});
  }
  if (pressing_) return send_event();
  const auto frame = marked_frame(options_.party, sent_++);
  send_audio(0, sent_ == 1, timestamp_, frame);
}

void Phone::send_event() {
  const bool is_new = pressing_->is_new();
  if (is_new) event_timestamp_ = timestamp_;
  if (const auto payload = pressing_->next())
    send_audio(telephone_event, is_new, event_timestamp_, rtp::write_event(*payload));
  else
    pressing_.reset();
}

void Phone::send_audio(uint8_t payload_type, bool is_marked, uint32_t timestamp, rtp::Bytes payload) {
  if (!remote_audio_) return;
  std::array<uint8_t, 400> buffer;
  const size_t size = rtp::write_packet(buffer, {.marker = is_marked,
                                                 .payload_type = payload_type,
                                                 .sequence = sequence_++,
                                                 .timestamp = timestamp,
                                                 .ssrc = 1000u + options_.party,
                                                 .payload = payload});
  audio_->send(*remote_audio_, {buffer.data(), size});
}

void Phone::hear(io::Bytes datagram) {
  if (rtp::is_rtcp(datagram)) return;
  if (const auto packet = rtp::parse_packet(datagram)) heard_.push_back(read(*packet, host_.loop().now()));
}

uint32_t Phone::heard_of(uint8_t party, io::Instant from) const {
  const auto begin = std::ranges::lower_bound(heard_, from, {}, &Heard::at);
  return static_cast<uint32_t>(
      std::count_if(begin, heard_.end(), [&](const Heard& one) { return one.is_marked && one.party == party; }));
}

uint32_t Phone::sounds_since(io::Instant from) const {
  const auto begin = std::ranges::lower_bound(heard_, from, {}, &Heard::at);
  return static_cast<uint32_t>(std::count_if(begin, heard_.end(), [](const Heard& one) { return one.is_sound; }));
}

Flaws Phone::flaws(uint8_t party, io::Instant from, io::Instant to) const {
  Flaws flaws;
  std::set<uint32_t> numbers;
  std::optional<io::Instant> last;
  for (const Heard& one : heard_) {
    if (!one.is_marked || one.party != party || one.at < from || one.at > to) continue;
    ++flaws.heard;
    if (!numbers.insert(one.number).second) ++flaws.doubled;
    if (last) flaws.longest_gap = std::max(flaws.longest_gap, one.at - *last);
    last = one.at;
  }
  if (!numbers.empty()) flaws.lost = *numbers.rbegin() - *numbers.begin() + 1 - static_cast<uint32_t>(numbers.size());
  return flaws;
}

Flaws Phone::breaks(io::Instant from, io::Instant to) const {
  Flaws flaws;
  std::optional<Heard> last;
  for (const Heard& one : heard_) {
    if (one.at < from || one.at > to) continue;
    ++flaws.heard;
    if (last) {
      const auto step = static_cast<uint16_t>(one.sequence - last->sequence);
      if (step == 0) ++flaws.doubled;
      if (step > 1) flaws.lost += one.ssrc != last->ssrc || step > 1000 ? 1000u : step - 1u;
      flaws.longest_gap = std::max(flaws.longest_gap, one.at - last->at);
    }
    last = one;
  }
  return flaws;
}

}  // namespace nearend::sim::test
