#pragma once

#include <cstdint>
#include <memory>
#include <span>

namespace nearend::media {

/// Finds keys pressed as tones (ITU-T Q.24), by spandsp. For legs without telephone-event only.
class DtmfDetector {
 public:
  DtmfDetector();
  ~DtmfDetector();
  DtmfDetector(const DtmfDetector&) = delete;
  /// Feeds 8 kHz samples; how many keys were found, into `found`. No allocation.
  size_t feed(std::span<const int16_t> samples, std::span<char> found);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace nearend::media
