#include "gateway/way_blame.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace nearend::gateway {
namespace {

constexpr std::chrono::milliseconds guilty_for{3000};  // from one count to the next
constexpr int32_t holes_min = 2;

WayCount heard_in(const media::LegSecond& second) {
  return {second.packets, static_cast<int32_t>(std::min(second.lost, second.packets))};
}

}  // namespace

WayVerdict WayBlame::hear(const media::LegSecond& second, io::Instant now) {
  if (second.sent > 0) return weigh(second, now);
  const WayCount heard = heard_in(second);
  if (heard.missing > 0 || holey_.packets > 0) {
    holey_.packets += heard.packets;
    holey_.missing += heard.missing;
  }
  if (now >= guilty_until_) return {};
  return {.earlier = {}, .now = heard, .is_guilty = true};
}

WayVerdict WayBlame::weigh(const media::LegSecond& second, io::Instant now) {
  const WayCount counted{second.sent, second.missing}, heard = heard_in(second);
  // Holes of this second may have come after the count, so they do not speak for or against the way.
  const WayCount holey = std::exchange(holey_, {});
  const bool was_guilty = now < guilty_until_;
  if (holey.missing >= holes_min && 4 * second.missing < holey.missing) {
    guilty_until_ = {};
    return {.earlier = {}, .now = counted, .is_clean = true};
  }
  const bool is_shown = second.missing >= std::max(holes_min, (holey.missing + 1) / 2);
  if (is_shown && (was_guilty || holey.missing >= holes_min)) guilty_until_ = now + guilty_for;
  if (now >= guilty_until_) return {.earlier = {}, .now = counted};
  if (was_guilty) return {.earlier = {}, .now = heard, .is_guilty = true};
  // The count may reach back to when the way was good: with that, what it loses since would look like less than it is.
  WayVerdict verdict{.now = {holey.packets + heard.packets, holey.missing + heard.missing}, .is_guilty = true};
  if (second.sent > verdict.now.packets)
    verdict.earlier = {second.sent - verdict.now.packets, std::max(0, second.missing - verdict.now.missing)};
  return verdict;
}

}  // namespace nearend::gateway
