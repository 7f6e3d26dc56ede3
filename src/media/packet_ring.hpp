#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/ip.hpp"

namespace nearend::media {

/// The newest packets of a leg, each as a record of a pcap file, in memory that was taken beforehand: what is oldest
/// goes when there is no room. add() takes no memory. One thread.
class PacketRing {
 public:
  explicit PacketRing(size_t bytes) : bytes_(bytes) {}
  size_t room() const { return bytes_.size(); }
  /// `wall_us`: since 1970. What is longer than a datagram of media can be is cut.
  void add(int64_t wall_us, const Endpoint& from, const Endpoint& to, std::span<const uint8_t> datagram);
  /// A pcap file (link type RAW: IP packets, with headers as they would have been on the line).
  std::string to_pcap() const;

 private:
  void drop_oldest();
  void write(std::span<const uint8_t> record);
  void read(size_t at, std::span<uint8_t> into) const;

  std::vector<uint8_t> bytes_;
  size_t begin_ = 0, used_ = 0;
};

/// Several such files as one, in order of time. What cannot be read is left out.
std::string merged_pcap(const std::vector<std::string>& files);

}  // namespace nearend::media
