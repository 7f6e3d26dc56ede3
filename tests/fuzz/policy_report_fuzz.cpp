// links: policy
#include <cmath>
#include <cstdlib>

#include "policy/advisor.hpp"

using namespace nearend;
using namespace nearend::policy;

namespace {

Topology topology() {
  GatewayEntry gateway;
  gateway.name = "g";
  gateway.region = "eu/de1";
  gateway.link_uri = "sip:g.example";
  gateway.prefixes = {""};
  return {.gateways = {gateway}};
}

}  // namespace

/// A gateway's report, or another instance's summary: whatever is taken leads to beliefs that can be.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto value = parse_json(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!value) return 0;
  constexpr int64_t now_ms = 1'000'000;
  Advisor advisor(topology(), {});
  size_t left_out = 0;
  if (const auto report = report_from(*value, left_out)) (void)advisor.take(*report, now_ms);
  if (auto summary = summary_from(*value, now_ms)) (void)advisor.take(*summary, now_ms);
  for (const KnownProvider& provider : advisor.provider_book().of(0)) {
    const ProviderEstimate estimate = provider.estimate(now_ms);
    if (!(estimate.delivered >= -0.01 && estimate.delivered <= 1.01) || !std::isfinite(estimate.delay_ms)) std::abort();
  }
  RouteQuery query;
  query.call = "CA1";
  query.b.address = "+4930123";
  (void)advisor.route(query, now_ms);
  return 0;
}
