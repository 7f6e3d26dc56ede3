// links: media
#include <cstddef>
#include <cstdint>

#include "media/audio_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  (void)nearend::media::decode_film({reinterpret_cast<const char*>(data), size});
  return 0;
}
