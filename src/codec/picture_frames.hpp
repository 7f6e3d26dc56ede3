#pragma once

#include <map>
#include <string>
#include <vector>

#include "codec/picture.hpp"

namespace nearend::codec {

/// One packet of a stream of pictures.
struct PicturePacket {
  uint16_t sequence = 0;
  uint32_t timestamp = 0;
  bool marker = false;
  int64_t came_ms = 0;      ///< On any clock that goes on.
  int64_t position_us = 0;  ///< Handed back with the frame that it begins.
  std::vector<uint8_t> payload;
};

/// One whole frame as a file wants it: VP8 and VP9 as they are, H.264 as NAL units with lengths of four bytes.
struct Picture {
  bool is_key = false;
  int64_t position_us = 0;
  PictureSize size;  ///< Of a key frame.
  std::vector<uint8_t> bytes;
};

/// Takes frames out of their packets: RFC 7741, RFC 9628, RFC 6184 (single units, STAP-A, FU-A). Packets may come out
/// of order; one that has not come after `patience_ms` is lost, and with it its frame and all after it up to the next
/// key frame. One thread; takes memory.
class PictureFrames {
 public:
  static constexpr int64_t patience_ms = 150;
  static constexpr size_t frame_bytes_max = 4 << 20, waiting_max = 2048;

  explicit PictureFrames(PictureKind kind) : kind_(kind) {}
  void add(PicturePacket packet);
  /// What is whole by now is appended to `out`, in order. `now_ms`: the clock of came_ms; all of it when `is_last`.
  void take(int64_t now_ms, bool is_last, std::vector<Picture>& out);
  /// Nothing can be given out before the far end sends a key frame.
  bool needs_key() const { return needs_key_; }
  /// Forgets what is half here: what comes next may follow anything.
  void begin_anew();
  PictureKind kind() const { return kind_; }
  /// What an H.264 file says once for all frames (ISO/IEC 14496-15 5.2.4.1); empty before the parameter sets came.
  std::vector<uint8_t> configuration() const;

 private:
  void feed(const PicturePacket& packet, std::vector<Picture>& out);
  bool take_part(const PicturePacket& packet);
  bool take_units(const PicturePacket& packet);
  bool take_fragment(std::span<const uint8_t> payload);
  bool add_unit(std::span<const uint8_t> unit);
  void append(std::span<const uint8_t> bytes);
  void lose();
  void finish(std::vector<Picture>& out);

  PictureKind kind_;
  std::map<int64_t, PicturePacket> waiting_;  // by number, extended
  bool has_begun_ = false;
  int64_t next_ = 0;

  bool needs_key_ = true;
  bool is_skipping_ = false;  // up to the next frame's beginning
  uint32_t skipped_timestamp_ = 0;
  bool has_frame_ = false;
  uint32_t timestamp_ = 0;
  Picture frame_;
  size_t fragment_at_ = 0;  // of an FU-A under way: where its length stands, plus one; 0: none
  std::vector<uint8_t> sequence_set_, picture_set_;
};

}  // namespace nearend::codec
