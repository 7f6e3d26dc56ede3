#pragma once

#include <cstdint>
#include <vector>

#include "base/ip.hpp"
#include "io/loop.hpp"

namespace nearend::io {

/// A second's worth at once, then as many a second.
class Allowance {
 public:
  bool take(double per_second, Instant now);

 private:
  double left_ = -1;  // below 0: never used
  Instant at_;
};

/// How many answers a network (/24, IPv6: /56) gets of what anybody may ask. Networks share a place by a hash that
/// nobody outside knows, so that it needs the same memory whoever asks. Loop's thread only.
class AnswerRate {
 public:
  AnswerRate(double per_second, uint64_t secret) : per_second_(per_second), secret_(secret), places_(8192) {}
  bool allows(const IpAddress& from, Instant now);

 private:
  double per_second_;
  uint64_t secret_;
  std::vector<Allowance> places_;
};

}  // namespace nearend::io
