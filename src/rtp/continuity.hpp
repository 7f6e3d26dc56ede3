#pragma once

#include "rtp/packet.hpp"

namespace nearend::rtp {

/// Owns the one stream that a far end sees from us, whoever feeds it: one SSRC for the life of the leg, sequence
/// numbers without a step, timestamps by the wall clock. Within a source its own holes stay visible; at a switch the
/// first packet of the new source takes the next free place in time, and what comes for a taken place is late: another
/// path brought that moment first, unless it is known that nobody did. What we make ourselves (noise, ring-back,
/// prompts) takes no moment from a talker: the first words after it are sent whenever they come, at most one and a half
/// frames ahead of the clock, which keeps its line. No allocation; one thread.
class Continuity {
 public:
  /// Who feeds: any value that differs between two sources whose numbering differs.
  using Source = uint64_t;
  enum class Maker : uint8_t { far_end, ourselves };

  struct Place {
    uint16_t sequence = 0;
    uint32_t timestamp = 0;
    bool marker = false;
    bool is_switch = false;      ///< First packet of another source than before.
    uint32_t missed_frames = 0;  ///< At a switch: frames of time that nobody filled.
  };

  Continuity(uint32_t ssrc, uint16_t first_sequence, uint32_t first_timestamp)
      : ssrc_(ssrc), sequence_(first_sequence), timestamp_(first_timestamp) {}

  /// Where the packet goes; nothing when its place is taken. `frame`: ticks a packet lasts. `is_event`: a telephone
  /// event, whose timestamp stands still. `is_unheard`: a frame that no other source has brought before.
  std::optional<Place> place(Source source, const Packet& packet, uint32_t frame, uint32_t clock_rate, bool is_event,
                             Instant now, Maker maker = Maker::far_end, bool is_unheard = false);
  /// A place for a packet of our own between those of the source, at a timestamp that was already given (the end of an
  /// event).
  Place insert(uint32_t timestamp, Instant now);

  /// How a source's packets are placed for as long as nothing changes: what another can do in our stead.
  struct Line {
    uint16_t sequence_offset = 0;
    uint32_t timestamp_offset = 0;
    double ahead = 0;  ///< Of the clock line, without the lead, at the last packet.
  };
  /// Nothing unless the source feeds and has for `packets` packets.
  std::optional<Line> line_of(Source source, uint16_t packets) const;
  /// What another has placed along that line: its last packet, and by how many ticks the clock line has followed.
  void resume(uint16_t sequence_in, uint32_t timestamp_in, uint64_t packets, double followed, Instant last_sent);

  bool has_sent() const { return has_sent_; }
  bool is_fed_by(Source source) const { return has_source_ && source_ == source; }
  uint32_t ssrc() const { return ssrc_; }
  uint16_t last_sequence() const { return sequence_; }
  uint32_t last_timestamp() const { return timestamp_; }
  Instant last_sent() const { return last_sent_; }
  /// What is sent now is further ahead of the clock than a frame: it will not be missed for a frame more.
  bool is_ahead(Instant now) const { return has_sent_ && ahead(timestamp_, now) > 0; }
  /// The timestamp that belongs to `now`.
  uint32_t timestamp_at(Instant now) const;

 private:
  Place switch_to(Source source, const Packet& packet, uint32_t frame, uint32_t clock_rate, Maker maker,
                  bool is_unheard, Instant now);
  int32_t ahead(uint32_t timestamp, Instant now) const;
  void follow_clock(uint32_t timestamp, Instant now);
  void set_clock(uint32_t timestamp, Instant now);

  uint32_t ssrc_;
  uint16_t sequence_;
  uint32_t timestamp_;
  bool has_sent_ = false;
  bool has_source_ = false;
  Source source_ = 0;
  uint16_t sequence_offset_ = 0;
  uint32_t timestamp_offset_ = 0;
  uint16_t first_ = 0;         // first sequence of this source; what lies before is taken
  uint16_t since_switch_ = 0;  // packets of this source, stops counting at 1000
  uint32_t clock_rate_ = 8000;
  Instant clock_origin_{};  // the wall clock line: at clock_origin_ it was clock_timestamp_ + clock_skew_
  uint32_t clock_timestamp_ = 0;
  double clock_skew_ = 0;
  double lead_ = 0;  // ticks that this source is ahead of the line: by its switch and its path, not by its clock
  Maker last_maker_ = Maker::far_end;
  Instant last_sent_{};
};

}  // namespace nearend::rtp
