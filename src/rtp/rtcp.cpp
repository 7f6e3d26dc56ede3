#include "rtp/rtcp.hpp"

#include <algorithm>
#include <cstring>

namespace nearend::rtp {
namespace {
constexpr size_t block_size = 24;
constexpr size_t sender_info_size = 20;
constexpr int32_t lost_max = 0x7fffff;
constexpr uint8_t report_request_format = 5;
}  // namespace

std::optional<RtcpPacket> RtcpReader::next() {
  if (rest_.empty() || is_broken_) return std::nullopt;
  is_broken_ = true;
  if (rest_.size() < 4 || rest_[0] >> 6 != 2 || rest_[1] < 192 || rest_[1] > 223) return std::nullopt;
  const size_t size = (read16(&rest_[2]) + size_t{1}) * 4;
  if (size > rest_.size()) return std::nullopt;
  RtcpPacket packet{static_cast<RtcpType>(rest_[1]), static_cast<uint8_t>(rest_[0] & 0x1f), rest_.subspan(4, size - 4)};
  if (rest_[0] & 0x20) {
    const size_t padding = packet.body.empty() ? 0 : packet.body.back();
    if (padding == 0 || padding > packet.body.size()) return std::nullopt;
    packet.body = packet.body.first(packet.body.size() - padding);
  }
  rest_ = rest_.subspan(size);
  is_broken_ = false;
  return packet;
}

std::optional<uint32_t> rtcp_sender(const RtcpPacket& packet) {
  if (packet.body.size() < 4 || packet.type == RtcpType::sdes || packet.type == RtcpType::bye) return std::nullopt;
  return read32(packet.body.data());
}

std::optional<SenderInfo> sender_info(const RtcpPacket& packet) {
  if (packet.type != RtcpType::sender_report || packet.body.size() < 4 + sender_info_size) return std::nullopt;
  const uint8_t* at = packet.body.data() + 4;
  return SenderInfo{uint64_t{read32(at)} << 32 | read32(at + 4), read32(at + 8), read32(at + 12), read32(at + 16)};
}

std::optional<uint32_t> requested_report(const RtcpPacket& packet) {
  const bool is_request = packet.type == RtcpType::transport_feedback && packet.count == report_request_format;
  if (!is_request || packet.body.size() != 8) return std::nullopt;
  return read32(packet.body.data() + 4);
}

std::optional<ReportBlock> report_block(const RtcpPacket& packet, size_t index) {
  const bool is_sender = packet.type == RtcpType::sender_report;
  if (!is_sender && packet.type != RtcpType::receiver_report) return std::nullopt;
  const size_t begin = 4 + (is_sender ? sender_info_size : 0) + index * block_size;
  if (index >= packet.count || packet.body.size() < begin + block_size) return std::nullopt;
  const uint8_t* at = packet.body.data() + begin;
  ReportBlock block;
  block.ssrc = read32(at);
  block.fraction_lost = at[4];
  const uint32_t lost = read32(at + 4) & 0xffffff;
  block.cumulative_lost = static_cast<int32_t>(lost << 8) >> 8;  // sign of 24 bits
  block.extended_highest = read32(at + 8);
  block.jitter = read32(at + 12);
  block.last_sr = read32(at + 16);
  block.delay_since_sr = read32(at + 20);
  return block;
}

uint8_t* RtcpWriter::begin(RtcpType type, uint8_t count, size_t body_size) {
  if (is_full_ || out_.size() - size_ < 4 + body_size) {
    is_full_ = true;
    return nullptr;
  }
  uint8_t* at = out_.data() + size_;
  at[0] = static_cast<uint8_t>(0x80 | count);
  at[1] = static_cast<uint8_t>(type);
  write16(at + 2, static_cast<uint16_t>(body_size / 4));
  size_ += 4 + body_size;
  return at + 4;
}

void RtcpWriter::write_blocks(uint8_t* at, std::span<const ReportBlock> blocks) {
  for (const ReportBlock& block : blocks) {
    write32(at, block.ssrc);
    const int32_t lost = std::clamp(block.cumulative_lost, -lost_max - 1, lost_max);
    write32(at + 4, uint32_t{block.fraction_lost} << 24 | (static_cast<uint32_t>(lost) & 0xffffff));
    write32(at + 8, block.extended_highest);
    write32(at + 12, block.jitter);
    write32(at + 16, block.last_sr);
    write32(at + 20, block.delay_since_sr);
    at += block_size;
  }
}

void RtcpWriter::sender_report(uint32_t ssrc, const SenderInfo& info, std::span<const ReportBlock> blocks) {
  uint8_t* at = begin(RtcpType::sender_report, static_cast<uint8_t>(blocks.size()),
                      4 + sender_info_size + blocks.size() * block_size);
  if (!at) return;
  write32(at, ssrc);
  write32(at + 4, static_cast<uint32_t>(info.ntp >> 32));
  write32(at + 8, static_cast<uint32_t>(info.ntp));
  write32(at + 12, info.rtp_timestamp);
  write32(at + 16, info.packets);
  write32(at + 20, info.octets);
  write_blocks(at + 24, blocks);
}

void RtcpWriter::receiver_report(uint32_t ssrc, std::span<const ReportBlock> blocks) {
  uint8_t* at = begin(RtcpType::receiver_report, static_cast<uint8_t>(blocks.size()), 4 + blocks.size() * block_size);
  if (!at) return;
  write32(at, ssrc);
  write_blocks(at + 4, blocks);
}

void RtcpWriter::cname(uint32_t ssrc, std::string_view name) {
  name = name.substr(0, 255);
  const size_t items = (4 + 2 + name.size() + 1 + 3) / 4 * 4;  // SSRC, item, the ending zero, to a multiple of 4
  uint8_t* at = begin(RtcpType::sdes, 1, items);
  if (!at) return;
  std::memset(at, 0, items);
  write32(at, ssrc);
  at[4] = 1;  // CNAME
  at[5] = static_cast<uint8_t>(name.size());
  std::memcpy(at + 6, name.data(), name.size());
}

void RtcpWriter::bye(uint32_t ssrc) {
  if (uint8_t* at = begin(RtcpType::bye, 1, 4)) write32(at, ssrc);
}

void RtcpWriter::picture_loss(uint32_t sender, uint32_t media) {
  uint8_t* at = begin(RtcpType::payload_feedback, 1, 8);
  if (!at) return;
  write32(at, sender);
  write32(at + 4, media);
}

void RtcpWriter::report_request(uint32_t sender, uint32_t media) {
  uint8_t* at = begin(RtcpType::transport_feedback, report_request_format, 8);
  if (!at) return;
  write32(at, sender);
  write32(at + 4, media);
}

uint64_t ntp_of(int64_t wall_ns) {
  constexpr int64_t epoch_1900_s = 2'208'988'800;
  const int64_t seconds = wall_ns / 1'000'000'000;
  const uint64_t fraction = (static_cast<uint64_t>(wall_ns % 1'000'000'000) << 32) / 1'000'000'000;
  return static_cast<uint64_t>(seconds + epoch_1900_s) << 32 | fraction;
}

std::optional<double> round_trip_ms(const ReportBlock& block, uint64_t now_ntp) {
  if (block.last_sr == 0) return std::nullopt;
  const uint32_t now = static_cast<uint32_t>(now_ntp >> 16);
  const int32_t ticks = static_cast<int32_t>(now - block.last_sr - block.delay_since_sr);
  constexpr int32_t plausible = 60 * 65536;
  // A peer that rounds its delay up may come out a hair below zero.
  if (ticks < -655 || ticks > plausible) return std::nullopt;
  return std::max(0, ticks) * 1000.0 / 65536;
}

}  // namespace nearend::rtp
