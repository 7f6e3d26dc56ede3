#include "lab/capture.hpp"

#include <array>
#include <fstream>

namespace nearend::lab {

void Capture::on_packet(const Passage& passage) {
  {
    const std::lock_guard lock(lock_);
    packets_.push_back({passage.entered_ns,
                        passage.left_ns,
                        passage.from,
                        passage.to,
                        passage.fate,
                        {passage.packet.begin(), passage.packet.end()}});
  }
  arrived_.notify_all();
}

size_t Capture::size() const {
  const std::lock_guard lock(lock_);
  return packets_.size();
}

std::vector<Captured> Capture::packets(size_t begin) const {
  const std::lock_guard lock(lock_);
  if (begin >= packets_.size()) return {};
  return {packets_.begin() + static_cast<std::ptrdiff_t>(begin), packets_.end()};
}

std::optional<Captured> Capture::wait(const Match& match, std::chrono::milliseconds limit, size_t begin) const {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  std::unique_lock lock(lock_);
  for (size_t next = begin;; ++next) {
    const auto has_next = [&] { return packets_.size() > next; };
    if (!arrived_.wait_until(lock, deadline, has_next)) return {};
    if (match(packets_[next])) return packets_[next];
  }
}

void Capture::clear() {
  const std::lock_guard lock(lock_);
  packets_.clear();
}

bool write_pcap(const std::vector<Captured>& packets, const std::string& file) {
  std::ofstream out(file, std::ios::binary);
  const auto put = [&out](const auto&... words) {
    const std::array<uint32_t, sizeof...(words)> all{static_cast<uint32_t>(words)...};
    out.write(reinterpret_cast<const char*>(all.data()), sizeof all);
  };
  constexpr uint32_t nanoseconds = 0xa1b23c4d, version_text = 0x00040002, raw_ip = 101;
  put(nanoseconds, version_text, 0, 0, 65535, raw_ip);
  for (const Captured& captured : packets) {
    if (!captured.has_arrived()) continue;
    put(captured.left_ns / 1'000'000'000, captured.left_ns % 1'000'000'000, captured.packet.size(),
        captured.packet.size());
    out.write(reinterpret_cast<const char*>(captured.packet.data()),
              static_cast<std::streamsize>(captured.packet.size()));
  }
  return static_cast<bool>(out.flush());
}

}  // namespace nearend::lab
