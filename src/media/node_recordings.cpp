// The files of recordings that have ended, for whoever is to have them.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "media/names.hpp"
#include "media/node_control.hpp"
#include "media/recording_file.hpp"
#include "telemetry/log.hpp"

namespace nearend::media {
namespace {

constexpr uint64_t piece_max = 512 * 1024;

class Descriptor {
 public:
  explicit Descriptor(const std::string& path) : number_(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int number() const { return number_; }

 private:
  int number_;
};

Result<std::string> path_of(const NodeSettings& settings, const std::string& name) {
  if (!is_plain_name(name)) return fail(Error::Kind::invalid, "\"{}\" is no id of a recording", name);
  const std::string stem = settings.recordings + "/" + name + ".";
  for (FileFormat format : {FileFormat::mp3, FileFormat::ogg_opus, FileFormat::matroska})
    if (std::string path = stem + std::string(file_ending(format)); ::access(path.c_str(), F_OK) == 0) return path;
  return stem + std::string(file_ending(FileFormat::wav));
}

Result<RecordingPiece> read_piece(const std::string& path, uint64_t offset) {
  const Descriptor file(path);
  struct stat facts{};
  if (file.number() < 0 || ::fstat(file.number(), &facts) != 0 || !S_ISREG(facts.st_mode))
    return fail(Error::Kind::not_found, "no such recording");
  RecordingPiece piece{.bytes = {}, .size = static_cast<uint64_t>(facts.st_size)};
  if (offset >= piece.size) return piece;
  piece.bytes.resize(static_cast<size_t>(std::min(piece_max, piece.size - offset)));
  const ssize_t got = ::pread(file.number(), piece.bytes.data(), piece.bytes.size(), static_cast<off_t>(offset));
  if (got < 0) return fail(Error::Kind::unavailable, "recording: {}", std::strerror(errno));
  piece.bytes.resize(static_cast<size_t>(got));
  return piece;
}

}  // namespace

/// A turn of the loop later, when there is somebody to be told.
Task<void> NodeControl::announce(std::vector<RecoveredRecording> recovered) {
  co_await io::sleep_for(loop_, io::Duration(0));
  for (RecoveredRecording& one : recovered) {
    telemetry::warn("media_recording_recovered",
                    {{"name", one.name}, {"file", one.file}, {"length_ms", one.length.count()}});
    on_event(AnchorId::none, event::RecordingRecovered{std::move(one.name), std::move(one.file), one.length});
  }
}

Task<Result<RecordingPiece>> NodeControl::read_recording(std::string name, uint64_t offset) {
  auto path = path_of(settings_, name);
  if (!path) co_return pass(path);
  co_return read_piece(*path, offset);
}

Task<Result<void>> NodeControl::remove_recording(std::string name) {
  auto path = path_of(settings_, name);
  if (!path) co_return pass(path);
  if (::unlink(path->c_str()) == 0) co_return Result<void>{};
  if (errno == ENOENT) co_return fail(Error::Kind::not_found, "no such recording");
  co_return fail(Error::Kind::unavailable, "recording: {}", std::strerror(errno));
}

}  // namespace nearend::media
