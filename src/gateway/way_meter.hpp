#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "gateway/echo.hpp"
#include "gateway/parts.hpp"
#include "gateway/subareas.hpp"
#include "gateway/way_sums.hpp"
#include "policy/places.hpp"

namespace nearend::gateway {

/// Tells the policy server each second what the gateway carries and what its legs met on each way: from the endpoints'
/// access areas to here, and from other regions to here. Gateway's loop only.
class WayMeter {
 public:
  explicit WayMeter(Parts& parts);

  /// Errors: the address of the echo port.
  Result<void> start();
  void stop();
  /// A leg is over: what it was is told with the next report, if there are not too many.
  void ended(const Leg& leg, int status);
  /// A provider has answered an OPTIONS after so long.
  void provider_answered(size_t provider, double rtt_ms);
  /// The region at the other end of the leg's inner side; empty: none, or nobody knows.
  std::string_view far_region(const Leg& leg) const;
  const policy::GatewayEntry* gateway_at(std::string_view link_uri) const;
  const policy::GatewayEntry* gateway_named(std::string_view name) const;
  const Echo* echo() const { return echo_ ? echo_.get() : nullptr; }
  /// What was told last, for `/v1/state`.
  const policy::GatewayReport& last() const { return report_; }

 private:
  Task<void> tell();
  void add(const media::LegSecond& second);
  WayId access_way(Leg& leg);
  std::string access_area(const Leg& leg);

  void report();

  /// Legs' seconds end at different times: they are fetched more often than they are told.
  static constexpr std::chrono::milliseconds pace{250};
  static constexpr uint32_t told_every = 4;
  Parts& parts_;
  policy::Places places_;
  WaySums sums_;
  Subareas subareas_;
  std::unordered_map<std::string_view, const policy::GatewayEntry*> gateways_;  // by link URI
  std::unordered_map<std::string, WayId> regions_;
  struct SignallingTrip {
    double ms = 0;
    int64_t at_ms = 0;
  };
  std::vector<SignallingTrip> providers_;
  std::unique_ptr<Echo> echo_;
  std::vector<policy::CallSummary> ended_;  // since the last report
  policy::GatewayReport report_;
  uint64_t seq_ = 0;
  uint32_t looks_ = 0;
  bool is_telling_ = false;
  io::Timer timer_;
  io::Scope scope_;
};

}  // namespace nearend::gateway
