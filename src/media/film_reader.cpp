// Matroska and WebM by libwebm's parser.
#include <webm/buffer_reader.h>
#include <webm/callback.h>
#include <webm/webm_parser.h>

#include <algorithm>
#include <exception>

#include "media/film.hpp"

namespace nearend::media {
namespace {

constexpr size_t tracks_max = 16, blocks_max = 2'000'000;

/// The parser's reader over bytes that stay where they are.
class Bytes final : public webm::Reader {
 public:
  explicit Bytes(std::string_view bytes) : bytes_(bytes) {}
  webm::Status Read(size_t count, uint8_t* buffer, uint64_t* got) override {
    const size_t here = std::min(count, bytes_.size() - at_);
    std::copy_n(bytes_.begin() + static_cast<ptrdiff_t>(at_), here, buffer);
    return moved(here, count, got);
  }
  webm::Status Skip(uint64_t count, uint64_t* got) override {
    const auto here = static_cast<size_t>(std::min<uint64_t>(count, bytes_.size() - at_));
    return moved(here, count, got);
  }
  uint64_t Position() const override { return at_; }

 private:
  webm::Status moved(size_t here, uint64_t wanted, uint64_t* got) {
    at_ += here;
    *got = here;
    if (here == 0) return webm::Status(webm::Status::kEndOfFile);
    return webm::Status(here == wanted ? webm::Status::kOkCompleted : webm::Status::kOkPartial);
  }
  std::string_view bytes_;
  size_t at_ = 0;
};

class Collector final : public webm::Callback {
 public:
  Collector(std::string_view bytes, FilmContents& found) : bytes_(bytes), found_(found) {}

  webm::Status OnInfo(const webm::ElementMetadata&, const webm::Info& info) override {
    if (info.timecode_scale.is_present()) scale_ns_ = std::max<uint64_t>(1, info.timecode_scale.value());
    if (info.duration.is_present())
      found_.duration_ms = info.duration.value() * static_cast<double>(scale_ns_) / 1'000'000;
    return ok();
  }
  webm::Status OnTrackEntry(const webm::ElementMetadata&, const webm::TrackEntry& entry) override {
    if (found_.tracks.size() == tracks_max) return webm::Status(webm::Status::kInvalidElementValue);
    FilmContents::Track track{.number = entry.track_number.value(),
                              .has_pictures = entry.track_type.value() == webm::TrackType::kVideo,
                              .has_sound = entry.track_type.value() == webm::TrackType::kAudio,
                              .codec = entry.codec_id.value(),
                              .configuration = entry.codec_private.value(),
                              .size = {},
                              .delay_ns = entry.codec_delay.value()};
    if (entry.video.is_present())
      track.size = {static_cast<uint16_t>(entry.video.value().pixel_width.value()),
                    static_cast<uint16_t>(entry.video.value().pixel_height.value())};
    if (entry.audio.is_present()) {
      const auto& audio = entry.audio.value();
      const double rate = audio.sampling_frequency.value();
      track.rate = rate > 0 && rate < 1e6 ? static_cast<uint32_t>(rate) : 0;
      track.channels = static_cast<uint32_t>(std::min<uint64_t>(audio.channels.value(), 255));
      track.bits = static_cast<uint32_t>(std::min<uint64_t>(audio.bit_depth.value(), 255));
    }
    is_encoded_ = is_encoded_ || entry.content_encodings.is_present();
    found_.tracks.push_back(std::move(track));
    return ok();
  }
  webm::Status OnClusterBegin(const webm::ElementMetadata&, const webm::Cluster& cluster,
                              webm::Action* action) override {
    *action = webm::Action::kRead;
    cluster_ = cluster.timecode.value();
    return ok();
  }
  webm::Status OnSimpleBlockBegin(const webm::ElementMetadata&, const webm::SimpleBlock& block,
                                  webm::Action* action) override {
    *action = webm::Action::kRead;
    begin_block(block, block.is_key_frame);
    return ok();
  }
  webm::Status OnBlockBegin(const webm::ElementMetadata&, const webm::Block& block, webm::Action* action) override {
    *action = webm::Action::kRead;
    begin_block(block, true);
    group_from_ = found_.blocks.size();
    return ok();
  }
  webm::Status OnBlockGroupEnd(const webm::ElementMetadata&, const webm::BlockGroup& group) override {
    if (!group.references.empty())
      for (size_t i = group_from_; i < found_.blocks.size(); ++i) found_.blocks[i].is_key = false;
    return ok();
  }
  webm::Status OnFrame(const webm::FrameMetadata& frame, webm::Reader* reader, uint64_t* left) override {
    const bool is_first = *left == frame.size;
    if (is_first) {
      if (found_.blocks.size() == blocks_max) return webm::Status(webm::Status::kInvalidElementValue);
      const bool is_whole = frame.position <= bytes_.size() && frame.size <= bytes_.size() - frame.position;
      if (is_whole) {
        block_.bytes = bytes_.substr(static_cast<size_t>(frame.position), static_cast<size_t>(frame.size));
        found_.blocks.push_back(block_);
      }
    }
    return webm::Callback::OnFrame(frame, reader, left);
  }
  webm::Status OnCuePoint(const webm::ElementMetadata&, const webm::CuePoint&) override {
    ++found_.cues;
    return ok();
  }
  bool is_encoded() const { return is_encoded_; }

 private:
  static webm::Status ok() { return webm::Status(webm::Status::kOkCompleted); }
  void begin_block(const webm::Block& block, bool is_key) {
    const auto ticks = static_cast<int64_t>(std::min<uint64_t>(cluster_, uint64_t{1} << 40)) + block.timecode;
    const auto scale = static_cast<int64_t>(std::min<uint64_t>(scale_ns_, 1'000'000'000));
    block_ = {.track = block.track_number,
              .at_ms = ticks / 1000 * scale / 1000 + ticks % 1000 * scale / 1'000'000,
              .is_key = is_key,
              .bytes = {}};
  }

  std::string_view bytes_;
  FilmContents& found_;
  uint64_t scale_ns_ = 1'000'000, cluster_ = 0;
  FilmContents::Block block_;
  size_t group_from_ = 0;
  bool is_encoded_ = false;
};

}  // namespace

Result<FilmContents> read_film(std::string_view bytes) {
  FilmContents found;
  Collector collector(bytes, found);
  Bytes reader(bytes);
  webm::WebmParser parser;
  webm::Status status(webm::Status::kOkPartial);
  try {  // the parser takes the memory that a broken file asks for
    while (status.code == webm::Status::kOkPartial) status = parser.Feed(&collector, &reader);
  } catch (const std::exception& error) {
    return fail(Error::Kind::malformed, "Matroska: {}", error.what());
  }
  const bool is_cut = status.code == webm::Status::kEndOfFile;
  if (!status.completed_ok() && !(is_cut && !found.tracks.empty()))
    return fail(Error::Kind::malformed, "Matroska: broken ({})", static_cast<int>(status.code));
  if (collector.is_encoded())
    return fail(Error::Kind::unsupported, "Matroska: tracks that are compressed or encrypted once more");
  return found;
}

size_t Film::first_from(uint32_t at_ms) const {
  return static_cast<size_t>(std::ranges::lower_bound(frames, at_ms, {}, &Frame::at_ms) - frames.begin());
}

size_t Film::key_before(uint32_t at_ms) const {
  size_t at = static_cast<size_t>(std::ranges::upper_bound(frames, at_ms, {}, &Frame::at_ms) - frames.begin());
  while (at > 0 && !frames[--at].is_key) {
  }
  return at;
}

}  // namespace nearend::media
