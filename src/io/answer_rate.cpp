#include "io/answer_rate.hpp"

#include <algorithm>

namespace nearend::io {

bool Allowance::take(double per_second, Instant now) {
  const double passed_s = std::chrono::duration<double>(now - at_).count();
  left_ = left_ < 0 ? per_second : std::min(per_second, left_ + passed_s * per_second);
  at_ = now;
  if (left_ < 1) return false;
  left_ -= 1;
  return true;
}

bool AnswerRate::allows(const IpAddress& from, Instant now) {
  // FNV-1a over the network, from a start that is our own.
  uint64_t hash = secret_;
  const size_t kept = from.is_v6() ? 7 : 3;
  for (size_t i = 0; i < kept; ++i) hash = (hash ^ from.bytes()[i]) * 0x100000001b3;
  return places_[(hash >> 32) % places_.size()].take(per_second_, now);
}

}  // namespace nearend::io
