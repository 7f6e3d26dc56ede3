// links: rtp
#include <cstddef>
#include <cstdint>

#include "rtp/rtcp_xr.hpp"

using namespace nearend::rtp;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  RtcpReader reader({data, size});
  while (auto packet = reader.next()) {
    (void)rtcp_sender(*packet);
    (void)sender_info(*packet);
    XrReader blocks(*packet);
    while (auto block = blocks.next()) {
      (void)reference_time(*block);
      (void)voip_metrics(*block);
      for (size_t i = 0; auto delay = reference_delay(*block, i); ++i) (void)round_trip_ms(*delay, ntp_of(0));
    }
    for (size_t i = 0; auto block = report_block(*packet, i); ++i)
      (void)round_trip_ms(*block, ntp_of(static_cast<int64_t>(size)));
  }
  return 0;
}
