#include "rtp/rtcp_xr.hpp"

namespace nearend::rtp {
namespace {

constexpr size_t block_head = 4, delay_size = 12, metrics_size = 32;

/// Room for a block behind the sender's SSRC and the block's head; null when it does not fit.
uint8_t* begin_block(RtcpWriter& writer, uint32_t sender, XrBlock::Type type, size_t size) {
  uint8_t* at = writer.begin(RtcpType::extended_report, 0, 4 + block_head + size);
  if (!at) return nullptr;
  write32(at, sender);
  at[4] = static_cast<uint8_t>(type);
  at[5] = 0;
  write16(at + 6, static_cast<uint16_t>(size / 4));
  return at + 4 + block_head;
}

}  // namespace

XrReader::XrReader(const RtcpPacket& packet) {
  if (packet.type == RtcpType::extended_report && packet.body.size() >= 4) rest_ = packet.body.subspan(4);
}

std::optional<XrBlock> XrReader::next() {
  const size_t size = rest_.size() < block_head ? 0 : block_head + size_t{read16(&rest_[2])} * 4;
  if (size == 0 || size > rest_.size()) {
    rest_ = {};
    return std::nullopt;
  }
  const XrBlock block{static_cast<XrBlock::Type>(rest_[0]), rest_.subspan(block_head, size - block_head)};
  rest_ = rest_.subspan(size);
  return block;
}

std::optional<uint64_t> reference_time(const XrBlock& block) {
  if (block.type != XrBlock::Type::reference_time || block.body.size() != 8) return std::nullopt;
  return uint64_t{read32(block.body.data())} << 32 | read32(block.body.data() + 4);
}

std::optional<ReferenceDelay> reference_delay(const XrBlock& block, size_t index) {
  if (block.type != XrBlock::Type::reference_delay || block.body.size() / delay_size <= index) return std::nullopt;
  const uint8_t* at = block.body.data() + index * delay_size;
  return ReferenceDelay{read32(at), read32(at + 4), read32(at + 8)};
}

std::optional<VoipMetrics> voip_metrics(const XrBlock& block) {
  if (block.type != XrBlock::Type::voip_metrics || block.body.size() != metrics_size) return std::nullopt;
  const uint8_t* at = block.body.data();
  VoipMetrics metrics;
  metrics.ssrc = read32(at);
  metrics.loss = at[4];
  metrics.discard = at[5];
  metrics.burst_density = at[6];
  metrics.gap_density = at[7];
  metrics.burst_ms = read16(at + 8);
  metrics.gap_ms = read16(at + 10);
  metrics.round_trip_ms = read16(at + 12);
  metrics.end_system_ms = read16(at + 14);
  metrics.signal_dbm0 = static_cast<int8_t>(at[16]);
  metrics.noise_dbm0 = static_cast<int8_t>(at[17]);
  metrics.echo_return_loss_db = at[18];
  metrics.gap_min = at[19];
  metrics.rating = at[20];
  metrics.external_rating = at[21];
  metrics.listening_score10 = at[22];
  metrics.conversation_score10 = at[23];
  metrics.receiver_config = at[24];
  metrics.buffer_ms = read16(at + 26);
  metrics.buffer_max_ms = read16(at + 28);
  metrics.buffer_limit_ms = read16(at + 30);
  return metrics;
}

std::optional<double> round_trip_ms(const ReferenceDelay& delay, uint64_t now_ntp) {
  return round_trip_ms(ReportBlock{.last_sr = delay.last_reference, .delay_since_sr = delay.delay}, now_ntp);
}

void write_reference_time(RtcpWriter& writer, uint32_t sender, uint64_t ntp) {
  uint8_t* at = begin_block(writer, sender, XrBlock::Type::reference_time, 8);
  if (!at) return;
  write32(at, static_cast<uint32_t>(ntp >> 32));
  write32(at + 4, static_cast<uint32_t>(ntp));
}

void write_reference_delay(RtcpWriter& writer, uint32_t sender, const ReferenceDelay& delay) {
  uint8_t* at = begin_block(writer, sender, XrBlock::Type::reference_delay, delay_size);
  if (!at) return;
  write32(at, delay.ssrc);
  write32(at + 4, delay.last_reference);
  write32(at + 8, delay.delay);
}

void write_voip_metrics(RtcpWriter& writer, uint32_t sender, const VoipMetrics& metrics) {
  uint8_t* at = begin_block(writer, sender, XrBlock::Type::voip_metrics, metrics_size);
  if (!at) return;
  write32(at, metrics.ssrc);
  at[4] = metrics.loss;
  at[5] = metrics.discard;
  at[6] = metrics.burst_density;
  at[7] = metrics.gap_density;
  write16(at + 8, metrics.burst_ms);
  write16(at + 10, metrics.gap_ms);
  write16(at + 12, metrics.round_trip_ms);
  write16(at + 14, metrics.end_system_ms);
  at[16] = static_cast<uint8_t>(metrics.signal_dbm0);
  at[17] = static_cast<uint8_t>(metrics.noise_dbm0);
  at[18] = metrics.echo_return_loss_db;
  at[19] = metrics.gap_min;
  at[20] = metrics.rating;
  at[21] = metrics.external_rating;
  at[22] = metrics.listening_score10;
  at[23] = metrics.conversation_score10;
  at[24] = metrics.receiver_config;
  at[25] = 0;
  write16(at + 26, metrics.buffer_ms);
  write16(at + 28, metrics.buffer_max_ms);
  write16(at + 30, metrics.buffer_limit_ms);
}

}  // namespace nearend::rtp
