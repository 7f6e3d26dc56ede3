#include "moves/talker.hpp"

#include <algorithm>

#include "rtp/g711.hpp"

namespace nearend::media::test {
namespace {

constexpr size_t bits = 48;
constexpr int loud = 8000;
constexpr uint8_t event_type = 101;
constexpr size_t sent_kept = 400;

uint64_t code_of(const Frame& frame) {
  const uint64_t value = uint64_t{frame.speaker} << 24 | (frame.number & 0xffffff);
  return value << 16 | ((value * 0x9e3779b97f4a7c15u) >> 48);
}

/// When what is sent now arrives: nothing overtakes what was sent before it.
io::Instant arrival_over(Site& site, const Way& way, io::Instant& last) {
  const io::Instant now = site.loop().now();
  if (way.jitter.count() == 0) return now + way.delay;
  last = std::max(last + 100us, now + way.delay + way.jitter * site.random(1000) / 1000);
  return last;
}

/// An even port whose neighbour is free too.
std::pair<std::unique_ptr<io::UdpSocket>, std::unique_ptr<io::UdpSocket>> open_pair(Site& site, const IpAddress& ip,
                                                                                    io::DatagramHandler handler) {
  static uint16_t next = 45000;
  auto shared = std::make_shared<io::DatagramHandler>(std::move(handler));
  for (int tries = 0; tries < 2000; ++tries) {
    const uint16_t port = next;
    next = next >= 59998 ? 45000 : static_cast<uint16_t>(next + 2);
    auto rtp =
        site.net().open_udp({ip, port}, [shared](const Endpoint& from, io::Bytes bytes) { (*shared)(from, bytes); });
    if (!rtp) continue;
    auto rtcp = site.net().open_udp({ip, static_cast<uint16_t>(port + 1)}, [](const Endpoint&, io::Bytes) {});
    if (rtcp) return {std::move(*rtp), std::move(*rtcp)};
  }
  Site::fatal("no ports for telephones");
}

std::optional<Frame> frame_of(io::Bytes datagram) {
  const auto packet = rtp::parse_packet(datagram);
  if (!packet) return std::nullopt;
  return read_frame(packet->payload, packet->payload_type);
}

}  // namespace

uint32_t stamp_of(io::Instant at) {
  return static_cast<uint32_t>(std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count());
}

std::array<uint8_t, 160> write_frame(const Frame& frame, uint8_t law) {
  std::array<uint8_t, 160> payload;
  const uint64_t code = code_of(frame);
  uint64_t rest = code * 0x632be59bd9b4e019u + 1;
  for (size_t i = 0; i < payload.size(); ++i) {
    if (i < bits) {
      payload[i] = code >> i & 1 ? 0x80 : 0x00;
    } else {
      rest = rest * 6364136223846793005u + 1442695040888963407u;
      payload[i] = static_cast<uint8_t>((rest >> 56) & 0xbf);
    }
    if (law == 8) payload[i] = rtp::alaw_of_ulaw(payload[i]);
  }
  return payload;
}

std::optional<Frame> read_frame(std::span<const uint8_t> payload, uint8_t law) {
  if (payload.size() < bits || (law != 0 && law != 8)) return std::nullopt;
  uint64_t code = 0;
  for (size_t i = 0; i < bits; ++i) {
    const int sample = law == 8 ? rtp::decode_alaw(payload[i]) : rtp::decode_ulaw(payload[i]);
    if (std::abs(sample) < loud) return std::nullopt;
    if (sample > 0) code |= uint64_t{1} << i;
  }
  const Frame frame{.speaker = static_cast<uint8_t>(code >> 40),
                    .number = static_cast<uint32_t>(code >> 16) & 0xffffff};
  if (code_of(frame) != code) return std::nullopt;
  return frame;
}

Talker::Talker(Site& site, Options options, Dropped& dropped)
    : site_(site),
      options_(std::move(options)),
      dropped_(dropped),
      timer_(site.loop()),
      ssrc_(0x1000u + options_.id * 77u),
      timestamp_(options_.id * 104729u),
      sequence_(static_cast<uint16_t>(options_.id * 7919u)) {
  std::tie(socket_, rtcp_) =
      open_pair(site, options_.ip, [this](const Endpoint& from, io::Bytes bytes) { hear(from, bytes); });
  if (!options_.keys) return;
  auto seal = srtp::Sender::make(options_.keys->receive);
  auto open = srtp::Receiver::make(options_.keys->send);
  if (!seal || !open) Site::fatal("no SRTP");
  seal_.emplace(std::move(*seal));
  open_.emplace(std::move(*open));
}

void Talker::talk_to(const Endpoint& to) {
  to_ = to;
  if (timer_.is_running()) return;
  if (begun_ == io::Instant{}) begun_ = site_.loop().now() + io::Duration(1ms) * site_.random(20);
  due_ = std::max(begun_, site_.loop().now());
  timer_.start_at(due_, [this] { step(); });
}

void Talker::press(char digit, uint16_t frames) {
  pressing_.emplace(*rtp::event_of_digit(digit), static_cast<uint16_t>(frames * 160));
}

void Talker::step() {
  due_ += 20ms;
  timer_.start_at(due_, [this] { step(); });
  timestamp_ += 160;
  ++count_;
  if (pressing_) {
    const bool is_new = pressing_->is_new();
    if (is_new) event_timestamp_ = timestamp_;
    if (const auto event = pressing_->next()) {
      const auto payload = rtp::write_event(*event);
      dropped_.insert({options_.id, count_});  // no speech in its place
      return send({.marker = is_new, .payload_type = event_type, .timestamp = event_timestamp_, .payload = payload}, 0);
    }
    pressing_.reset();
  }
  const auto payload = write_frame({options_.id, count_}, options_.law);
  send({.payload_type = options_.law, .timestamp = timestamp_, .payload = payload}, count_);
}

void Talker::send(rtp::Packet packet, uint32_t number) {
  packet.sequence = sequence_++;
  packet.ssrc = ssrc_;
  std::vector<uint8_t> bytes(rtp::fixed_header_size + packet.payload.size() + srtp::trailer_max);
  size_t size = rtp::write_packet(bytes, packet);
  if (seal_) size = seal_->protect(bytes, size).size;
  bytes.resize(size);
  if (options_.keeps_sent) {
    if (sent_.size() < sent_kept) sent_.emplace_back();
    sent_[count_ % sent_.size()] = bytes;
  }
  if (options_.access.loss > 0 && site_.chance() < options_.access.loss) {
    if (number > 0) dropped_.insert({options_.id, number});
    return;
  }
  const io::Instant arrival = arrival_over(site_, options_.access, last_arrival_);
  if (arrival <= site_.loop().now()) return socket_->send(to_, bytes);
  site_.loop().start_timer(arrival, [this, to = to_, bytes = std::move(bytes)] { socket_->send(to, bytes); });
}

const std::vector<uint8_t>* Talker::sent_before(uint32_t turn) const {
  if (sent_.empty()) return nullptr;
  const auto& one = sent_[turn * 7919u % sent_.size()];
  return one.empty() ? nullptr : &one;
}

void Talker::replay_to(const Endpoint& to, uint32_t turn) {
  if (const auto* one = sent_before(turn)) socket_->send(to, *one);
}

void Talker::hear(const Endpoint& from, io::Bytes bytes) {
  std::array<uint8_t, 2048> copy;
  if (bytes.size() > copy.size()) return;
  std::copy(bytes.begin(), bytes.end(), copy.begin());
  size_t size = bytes.size();
  if (open_) {
    const auto opened = open_->unprotect({copy.data(), size});
    if (opened.verdict != srtp::Verdict::good) {
      ++unreadable;
      return;
    }
    size = opened.size;
  }
  const auto packet = rtp::parse_packet({copy.data(), size});
  if (!packet) {
    ++unreadable;
    return;
  }
  Heard one{.at = site_.loop().now(),
            .from = from,
            .ssrc = packet->ssrc,
            .timestamp = packet->timestamp,
            .sequence = packet->sequence,
            .payload_type = packet->payload_type,
            .marker = packet->marker};
  if (packet->payload_type == event_type)
    one.event = rtp::parse_event(packet->payload).value_or(rtp::EventPayload());
  else
    one.frame = read_frame(packet->payload, packet->payload_type).value_or(Frame());
  heard.push_back(one);
}

Wire::Wire(Site& site, const Way& way, Dropped& dropped) : site_(site), way_(way), dropped_(dropped) {
  const auto open = [&](auto handler) {
    auto pair = open_pair(site, IpAddress::loopback(), std::move(handler));
    return std::move(pair.first);
  };
  near_ = open([this](const Endpoint&, io::Bytes bytes) { pass(*far_, far_end_, bytes, last_at_far_); });
  far_ = open([this](const Endpoint&, io::Bytes bytes) { pass(*near_, near_end_, bytes, last_at_near_); });
}

void Wire::join(const Endpoint& near_end, const Endpoint& far_end) {
  near_end_ = near_end;
  far_end_ = far_end;
}

void Wire::pass(io::UdpSocket& out, const Endpoint& to, io::Bytes bytes, io::Instant& last) {
  if (way_.loss > 0 && site_.chance() < way_.loss) {
    const auto frame = frame_of(bytes).value_or(Frame{.number = stamp_of(site_.loop().now())});
    dropped_.insert({frame.speaker, frame.number});  // noise: of nobody, by its time
    return;
  }
  const io::Instant arrival = arrival_over(site_, way_, last);
  if (arrival <= site_.loop().now()) return out.send(to, bytes);
  site_.loop().start_timer(arrival,
                           [&out, to, copy = std::vector<uint8_t>(bytes.begin(), bytes.end())] { out.send(to, copy); });
}

}  // namespace nearend::media::test
