// links: media
#include <cstddef>
#include <cstdint>

#include "media/control_json.hpp"

using namespace nearend;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto value = parse_json({reinterpret_cast<const char*>(data), size});
  if (!value) return 0;
  if (const auto wanted = media::read_allocate(*value)) (void)media::read_allocate(media::to_value(*wanted)).value();
  if (const auto remote = media::read_remote(*value)) (void)media::read_remote(media::to_value(*remote)).value();
  (void)media::read_path(*value);
  (void)media::read_play(*value);
  (void)media::read_record(*value);
  (void)media::read_collect(*value);
  (void)media::read_event(*value);
  return 0;
}
