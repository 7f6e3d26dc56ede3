#pragma once

#include <map>
#include <string>
#include <string_view>

#include "policy/advisor.hpp"
#include "telemetry/histogram.hpp"
#include "telemetry/metrics.hpp"

namespace nearend::policy_server {

/// The server's figures for Prometheus; each is looked up once. Loop's thread.
class Metrics {
 public:
  explicit Metrics(const policy::Topology& topology);

  void decided(policy::Mode mode, std::string_view why) { decisions_.of(policy::to_string(mode), why).add(); }
  void moved(std::string_view why) { moves_.of(why).add(); }
  void provider_chosen(std::string_view why) { providers_.of(why).add(); }
  void took(std::string_view path, double us);
  /// Reports of one gateway or router.
  telemetry::Counter& heard(std::string_view source) { return reports_.of(source); }
  /// What was not believed, by the reason's name.
  telemetry::Counter& refused(std::string_view why) { return refused_.of(why); }
  void refused(const policy::Refused& before, const policy::Refused& after);

  telemetry::Counter& requests = telemetry::counter("nearend_policy_requests_total");

 private:
  /// Counters of one name by their label or labels.
  class Family {
   public:
    Family(std::string name, std::string label, std::string other = {})
        : name_(std::move(name)), label_(std::move(label)), other_(std::move(other)) {}
    telemetry::Counter& of(std::string_view value, std::string_view other = {});

   private:
    std::string name_, label_, other_, key_;
    std::map<std::string, telemetry::Counter*, std::less<>> known_;
  };
  Family decisions_{"nearend_policy_decisions_total", "mode", "reason"};
  Family providers_{"nearend_policy_provider_choices_total", "reason"};
  Family moves_{"nearend_policy_moves_total", "outcome"};
  Family reports_{"nearend_policy_reports_total", "source"};
  Family refused_{"nearend_policy_reports_refused_total", "why"};
  std::map<std::string, telemetry::Histogram*, std::less<>> times_;
};

}  // namespace nearend::policy_server
