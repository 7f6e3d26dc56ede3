#include "codec/picture_frames.hpp"

#include <algorithm>
#include <utility>

namespace nearend::codec {
namespace {

using Bytes = std::span<const uint8_t>;

void put_length(std::vector<uint8_t>& bytes, size_t at, size_t length) {
  for (size_t i = 0; i < 4; ++i) bytes[at + i] = static_cast<uint8_t>(length >> (24 - 8 * i));
}

/// H.264 says nowhere that a frame begins, but these come first where they come.
bool begins_frame(Bytes payload) {
  uint8_t type = nal::type_of(payload[0]);
  if (type == nal::stap_a && payload.size() > 3) type = nal::type_of(payload[3]);
  return type == nal::sequence_set || type == nal::delimiter;
}

}  // namespace

void PictureFrames::add(PicturePacket packet) {
  if (packet.payload.empty()) return;
  int64_t number = packet.sequence;
  if (has_begun_) number = next_ + static_cast<int16_t>(packet.sequence - static_cast<uint16_t>(next_));
  if (has_begun_ && number < next_) {
    if (next_ - number < 1000) return;  // late, or a second time
    waiting_.clear();                   // numbered anew
    lose();
    next_ = number;
  }
  if (!std::exchange(has_begun_, true)) {
    next_ = number;
    is_skipping_ = true;
    skipped_timestamp_ = packet.timestamp;
  }
  if (waiting_.size() < waiting_max) waiting_.try_emplace(number, std::move(packet));
}

void PictureFrames::begin_anew() {
  waiting_.clear();
  has_begun_ = false;
  lose();
}

void PictureFrames::take(int64_t now_ms, bool is_last, std::vector<Picture>& out) {
  while (!waiting_.empty()) {
    const auto first = waiting_.begin();
    if (first->first != next_) {
      const bool may_come = !is_last && now_ms - first->second.came_ms < patience_ms && waiting_.size() < waiting_max;
      if (may_come) return;
      lose();
      is_skipping_ = true;
      skipped_timestamp_ = first->second.timestamp;
    }
    next_ = first->first + 1;
    feed(first->second, out);
    waiting_.erase(first);
  }
}

void PictureFrames::lose() {
  needs_key_ = true;
  has_frame_ = false;
  fragment_at_ = 0;
  frame_ = {};
}

void PictureFrames::feed(const PicturePacket& packet, std::vector<Picture>& out) {
  if (has_frame_ && packet.timestamp != timestamp_) finish(out);  // its marker did not come
  if (is_skipping_) {
    // Behind a loss: a part of what cannot be whole any more.
    const bool is_plain = kind_ == PictureKind::h264;
    const bool may_begin = !is_plain || packet.timestamp != skipped_timestamp_ || begins_frame(packet.payload);
    if (!may_begin) return;
    is_skipping_ = false;
  }
  if (!has_frame_) {
    frame_ = {};
    frame_.position_us = packet.position_us;
    timestamp_ = packet.timestamp;
  }
  if (!(kind_ == PictureKind::h264 ? take_units(packet) : take_part(packet))) {
    lose();
    return;
  }
  if (packet.marker && has_frame_) finish(out);
}

bool PictureFrames::take_part(const PicturePacket& packet) {
  const auto part = kind_ == PictureKind::vp8 ? read_vp8(packet.payload) : read_vp9(packet.payload);
  if (!part) return false;
  if (!has_frame_) {
    if (!part->is_frame_start) return false;
    has_frame_ = true;
    frame_.is_key = part->is_key;
    if (part->is_key) {
      const auto size = kind_ == PictureKind::vp8 ? vp8_size(part->data) : vp9_size(part->data);
      frame_.size = size.value_or(PictureSize{});
    }
  }
  append(part->data);
  return frame_.bytes.size() <= frame_bytes_max;
}

void PictureFrames::append(Bytes bytes) {
  frame_.bytes.insert(frame_.bytes.end(), bytes.begin(), bytes.end());
}

bool PictureFrames::add_unit(Bytes unit) {
  if (unit.empty()) return false;
  const uint8_t type = nal::type_of(unit[0]);
  if (type == nal::idr) frame_.is_key = true;
  if (type == nal::sequence_set) sequence_set_.assign(unit.begin(), unit.end());
  if (type == nal::picture_set) picture_set_.assign(unit.begin(), unit.end());
  const size_t at = frame_.bytes.size();
  frame_.bytes.resize(at + 4);
  put_length(frame_.bytes, at, unit.size());
  append(unit);
  has_frame_ = true;
  return frame_.bytes.size() <= frame_bytes_max;
}

bool PictureFrames::take_units(const PicturePacket& packet) {
  const Bytes payload = packet.payload;
  const uint8_t type = nal::type_of(payload[0]);
  if (fragment_at_ != 0 && type != nal::fu_a) return false;  // the rest did not come, yet nothing is missing
  if (type == nal::fu_a) return take_fragment(payload);
  if (type >= 1 && type < nal::stap_a) return add_unit(payload);
  if (type != nal::stap_a) return false;
  Bytes rest = payload.subspan(1);
  while (rest.size() >= 2) {
    const size_t length = static_cast<size_t>(rest[0] << 8 | rest[1]);
    if (length == 0 || length > rest.size() - 2 || !add_unit(rest.subspan(2, length))) return false;
    rest = rest.subspan(2 + length);
  }
  return rest.empty();
}

bool PictureFrames::take_fragment(Bytes payload) {
  if (payload.size() < 3) return false;
  const bool is_start = payload[1] & 0x80, is_end = payload[1] & 0x40;
  if (is_start != (fragment_at_ == 0)) return false;
  if (is_start) {
    const uint8_t header = static_cast<uint8_t>((payload[0] & 0xe0) | nal::type_of(payload[1]));
    fragment_at_ = frame_.bytes.size() + 1;
    frame_.bytes.resize(frame_.bytes.size() + 4);
    frame_.bytes.push_back(header);
    if (nal::type_of(header) == nal::idr) frame_.is_key = true;
    has_frame_ = true;
  }
  append(payload.subspan(2));
  if (is_end) {
    put_length(frame_.bytes, fragment_at_ - 1, frame_.bytes.size() - fragment_at_ - 3);
    fragment_at_ = 0;
  }
  return frame_.bytes.size() <= frame_bytes_max;
}

void PictureFrames::finish(std::vector<Picture>& out) {
  has_frame_ = false;
  Picture done = std::exchange(frame_, {});
  if (fragment_at_ != 0) return lose();
  if (kind_ == PictureKind::h264 && done.is_key) {
    if (sequence_set_.empty() || picture_set_.empty()) return lose();  // nobody could show it
    done.size = h264_size(sequence_set_).value_or(PictureSize{});
  }
  if (needs_key_ && !done.is_key) return;
  needs_key_ = false;
  out.push_back(std::move(done));
}

std::vector<uint8_t> PictureFrames::configuration() const {
  if (sequence_set_.size() < 4 || picture_set_.empty()) return {};
  std::vector<uint8_t> all{1, sequence_set_[1], sequence_set_[2], sequence_set_[3], 0xff, 0xe1};
  const auto add = [&](const std::vector<uint8_t>& unit) {
    all.push_back(static_cast<uint8_t>(unit.size() >> 8));
    all.push_back(static_cast<uint8_t>(unit.size()));
    all.insert(all.end(), unit.begin(), unit.end());
  };
  add(sequence_set_);
  all.push_back(1);
  add(picture_set_);
  return all;
}

}  // namespace nearend::codec
