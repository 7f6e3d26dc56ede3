#include "codec/stream_decoder.hpp"

#include <algorithm>

#include "codec/makers.hpp"

namespace nearend::codec {
namespace {
constexpr int sequence_jump = 500;  // more than ten seconds is another stream
constexpr uint32_t jump_seconds = 30;
}  // namespace

StreamDecoder::StreamDecoder(std::unique_ptr<Decoder> decoder, uint32_t clock_rate)
    : decoder_(std::move(decoder)),
      clock_rate_(clock_rate),
      samples_(longest(decoder_->sample_rate()) + size_t{decoder_->sample_rate()} / 1000 * conceal_ms_max) {}

uint32_t StreamDecoder::samples_of(uint32_t ticks) const {
  return static_cast<uint32_t>(uint64_t{ticks} * sample_rate() / clock_rate_);
}

void StreamDecoder::skip(const rtp::Packet& packet) {
  if (has_begun_ && static_cast<int16_t>(static_cast<uint16_t>(packet.sequence - sequence_)) > 0)
    sequence_ = packet.sequence;
}

std::span<const int16_t> StreamDecoder::pause(size_t count) {
  const auto filled = std::span(samples_).first(std::min(count, samples_.size()));
  decoder_->conceal(filled);
  at_ += static_cast<uint32_t>(filled.size());
  next_timestamp_ += static_cast<uint32_t>(uint64_t{filled.size()} * clock_rate_ / sample_rate());
  return filled;
}

/// Stands in for what is missing before `packet`; how many samples that made, at the beginning of samples_.
uint32_t StreamDecoder::conceal(uint32_t missing, const rtp::Packet& packet, size_t decoded) {
  const uint32_t most = sample_rate() / 1000 * conceal_ms_max;
  const uint32_t total = std::min(missing, most);
  const auto last = static_cast<uint32_t>(std::min<size_t>(decoded, total));
  const auto all = std::span(samples_).first(total);
  if (total > last) decoder_->conceal(all.first(total - last));
  // Only the packet right before this one can be in it.
  if (missing <= most && decoder_->recover(packet.payload, all.last(last))) {
    figures_.recovered += last;
  } else {
    decoder_->conceal(all.last(last));
  }
  figures_.concealed += total;
  return total;
}

StreamDecoder::Heard StreamDecoder::take(const rtp::Packet& packet) {
  Heard heard;
  const auto counted = decoder_->count(packet.payload);
  if (!counted) {
    ++figures_.broken;
    skip(packet);
    return heard;
  }
  const int step = static_cast<int16_t>(static_cast<uint16_t>(packet.sequence - sequence_));
  const auto ticks = static_cast<int32_t>(packet.timestamp - next_timestamp_);
  const bool is_jump = std::abs(step) > sequence_jump || std::abs(int64_t{ticks}) > int64_t{jump_seconds} * clock_rate_;
  heard.is_restarted = has_begun_ && is_jump;
  if (has_begun_ && !is_jump) {
    if (step <= 0) {
      ++figures_.late;
      return heard;
    }
    const uint32_t missing = ticks > 0 ? samples_of(static_cast<uint32_t>(ticks)) : 0;
    if (step > 1 && missing > 0) heard.concealed = conceal(missing, packet, *counted);
    heard.gap = missing - heard.concealed;
  }
  const auto made = decoder_->decode(packet.payload, std::span(samples_).subspan(heard.concealed));
  if (!made) {
    ++figures_.broken;
    heard = {};
    return heard;
  }
  has_begun_ = true;
  sequence_ = packet.sequence;
  next_timestamp_ = packet.timestamp + static_cast<uint32_t>(uint64_t{*made} * clock_rate_ / sample_rate());
  heard.samples = std::span(samples_).first(heard.concealed + *made);
  at_ += heard.gap;
  heard.at = at_;
  at_ += static_cast<uint32_t>(heard.samples.size());
  return heard;
}

}  // namespace nearend::codec
