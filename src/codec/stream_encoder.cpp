#include "codec/stream_encoder.hpp"

#include <algorithm>

#include "codec/makers.hpp"

namespace nearend::codec {
namespace {
constexpr uint32_t put_ms_max = 200;  // a packet of the longest kind and what was concealed before it
}

StreamEncoder::StreamEncoder(std::unique_ptr<Encoder> encoder, uint32_t clock_rate, uint32_t ptime_ms)
    : encoder_(std::move(encoder)), clock_rate_(clock_rate) {
  const size_t per_ms = encoder_->sample_rate() / 1000;
  const size_t wanted = size_t{encoder_->sample_rate()} * std::clamp<uint32_t>(ptime_ms, 10, packet_ms_max) / 1000;
  packet_samples_ = encoder_->fitting(wanted);
  pending_.resize(packet_samples_ + put_ms_max * (per_ms + 1));
  payload_.resize(payload_bytes_max);
}

uint32_t StreamEncoder::ticks_of(size_t samples) const {
  return static_cast<uint32_t>(uint64_t{samples} * clock_rate_ / encoder_->sample_rate());
}

void StreamEncoder::skip(uint32_t gap) {
  if (end_ > begin_) {  // the rest of its packet is silence
    const size_t wanted = (end_ - begin_ + packet_samples_ - 1) / packet_samples_ * packet_samples_;
    const size_t padding = std::min(wanted - (end_ - begin_), pending_.size() - end_);
    std::fill_n(pending_.begin() + static_cast<ptrdiff_t>(end_), padding, int16_t{0});
    end_ += padding;
    gap -= std::min<uint32_t>(gap, static_cast<uint32_t>(padding));
  }
  // What is complete keeps its time; the gap begins behind it.
  timestamp_ += ticks_of(gap);
  is_after_gap_ = true;
}

void StreamEncoder::append(std::span<const int16_t> samples) {
  if (begin_ > 0) {
    std::copy(pending_.begin() + static_cast<ptrdiff_t>(begin_), pending_.begin() + static_cast<ptrdiff_t>(end_),
              pending_.begin());
    end_ -= begin_;
    begin_ = 0;
  }
  const size_t taken = std::min(samples.size(), pending_.size() - end_);
  std::copy_n(samples.begin(), taken, pending_.begin() + static_cast<ptrdiff_t>(end_));
  end_ += taken;
}

void StreamEncoder::put(std::span<const int16_t> samples, uint32_t rate, uint32_t gap) {
  const uint32_t ours = encoder_->sample_rate();
  if (gap > 0) skip(static_cast<uint32_t>(uint64_t{gap} * ours / rate));
  if (rate == ours) return append(samples);
  if (!resampler_ || resampler_->from() != rate) {
    resampler_.emplace(rate, ours);
    resampled_.resize(resampler_->room_for(size_t{rate} / 1000 * put_ms_max));
  }
  while (!samples.empty()) {
    const size_t piece = std::min<size_t>(samples.size(), size_t{rate} / 1000 * put_ms_max);
    append(std::span(resampled_).first(resampler_->process(samples.first(piece), resampled_)));
    samples = samples.subspan(piece);
  }
}

std::span<const uint8_t> StreamEncoder::encode_now(std::span<const int16_t> samples, uint32_t rate) {
  begin_ = end_ = 0;
  put(samples, rate, 0);
  const auto size = encoder_->encode(std::span<const int16_t>(pending_).subspan(begin_, end_ - begin_), payload_);
  begin_ = end_ = 0;
  if (size) return std::span(payload_).first(*size);
  ++faults_;
  return {};
}

std::optional<StreamEncoder::Packet> StreamEncoder::next() {
  while (end_ - begin_ >= packet_samples_) {
    const auto samples = std::span<const int16_t>(pending_).subspan(begin_, packet_samples_);
    const auto size = encoder_->encode(samples, payload_);
    Packet packet{.timestamp = timestamp_, .ticks = ticks_of(packet_samples_), .marker = is_after_gap_, .payload = {}};
    begin_ += packet_samples_;
    timestamp_ += packet.ticks;
    if (!size) {
      ++faults_;
      continue;
    }
    if (*size == 0) {  // silence: the time passes, the numbers do not
      is_after_gap_ = true;
      continue;
    }
    is_after_gap_ = false;
    packet.sequence = sequence_++;
    packet.payload = std::span(payload_).first(*size);
    return packet;
  }
  return std::nullopt;
}

}  // namespace nearend::codec
