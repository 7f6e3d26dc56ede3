// links: link
#include <cstdlib>

#include "link/profile.hpp"

using namespace nearend;

/// Region, Call, Action and Features as a platform peer might send them: whatever is accepted survives writing and
/// reading.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (auto items = link::parse_items(text)) {
    auto again = link::parse_items(link::to_string(*items));
    if (!again || again->size() != items->size()) std::abort();
    for (size_t i = 0; i < items->size(); ++i)
      if ((*again)[i].parameters != (*items)[i].parameters) std::abort();
  }
  if (auto region = link::parse_region(text); region && link::parse_region(region->path) != *region) std::abort();
  if (auto context = link::parse_context(text)) {
    auto again = link::parse_context(link::to_string(*context));
    if (!again || again->epoch != context->epoch || again->leg != context->leg) std::abort();
  }
  if (auto value = parse_json(text)) {
    (void)link::play_from_json(*value);
    (void)link::collect_from_json(*value);
    (void)link::record_from_json(*value);
  }
  return 0;
}
