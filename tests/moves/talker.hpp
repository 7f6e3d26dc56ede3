#pragma once

#include <set>
#include <vector>

#include "moves/site.hpp"
#include "srtp/context.hpp"

namespace nearend::media::test {

/// What a stretch of network does to what passes it.
struct Way {
  io::Duration delay{0}, jitter{0};
  double loss = 0;
};

/// Frames that the network has lost, of all speakers: nobody else is to blame for them. Noise is speaker 0's, with the
/// millisecond of its loss (stamp_of) for a number.
using Dropped = std::set<std::pair<uint8_t, uint32_t>>;

uint32_t stamp_of(io::Instant at);

/// A frame of speech that can be told from all others, also after a change of law: who said it, and its number, in the
/// signs of loud samples.
struct Frame {
  uint8_t speaker = 0;
  uint32_t number = 0;
};
std::array<uint8_t, 160> write_frame(const Frame& frame, uint8_t law);
std::optional<Frame> read_frame(std::span<const uint8_t> payload, uint8_t law);

/// A telephone: says a numbered frame every 20 ms over its access line, and notes all that it hears.
class Talker {
 public:
  struct Options {
    uint8_t id = 1;
    uint8_t law = 0;
    Way access;
    std::optional<SrtpKeys> keys;  ///< As the media node has them.
    IpAddress ip = IpAddress::loopback();
    bool keeps_sent = false;  ///< Its last packets can be sent again.
  };
  struct Heard {
    io::Instant at;
    Endpoint from;
    uint32_t ssrc = 0, timestamp = 0;
    uint16_t sequence = 0;
    uint8_t payload_type = 0;
    bool marker = false;
    Frame frame;  ///< Number 0: none of a talker's.
    rtp::EventPayload event;
  };
  Talker(Site& site, Options options, Dropped& dropped);
  Endpoint local() const { return socket_->local(); }
  /// From its next frame on.
  void talk_to(const Endpoint& to);
  void stop() { timer_.stop(); }
  void press(char digit, uint16_t frames);
  bool is_pressing() const { return pressing_.has_value(); }
  /// When its frame was said.
  io::Instant said_at(uint32_t number) const { return begun_ + (number - 1) * io::Duration(20ms); }
  uint32_t said() const { return count_; }
  const Options& options() const { return options_; }
  uint32_t ssrc() const { return ssrc_; }
  uint16_t sequence() const { return sequence_; }
  uint32_t timestamp() const { return timestamp_; }

  /// A packet that it has sent a while ago, as it was; null: none.
  const std::vector<uint8_t>* sent_before(uint32_t turn) const;
  /// Sends one again, or any bytes, from its own address.
  void replay_to(const Endpoint& to, uint32_t turn);
  void send_raw(const Endpoint& to, std::span<const uint8_t> bytes) { socket_->send(to, bytes); }

  std::vector<Heard> heard;
  /// What could not be opened with its keys, or was no RTP.
  uint32_t unreadable = 0;

 private:
  void step();
  void send(rtp::Packet packet, uint32_t number);
  void hear(const Endpoint& from, io::Bytes bytes);

  Site& site_;
  Options options_;
  Dropped& dropped_;
  io::Timer timer_;
  std::unique_ptr<io::UdpSocket> socket_, rtcp_;
  std::optional<srtp::Sender> seal_;
  std::optional<srtp::Receiver> open_;
  Endpoint to_;
  io::Instant begun_{}, due_{}, last_arrival_{};
  uint32_t ssrc_, count_ = 0, timestamp_, event_timestamp_ = 0;
  uint16_t sequence_;
  std::optional<rtp::EventSender> pressing_;
  std::vector<std::vector<uint8_t>> sent_;
};

/// A stretch of network between two nodes, both ways.
class Wire {
 public:
  Wire(Site& site, const Way& way, Dropped& dropped);
  /// Where each end sends, and whose packets it sees.
  Endpoint near() const { return near_->local(); }
  Endpoint far() const { return far_->local(); }
  void join(const Endpoint& near_end, const Endpoint& far_end);

 private:
  void pass(io::UdpSocket& out, const Endpoint& to, io::Bytes bytes, io::Instant& last);
  Site& site_;
  Way way_;
  Dropped& dropped_;
  Endpoint near_end_, far_end_;
  io::Instant last_at_near_{}, last_at_far_{};
  std::unique_ptr<io::UdpSocket> near_, far_;
};

}  // namespace nearend::media::test
