// Recordings that are ended by somebody else than their writer: after a crash, a full disk, a cut.
#include <fcntl.h>
#include <ogg/ogg.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>

#include "base/text.hpp"
#include "media/clip.hpp"
#include "media/film_recovery.hpp"
#include "media/names.hpp"
#include "media/recording_file.hpp"
#include "media/wav_header.hpp"

namespace nearend::media {
namespace {

void put32(uint8_t* at, uint32_t value) {
  for (int i = 0; i < 4; ++i) at[i] = static_cast<uint8_t>(value >> (8 * i));
}
void put16(uint8_t* at, uint16_t value) {
  at[0] = static_cast<uint8_t>(value);
  at[1] = static_cast<uint8_t>(value >> 8);
}
uint16_t get16(const uint8_t* at) {
  return static_cast<uint16_t>(at[0] | at[1] << 8);
}

std::vector<uint8_t> read_at(int file, uint64_t from, size_t size) {
  std::vector<uint8_t> bytes(size);
  const ssize_t got = ::pread(file, bytes.data(), size, static_cast<off_t>(from));
  bytes.resize(got > 0 ? static_cast<size_t>(got) : 0);
  return bytes;
}

std::unexpected<Error> nothing_in_it(std::string_view what) {
  return fail(Error::Kind::malformed, "{}: no sound in it", what);
}

Result<milliseconds> end_wav(int file, uint64_t size) {
  const auto header = read_at(file, 0, wav_header_size);
  if (header.size() < wav_header_size || size <= wav_header_size) return nothing_in_it("WAV");
  const uint16_t channels = get16(&header[22]);
  if (channels < 1 || channels > 2) return nothing_in_it("WAV");
  const uint64_t frames = (size - wav_header_size) / (channels * 2u);
  const uint64_t bytes = frames * channels * 2u;
  if (frames == 0) return nothing_in_it("WAV");
  // A disk that is full takes what is overwritten and what is cut off.
  if (!write_wav_header(file, static_cast<uint8_t>(channels), bytes) ||
      ::ftruncate(file, static_cast<off_t>(wav_header_size + bytes)) != 0)
    return fail(Error::Kind::unavailable, "WAV: {}", std::strerror(errno));
  return milliseconds(frames * 1000 / sample_rate);
}

/// Frames as our encoder makes them: MPEG-2.5, layer 3, 8 kHz, of one size.
Result<milliseconds> end_mp3(int file, uint64_t size) {
  constexpr std::array<uint16_t, 16> kilobits{0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0};
  constexpr uint64_t samples_per_frame = 576;
  const auto header = read_at(file, 0, 4);
  if (header.size() < 4 || header[0] != 0xff || (header[1] & 0xfe) != 0xe2) return nothing_in_it("MP3");
  const uint64_t frame_bytes = kilobits[header[2] >> 4] * 1000u / 8 * samples_per_frame / sample_rate;
  const uint64_t frames = frame_bytes ? size / frame_bytes : 0;
  if (frames == 0) return nothing_in_it("MP3");
  if (::ftruncate(file, static_cast<off_t>(frames * frame_bytes)) != 0)
    return fail(Error::Kind::unavailable, "MP3: {}", std::strerror(errno));
  return milliseconds(frames * samples_per_frame * 1000 / sample_rate);
}

struct LastPage {
  uint64_t end = 0;  // its last byte's offset, and one
  std::array<uint8_t, 27> header{};
};

/// The last whole page, by its checksum.
LastPage find_last_page(int file, uint64_t size) {
  constexpr uint64_t looked_at = 256 * 1024;  // several of the largest pages
  const uint64_t from = size > looked_at ? size - looked_at : 0;
  const auto bytes = read_at(file, from, static_cast<size_t>(size - from));
  ogg_sync_state sync;
  ogg_sync_init(&sync);
  if (char* room = ogg_sync_buffer(&sync, static_cast<long>(bytes.size())); room && !bytes.empty()) {
    std::memcpy(room, bytes.data(), bytes.size());
    ogg_sync_wrote(&sync, static_cast<long>(bytes.size()));
  }
  LastPage last;
  ogg_page page;
  uint64_t at = from;
  for (long step = 0; (step = ogg_sync_pageseek(&sync, &page)) != 0; at += static_cast<uint64_t>(std::abs(step))) {
    if (step < 0) continue;  // bytes skipped
    last.end = at + static_cast<uint64_t>(step);
    std::memcpy(last.header.data(), page.header, last.header.size());
  }
  ogg_sync_clear(&sync);
  return last;
}

Result<milliseconds> end_ogg(int file, uint64_t size) {
  const LastPage last = find_last_page(file, size);
  constexpr size_t pre_skip_at = 28 + 10;  // in the first page, RFC 7845, section 5.1
  const auto head = read_at(file, 0, pre_skip_at + 2);
  if (last.end == 0 || head.size() < pre_skip_at + 2) return nothing_in_it("Ogg");
  std::array<uint8_t, 27> header = last.header;
  uint64_t granule = 0;
  std::memcpy(&granule, &header[6], sizeof(granule));
  const uint64_t pre_skip = get16(&head[pre_skip_at]);
  if (granule <= pre_skip || granule >> 63) return nothing_in_it("Ogg");
  const milliseconds length((granule - pre_skip) / 48);
  if (::ftruncate(file, static_cast<off_t>(last.end)) != 0)
    return fail(Error::Kind::unavailable, "Ogg: {}", std::strerror(errno));
  constexpr uint8_t end_of_stream = 4;
  if (header[5] & end_of_stream) return length;
  // A page without packets ends the stream (RFC 3533, section 6).
  header[5] = end_of_stream;
  header[26] = 0;
  uint32_t number = 0;
  std::memcpy(&number, &header[18], sizeof(number));
  put32(&header[18], number + 1);
  ogg_page page{.header = header.data(), .header_len = 27, .body = nullptr, .body_len = 0};
  ogg_page_checksum_set(&page);
  // Where the disk is full the stream ends without: every player takes it.
  if (::pwrite(file, header.data(), header.size(), static_cast<off_t>(last.end)) !=
          static_cast<ssize_t>(header.size()) &&
      ::ftruncate(file, static_cast<off_t>(last.end)) != 0)
    return fail(Error::Kind::unavailable, "Ogg: {}", std::strerror(errno));
  return length;
}

std::optional<FileFormat> format_of(std::string_view ending) {
  for (FileFormat format : {FileFormat::wav, FileFormat::mp3, FileFormat::ogg_opus, FileFormat::matroska})
    if (ending == file_ending(format)) return format;
  return std::nullopt;
}

/// Nothing where somebody writes it, or where it is none.
std::optional<RecoveredRecording> recover(const std::filesystem::path& half) {
  const std::filesystem::path place = half.parent_path() / half.stem();
  const std::string name = place.stem().string(), ending = place.extension().string();
  const auto format = format_of(ending.empty() ? "" : ending.substr(1));
  if (!format || !is_plain_name(name)) return std::nullopt;
  const int file = ::open(half.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC);
  if (file < 0) return std::nullopt;
  std::optional<RecoveredRecording> found;
  if (::flock(file, LOCK_EX | LOCK_NB) == 0) {
    if (const auto length = make_whole(file, *format)) {
      if (::rename(half.c_str(), place.c_str()) == 0) found = RecoveredRecording{name, place.string(), *length};
    } else if (length.error().kind == Error::Kind::malformed) {
      ::unlink(half.c_str());
    }
  }
  ::close(file);
  return found;
}

}  // namespace

bool write_wav_header(int file, uint8_t channels, uint64_t data_bytes) {
  std::array<uint8_t, wav_header_size> header{};
  const uint16_t block = static_cast<uint16_t>(channels * 2);
  std::memcpy(header.data(), "RIFF", 4);
  put32(&header[4], static_cast<uint32_t>(data_bytes + wav_header_size - 8));
  std::memcpy(&header[8], "WAVEfmt ", 8);
  put32(&header[16], 16);
  put16(&header[20], 1);
  put16(&header[22], channels);
  put32(&header[24], sample_rate);
  put32(&header[28], sample_rate * block);
  put16(&header[32], block);
  put16(&header[34], 16);
  std::memcpy(&header[36], "data", 4);
  put32(&header[40], static_cast<uint32_t>(data_bytes));
  return ::pwrite(file, header.data(), header.size(), 0) == static_cast<ssize_t>(header.size());
}

Result<milliseconds> make_whole(int file, FileFormat format) {
  struct stat facts{};
  if (::fstat(file, &facts) != 0 || !S_ISREG(facts.st_mode)) return nothing_in_it("recording");
  const uint64_t size = static_cast<uint64_t>(facts.st_size);
  switch (format) {
    case FileFormat::wav:
      return end_wav(file, size);
    case FileFormat::mp3:
      return end_mp3(file, size);
    case FileFormat::ogg_opus:
      return end_ogg(file, size);
    case FileFormat::matroska:
      return end_film(file, size);
  }
  return nothing_in_it("recording");
}

std::vector<RecoveredRecording> recover_recordings(const std::string& directory) {
  std::vector<RecoveredRecording> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    if (entry.path().extension() != unfinished_ending) continue;
    if (auto one = recover(entry.path())) found.push_back(std::move(*one));
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return found;
}

}  // namespace nearend::media
