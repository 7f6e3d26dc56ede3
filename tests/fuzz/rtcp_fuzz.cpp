// links: rtp
#include <cstddef>
#include <cstdint>

#include "rtp/rtcp.hpp"

using namespace nearend::rtp;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  RtcpReader reader({data, size});
  while (auto packet = reader.next()) {
    (void)rtcp_sender(*packet);
    (void)sender_info(*packet);
    for (size_t i = 0; auto block = report_block(*packet, i); ++i)
      (void)round_trip_ms(*block, ntp_of(static_cast<int64_t>(size)));
  }
  return 0;
}
