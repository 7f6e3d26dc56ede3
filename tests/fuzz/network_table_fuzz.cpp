// links: policy
// Tables of networks that an operator downloads: whatever is in them, they are read or refused with a line's number,
// and what was read is found.
#include <cstdlib>
#include <string_view>

#include "policy/network_table.hpp"

using namespace nearend;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  policy::NetworkTable table;
  auto added = table.add({reinterpret_cast<const char*>(data), size});
  if (!added) {
    if (table.size() > 0 || added.error().text.empty() || added.error().text[0] < '0' || added.error().text[0] > '9')
      std::abort();
    return 0;
  }
  for (size_t at = 0; at + 16 <= size && at < 256; at += 3)
    for (const auto family : {IpAddress::Family::v4, IpAddress::Family::v6}) {
      const IpAddress address = IpAddress::from_bytes(family, data + at);
      const uint8_t most = address.is_v6() ? 128 : 32;
      for (const uint8_t known : {most, static_cast<uint8_t>(most / 2), uint8_t{0}}) {
        const auto found = table.find(address, known);
        if (found.prefix > most) std::abort();
        if (!found.network) continue;
        if (!found.network->block.contains(address) || found.network->block.prefix > found.prefix ||
            found.network->block.prefix > known)
          std::abort();
      }
    }
  return 0;
}
