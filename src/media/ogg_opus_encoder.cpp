#include <ogg/ogg.h>
#include <opus/opus_multistream.h>

#include <array>
#include <vector>

#include "media/audio_encoder.hpp"
#include "media/clip.hpp"

namespace nearend::media {
namespace {

constexpr int bits_per_channel = 20'000;
constexpr int complexity = 3;
constexpr uint32_t granule_rate = 48'000;  // RFC 7845, section 4: whatever the samples' rate
constexpr uint32_t ticks = granule_rate / sample_rate;
constexpr size_t frames_per_page = 20;  // 400 ms: what a crash may cost

struct Closer {
  void operator()(OpusMSEncoder* encoder) const { opus_multistream_encoder_destroy(encoder); }
};

void put(std::string& out, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i));
}

class OggOpusEncoder final : public AudioEncoder {
 public:
  static Result<std::unique_ptr<AudioEncoder>> make(uint8_t channels, uint32_t seed) {
    auto made = std::make_unique<OggOpusEncoder>(channels, seed);
    if (!made->encoder_) return fail(Error::Kind::internal, "Opus: the encoder did not start");
    return made;
  }
  OggOpusEncoder(uint8_t channels, uint32_t seed) : channels_(channels) {
    constexpr unsigned char mapping[] = {0, 1};
    int error = OPUS_OK;
    encoder_.reset(opus_multistream_encoder_create(static_cast<opus_int32>(sample_rate), channels, channels, 0, mapping,
                                                   OPUS_APPLICATION_VOIP, &error));
    ogg_stream_init(&stream_, static_cast<int>(seed));
    if (!encoder_) return;
    opus_multistream_encoder_ctl(encoder_.get(), OPUS_SET_BITRATE(bits_per_channel * channels));
    opus_multistream_encoder_ctl(encoder_.get(), OPUS_SET_COMPLEXITY(complexity));
    opus_int32 lookahead = 0;
    opus_multistream_encoder_ctl(encoder_.get(), OPUS_GET_LOOKAHEAD(&lookahead));
    lookahead_ = static_cast<uint32_t>(lookahead);
  }
  OggOpusEncoder(const OggOpusEncoder&) = delete;
  OggOpusEncoder& operator=(const OggOpusEncoder&) = delete;
  ~OggOpusEncoder() override { ogg_stream_clear(&stream_); }

  Result<void> encode(std::span<const int16_t> samples, std::string& out) override {
    begin(out);
    const size_t frame = frame_samples * channels_;
    waiting_.insert(waiting_.end(), samples.begin(), samples.end());
    taken_ += samples.size() / channels_;
    size_t at = 0;
    // One frame stays: the last packet of a stream says that it is the last.
    for (; at + 2 * frame <= waiting_.size(); at += frame)
      if (auto coded = code({waiting_.data() + at, frame}, false, out); !coded) return coded;
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<ptrdiff_t>(at));
    return {};
  }
  Result<void> finish(std::string& out) override {
    begin(out);
    const size_t frame = frame_samples * channels_;
    // The lookahead comes out last; the granule position of the last page says how much of it counts.
    const uint64_t end = taken_ + lookahead_;
    bool is_last = false;
    while (!is_last) {
      if (waiting_.size() < frame) waiting_.resize(frame);
      is_last = coded_ + frame_samples >= end;
      if (auto coded = code({waiting_.data(), frame}, is_last, out); !coded) return coded;
      waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<ptrdiff_t>(frame));
    }
    return {};
  }
  uint32_t delay() const override { return lookahead_ + static_cast<uint32_t>((frames_per_page + 2) * frame_samples); }

 private:
  void begin(std::string& out) {
    if (has_begun_) return;
    has_begun_ = true;
    std::string head = "OpusHead";
    put(head, 1, 1);
    put(head, channels_, 1);
    put(head, lookahead_ * ticks, 2);  // pre-skip
    put(head, sample_rate, 4);
    put(head, 0, 2);  // gain
    if (channels_ == 1) {
      put(head, 0, 1);
    } else {
      put(head, 1, 1);  // family 1: two streams, none of them coupled, the first is left
      put(head, 2, 1);
      put(head, 0, 1);
      put(head, 0x0100, 2);
    }
    add({head.data(), head.size()}, 0, true, false);
    write_pages(out, true);
    const std::string_view vendor = opus_get_version_string();
    std::string tags = "OpusTags";
    put(tags, vendor.size(), 4);
    tags += vendor;
    put(tags, 0, 4);
    add({tags.data(), tags.size()}, 0, false, false);
    write_pages(out, true);
  }
  Result<void> code(std::span<const int16_t> frame, bool is_last, std::string& out) {
    std::array<unsigned char, 2 * 1275 + 4> packet;
    const opus_int32 size = opus_multistream_encode(encoder_.get(), frame.data(), static_cast<int>(frame_samples),
                                                    packet.data(), static_cast<opus_int32>(packet.size()));
    if (size < 0) return fail(Error::Kind::internal, "Opus: {}", opus_strerror(size));
    coded_ += frame_samples;
    const uint64_t end = is_last ? taken_ + lookahead_ : coded_;
    add({reinterpret_cast<char*>(packet.data()), static_cast<size_t>(size)}, end * ticks, false, is_last);
    const bool is_full = ++frames_in_page_ >= frames_per_page;
    write_pages(out, is_full || is_last);
    if (is_full) frames_in_page_ = 0;
    return {};
  }
  void add(std::span<char> bytes, uint64_t granule, bool is_first, bool is_last) {
    ogg_packet packet{.packet = reinterpret_cast<unsigned char*>(bytes.data()),
                      .bytes = static_cast<long>(bytes.size()),
                      .b_o_s = is_first,
                      .e_o_s = is_last,
                      .granulepos = static_cast<ogg_int64_t>(granule),
                      .packetno = static_cast<ogg_int64_t>(packets_++)};
    ogg_stream_packetin(&stream_, &packet);
  }
  void write_pages(std::string& out, bool is_now) {
    ogg_page page;
    while (is_now ? ogg_stream_flush(&stream_, &page) : ogg_stream_pageout(&stream_, &page)) {
      out.append(reinterpret_cast<const char*>(page.header), static_cast<size_t>(page.header_len));
      out.append(reinterpret_cast<const char*>(page.body), static_cast<size_t>(page.body_len));
    }
  }

  size_t channels_;
  std::unique_ptr<OpusMSEncoder, Closer> encoder_;
  ogg_stream_state stream_{};
  uint32_t lookahead_ = 0;
  bool has_begun_ = false;
  std::vector<int16_t> waiting_;
  uint64_t taken_ = 0, coded_ = 0, packets_ = 0;  // samples a channel
  size_t frames_in_page_ = 0;
};

}  // namespace

Result<std::unique_ptr<AudioEncoder>> make_ogg_opus_encoder(uint8_t channels, uint32_t seed) {
  return OggOpusEncoder::make(channels, seed);
}

}  // namespace nearend::media
