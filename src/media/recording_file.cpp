#include "media/recording_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "media/clip.hpp"
#include "media/wav_header.hpp"

namespace nearend::media {
namespace {

constexpr int silence_level = 200;                // about -44 dBFS
constexpr uint64_t data_max = 0xffffffff - 1024;  // what a WAV header can say
constexpr size_t kept_silence = sample_rate / 5;  // 200 ms stay on either end of what was said

bool is_loud(int16_t sample) {
  return std::abs(int{sample}) > silence_level;
}

}  // namespace

std::string_view file_ending(FileFormat format) {
  switch (format) {
    case FileFormat::wav:
      return "wav";
    case FileFormat::mp3:
      return "mp3";
    case FileFormat::ogg_opus:
      return "ogg";
    case FileFormat::matroska:
      return "mkv";
  }
  return "wav";
}

RecordingFile::RecordingFile(Settings settings)
    : settings_(std::move(settings)), path_(settings_.path + std::string(unfinished_ending)) {}

RecordingFile::~RecordingFile() {
  if (file_ >= 0) ::close(file_);
}

milliseconds RecordingFile::length_of(uint64_t frames) const {
  return milliseconds(frames * 1000 / sample_rate);
}

Result<void> RecordingFile::open() {
  if (settings_.format != FileFormat::wav) {
    auto made = settings_.format == FileFormat::mp3 ? make_mp3_encoder(settings_.channels)
                                                    : make_ogg_opus_encoder(settings_.channels, settings_.seed);
    if (!made) return pass(made);
    encoder_ = std::move(*made);
  }
  file_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0640);
  if (file_ < 0) return fail(Error::Kind::internal, "recording {}: {}", path_, std::strerror(errno));
  if (::flock(file_, LOCK_EX | LOCK_NB) != 0 || ::ftruncate(file_, 0) != 0)
    return fail(Error::Kind::internal, "recording {}: {}", path_, std::strerror(errno));
  if (!encoder_ && !write_wav_header(file_, settings_.channels, 0))
    return fail(Error::Kind::unavailable, "recording {}: {}", path_, std::strerror(errno));
  return {};
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
  return encoder_ ? append_coded(samples) : append_linear(samples);
}

void RecordingFile::note_loud(std::span<const int16_t> samples) {
  for (size_t i = samples.size(); i-- > 0;) {
    if (!is_loud(samples[i])) continue;
    loud_frames_ = frames_ + i / settings_.channels + 1;
    cut_bytes_ = 0;
    return;
  }
}

Result<void> RecordingFile::append_linear(std::span<const int16_t> samples) {
  if (bytes_ + samples.size_bytes() > data_max)
    return fail(Error::Kind::unavailable, "recording {} is as long as a WAV file can be", settings_.path);
  const ssize_t written =
      ::pwrite(file_, samples.data(), samples.size_bytes(), static_cast<off_t>(wav_header_size + bytes_));
  const int error = errno;
  const size_t block = settings_.channels * size_t{2};
  const size_t whole = written > 0 ? static_cast<size_t>(written) / block : 0;
  note_loud(samples.first(whole * settings_.channels));
  frames_ += whole;
  bytes_ += whole * block;
  const bool has_header = write_wav_header(file_, settings_.channels, bytes_);
  if (whole * block < samples.size_bytes() || !has_header)
    return fail(Error::Kind::unavailable, "recording {}: {}", settings_.path,
                written < 0 ? std::strerror(error) : "disk full");
  return {};
}

Result<void> RecordingFile::write_bytes(std::string_view bytes) {
  if (bytes.empty()) return {};
  const ssize_t written = ::pwrite(file_, bytes.data(), bytes.size(), static_cast<off_t>(bytes_));
  const int error = errno;
  if (written > 0) bytes_ += static_cast<size_t>(written);
  if (written == static_cast<ssize_t>(bytes.size())) return {};
  return fail(Error::Kind::unavailable, "recording {}: {}", settings_.path,
              written < 0 ? std::strerror(error) : "disk full");
}

Result<void> RecordingFile::append_coded(std::span<const int16_t> samples) {
  note_loud(samples);
  frames_ += samples.size() / settings_.channels;
  std::string bytes;
  auto coded = encoder_->encode(samples, bytes);
  auto written = write_bytes(bytes);
  if (!coded) return coded;
  if (written && cut_bytes_ == 0 && frames_ >= loud_frames_ + kept_silence + encoder_->delay()) {
    cut_bytes_ = bytes_;
    cut_frames_ = frames_ - encoder_->delay();
  }
  return written;
}

milliseconds RecordingFile::close_coded() {
  const bool is_cut = settings_.is_silence_trimmed && cut_bytes_ > 0;
  if (!is_cut && !has_failed_) {
    std::string bytes;
    const auto ended = encoder_->finish(bytes);
    const auto written = write_bytes(bytes);
    if (ended && written) return length_of(frames_);
  }
  // What ends early, by will or by a full disk, is ended as what a crash has left.
  if (is_cut && ::ftruncate(file_, static_cast<off_t>(cut_bytes_)) != 0) has_failed_ = true;
  const auto whole = make_whole(file_, settings_.format);
  return whole.value_or(milliseconds(0));
}

milliseconds RecordingFile::close() {
  if (file_ < 0 && !has_failed_) has_failed_ = !open();
  if (file_ < 0) return milliseconds(0);
  milliseconds length{0};
  if (encoder_) {
    length = close_coded();
  } else {
    if (settings_.is_silence_trimmed) frames_ = std::min(frames_, loud_frames_ + kept_silence);
    bytes_ = frames_ * settings_.channels * 2;
    write_wav_header(file_, settings_.channels, bytes_);
    // Also cuts half a frame that a full disk has left.
    if (::ftruncate(file_, static_cast<off_t>(wav_header_size + bytes_)) != 0) has_failed_ = true;
    length = length_of(frames_);
  }
  if (::rename(path_.c_str(), settings_.path.c_str()) != 0) length = milliseconds(0);
  ::close(file_);
  file_ = -1;
  return length;
}

}  // namespace nearend::media
