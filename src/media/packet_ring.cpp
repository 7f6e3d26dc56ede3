#include "media/packet_ring.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace nearend::media {
namespace {

constexpr size_t file_header = 24, record_header = 16, udp_header = 8;
constexpr size_t payload_max = 2048, packet_max = 40 + udp_header + payload_max;
constexpr uint32_t magic_us = 0xa1b2c3d4, link_raw = 101;
constexpr uint8_t protocol_udp = 17, hops = 64, expedited = 46 << 2;

void put_little(uint8_t* at, uint32_t value) {
  for (int i = 0; i < 4; ++i) at[i] = static_cast<uint8_t>(value >> (8 * i));
}
uint32_t little(const uint8_t* at) {
  return uint32_t{at[0]} | uint32_t{at[1]} << 8 | uint32_t{at[2]} << 16 | uint32_t{at[3]} << 24;
}
void put_big(uint8_t* at, size_t value) {
  at[0] = static_cast<uint8_t>(value >> 8);
  at[1] = static_cast<uint8_t>(value);
}

uint32_t summed(std::span<const uint8_t> bytes, uint32_t sum = 0) {
  for (size_t i = 0; i < bytes.size(); ++i) sum += i % 2 ? bytes[i] : uint32_t{bytes[i]} << 8;
  return sum;
}
uint16_t folded(uint32_t sum) {
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

/// IP and UDP headers and the payload; how long that is.
size_t write_packet(uint8_t* at, const Endpoint& from, const Endpoint& to, std::span<const uint8_t> payload) {
  const bool is_v6 = from.address.is_v6();
  const size_t header = is_v6 ? 40 : 20, address = is_v6 ? 16 : 4, udp = udp_header + payload.size();
  std::fill_n(at, header + udp_header, uint8_t{0});
  uint8_t* addresses = at + header - 2 * address;
  std::copy_n(from.address.bytes().begin(), address, addresses);
  std::copy_n(to.address.bytes().begin(), address, addresses + address);
  if (is_v6) {
    put_big(at, 0x6000 | expedited << 4);
    put_big(at + 4, udp);
    at[6] = protocol_udp;
    at[7] = hops;
  } else {
    at[0] = 0x45;
    at[1] = expedited;
    put_big(at + 2, header + udp);
    at[8] = hops;
    at[9] = protocol_udp;
    put_big(at + 10, folded(summed({at, header})));
  }
  uint8_t* datagram = at + header;
  put_big(datagram, from.port);
  put_big(datagram + 2, to.port);
  put_big(datagram + 4, udp);
  std::copy(payload.begin(), payload.end(), datagram + udp_header);
  const uint32_t pseudo = summed({addresses, 2 * address}, protocol_udp + static_cast<uint32_t>(udp));
  const uint16_t checksum = folded(summed({datagram, udp}, pseudo));
  put_big(datagram + 6, checksum == 0 ? 0xffff : checksum);
  return header + udp;
}

std::string file_begin() {
  std::array<uint8_t, file_header> header{};
  put_little(header.data(), magic_us);
  put_little(header.data() + 4, 2 | 4 << 16);  // version 2.4
  put_little(header.data() + 16, packet_max);
  put_little(header.data() + 20, link_raw);
  return {header.begin(), header.end()};
}

}  // namespace

void PacketRing::add(int64_t wall_us, const Endpoint& from, const Endpoint& to, std::span<const uint8_t> datagram) {
  std::array<uint8_t, record_header + packet_max> record;
  datagram = datagram.first(std::min(datagram.size(), payload_max));
  const size_t size = write_packet(record.data() + record_header, from, to, datagram);
  put_little(record.data(), static_cast<uint32_t>(wall_us / 1'000'000));
  put_little(record.data() + 4, static_cast<uint32_t>(wall_us % 1'000'000));
  put_little(record.data() + 8, static_cast<uint32_t>(size));
  put_little(record.data() + 12, static_cast<uint32_t>(size));
  const auto whole = std::span(record).first(record_header + size);
  if (whole.size() > bytes_.size()) return;
  while (bytes_.size() - used_ < whole.size()) drop_oldest();
  write(whole);
}

void PacketRing::read(size_t at, std::span<uint8_t> into) const {
  at %= bytes_.size();
  const size_t first = std::min(into.size(), bytes_.size() - at);
  std::copy_n(bytes_.begin() + static_cast<long>(at), first, into.begin());
  std::copy_n(bytes_.begin(), into.size() - first, into.begin() + static_cast<long>(first));
}

void PacketRing::write(std::span<const uint8_t> record) {
  const size_t at = (begin_ + used_) % bytes_.size();
  const size_t first = std::min(record.size(), bytes_.size() - at);
  std::copy_n(record.begin(), first, bytes_.begin() + static_cast<long>(at));
  std::copy_n(record.begin() + static_cast<long>(first), record.size() - first, bytes_.begin());
  used_ += record.size();
}

void PacketRing::drop_oldest() {
  std::array<uint8_t, record_header> header;
  read(begin_, header);
  const size_t size = record_header + little(header.data() + 8);
  begin_ = (begin_ + size) % bytes_.size();
  used_ -= size;
}

std::string PacketRing::to_pcap() const {
  std::string file = file_begin();
  const size_t begin = file.size();
  file.resize(begin + used_);
  if (used_ > 0) read(begin_, {reinterpret_cast<uint8_t*>(file.data()) + begin, used_});
  return file;
}

std::string merged_pcap(const std::vector<std::string>& files) {
  struct Record {
    uint64_t time = 0;
    size_t number = 0;
    std::string_view bytes;
  };
  std::vector<Record> records;
  for (const std::string& file : files) {
    for (std::string_view rest = std::string_view(file).substr(std::min(file.size(), file_header));
         rest.size() >= record_header;) {
      const auto* header = reinterpret_cast<const uint8_t*>(rest.data());
      const size_t size = record_header + little(header + 8);
      if (size > rest.size()) break;
      records.push_back({uint64_t{little(header)} << 32 | little(header + 4), records.size(), rest.substr(0, size)});
      rest.remove_prefix(size);
    }
  }
  std::ranges::sort(records, {}, [](const Record& one) { return std::pair(one.time, one.number); });
  std::string merged = file_begin();
  for (const Record& one : records) merged += one.bytes;
  return merged;
}

}  // namespace nearend::media
