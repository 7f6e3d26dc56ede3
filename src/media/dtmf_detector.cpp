#include "media/dtmf_detector.hpp"

#include <spandsp.h>

namespace nearend::media {

struct DtmfDetector::State {
  dtmf_rx_state_t* rx = dtmf_rx_init(nullptr, nullptr, nullptr);
};

DtmfDetector::DtmfDetector() : state_(std::make_unique<State>()) {}
DtmfDetector::~DtmfDetector() {
  dtmf_rx_free(state_->rx);
}

size_t DtmfDetector::feed(std::span<const int16_t> samples, std::span<char> found) {
  char digits[32];
  dtmf_rx(state_->rx, samples.data(), static_cast<int>(samples.size()));
  const size_t count = dtmf_rx_get(state_->rx, digits, static_cast<int>(sizeof(digits) - 1));
  const size_t taken = count < found.size() ? count : found.size();
  for (size_t i = 0; i < taken; ++i) found[i] = digits[i];
  return taken;
}

}  // namespace nearend::media
