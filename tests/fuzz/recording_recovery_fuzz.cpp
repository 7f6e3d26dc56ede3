// links: media
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>

#include "media/recording_file.hpp"

/// What a crash has left may hold anything.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using nearend::media::FileFormat;
  const int file = ::memfd_create("recording", MFD_CLOEXEC);
  if (file < 0) return 0;
  for (const FileFormat format : {FileFormat::wav, FileFormat::mp3, FileFormat::ogg_opus, FileFormat::matroska}) {
    if (::ftruncate(file, 0) != 0 || ::pwrite(file, data, size, 0) != static_cast<ssize_t>(size)) break;
    (void)nearend::media::make_whole(file, format);
  }
  ::close(file);
  return 0;
}
