#include "api/recording_intake.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>

#include "api/recording_file.hpp"
#include "base/ids.hpp"

namespace nearend::api {
namespace {

Error disk_error(std::string_view sid) {
  return {Error::Kind::unavailable, fmt::format("recording {}: {}", sid, std::strerror(errno))};
}

/// Bytes of a regular file, or nothing.
std::optional<uint64_t> size_of(const std::string& path) {
  struct stat facts{};
  if (lstat(path.c_str(), &facts) != 0 || !S_ISREG(facts.st_mode)) return std::nullopt;
  return static_cast<uint64_t>(facts.st_size);
}

bool write_at(const std::string& path, uint64_t offset, std::string_view bytes) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0640);
  if (file < 0) return false;
  const ssize_t written = pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(offset));
  const bool is_closed = close(file) == 0;
  return is_closed && written == static_cast<ssize_t>(bytes.size());
}

}  // namespace

Result<RecordingIntake> take_recording(const std::string& directory, std::string_view sid, uint64_t offset,
                                       uint64_t size, std::string_view bytes) {
  if (directory.empty() || !is_sid("RE", sid)) return fail(Error::Kind::invalid, "no recording's SID");
  if (size > recording_size_max || offset > size || bytes.size() > size - offset)
    return fail(Error::Kind::invalid, "recording {}: {} bytes at {} of {}", sid, bytes.size(), offset, size);
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  const std::string path = fmt::format("{}/{}.wav", directory, sid);
  const std::string part = path + ".part";
  if (size_of(path)) return RecordingIntake{.have = size, .is_complete = true, .was_there = true};
  const uint64_t have = size_of(part).value_or(0);
  if (offset > have) return RecordingIntake{.have = have};
  if (!write_at(part, offset, bytes)) return std::unexpected(disk_error(sid));
  const uint64_t now = offset + bytes.size();
  if (now < size) return RecordingIntake{.have = std::max(have, now)};
  if (truncate(part.c_str(), static_cast<off_t>(size)) != 0 || rename(part.c_str(), path.c_str()) != 0)
    return std::unexpected(disk_error(sid));
  return RecordingIntake{.have = size, .is_complete = true};
}

}  // namespace nearend::api
