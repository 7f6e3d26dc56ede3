#include "media/recording_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "media/clip.hpp"

namespace nearend::media {
namespace {

constexpr size_t header_size = 44;
constexpr int silence_level = 200;                // about -44 dBFS
constexpr uint64_t data_max = 0xffffffff - 1024;  // what the header can say
constexpr size_t kept_silence = sample_rate / 5;  // 200 ms stay on either end of what was said

void put32(uint8_t* at, uint32_t value) {
  for (int i = 0; i < 4; ++i) at[i] = static_cast<uint8_t>(value >> (8 * i));
}
void put16(uint8_t* at, uint16_t value) {
  at[0] = static_cast<uint8_t>(value);
  at[1] = static_cast<uint8_t>(value >> 8);
}
bool is_loud(int16_t sample) {
  return std::abs(int{sample}) > silence_level;
}

}  // namespace

RecordingFile::~RecordingFile() {
  if (file_ >= 0) ::close(file_);
}

Result<void> RecordingFile::open() {
  file_ = ::open(settings_.path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0640);
  if (file_ < 0) return fail(Error::Kind::internal, "recording {}: {}", settings_.path, std::strerror(errno));
  if (!write_header()) return fail(Error::Kind::unavailable, "recording {}: {}", settings_.path, std::strerror(errno));
  return {};
}

bool RecordingFile::write_header() {
  std::array<uint8_t, header_size> header{};
  const uint16_t block = static_cast<uint16_t>(settings_.channels * 2);
  std::memcpy(header.data(), "RIFF", 4);
  put32(&header[4], static_cast<uint32_t>(data_bytes_ + header_size - 8));
  std::memcpy(&header[8], "WAVEfmt ", 8);
  put32(&header[16], 16);
  put16(&header[20], 1);
  put16(&header[22], settings_.channels);
  put32(&header[24], sample_rate);
  put32(&header[28], sample_rate * block);
  put16(&header[32], block);
  put16(&header[34], 16);
  std::memcpy(&header[36], "data", 4);
  put32(&header[40], static_cast<uint32_t>(data_bytes_));
  return ::pwrite(file_, header.data(), header.size(), 0) == static_cast<ssize_t>(header.size());
}

std::span<const int16_t> RecordingFile::without_leading_silence(std::span<const int16_t> samples) {
  if (!settings_.is_silence_trimmed || has_sound_) return samples;
  for (size_t i = 0; i < samples.size(); ++i) {
    if (!is_loud(samples[i])) continue;
    has_sound_ = true;
    const size_t frame = i / settings_.channels;
    return samples.subspan((frame > kept_silence ? frame - kept_silence : 0) * settings_.channels);
  }
  return {};
}

Result<void> RecordingFile::write(std::span<const int16_t> samples) {
  if (has_failed_) return fail(Error::Kind::unavailable, "recording {} has failed before", settings_.path);
  Result<void> written{};
  if (file_ < 0) written = open();
  if (written) written = append(without_leading_silence(samples));
  has_failed_ = !written.has_value();
  return written;
}

Result<void> RecordingFile::append(std::span<const int16_t> samples) {
  if (samples.empty()) return {};
  if (data_bytes_ + samples.size_bytes() > data_max)
    return fail(Error::Kind::unavailable, "recording {} is as long as a WAV file can be", settings_.path);
  const ssize_t written =
      ::pwrite(file_, samples.data(), samples.size_bytes(), static_cast<off_t>(header_size + data_bytes_));
  const int error = errno;
  const size_t block = settings_.channels * size_t{2};
  const size_t whole = written > 0 ? static_cast<size_t>(written) / block * block : 0;
  for (size_t i = 0; i < whole / 2; ++i)
    if (is_loud(samples[i])) loud_bytes_ = data_bytes_ + (i / settings_.channels + 1) * block;
  data_bytes_ += whole;
  const bool has_header = write_header();
  if (whole < samples.size_bytes() || !has_header)
    return fail(Error::Kind::unavailable, "recording {}: {}", settings_.path,
                written < 0 ? std::strerror(error) : "disk full");
  return {};
}

milliseconds RecordingFile::close() {
  if (file_ < 0 && (has_failed_ || !open())) return milliseconds(0);
  const uint64_t block = settings_.channels * uint64_t{2};
  if (settings_.is_silence_trimmed) data_bytes_ = std::min(data_bytes_, loud_bytes_ + kept_silence * block);
  write_header();
  // Also cuts half a frame that a full disk has left.
  if (::ftruncate(file_, static_cast<off_t>(header_size + data_bytes_)) != 0) has_failed_ = true;
  ::close(file_);
  file_ = -1;
  return milliseconds(data_bytes_ / block * 1000 / sample_rate);
}

}  // namespace nearend::media
