#include "gateway/providers.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace nearend::gateway {

namespace {

/// Length of the longest prefix of the provider that fits, or nothing.
std::optional<size_t> best_prefix(const Provider& provider, std::string_view number) {
  std::optional<size_t> best;
  for (const std::string& prefix : provider.prefixes)
    if (number.starts_with(prefix) && (!best || prefix.size() > *best)) best = prefix.size();
  return best;
}

constexpr uint32_t pings_missed_max = 2;
constexpr size_t told_most = 100, prefixes_told = 200;  // in one report

}  // namespace

Providers::Providers(const Settings& settings) : settings_(settings), states_(settings.providers.size()) {}

std::vector<size_t> Providers::candidates(std::string_view number, io::Instant now,
                                          std::span<const std::string> proposed) const {
  struct Candidate {
    size_t index, prefix, proposal;
  };
  std::vector<Candidate> found;
  for (size_t i = 0; i < states_.size(); ++i) {
    if (!at(i).is_outbound) continue;
    if (const auto prefix = best_prefix(at(i), number)) {
      const auto proposal = std::ranges::find(proposed, at(i).name) - proposed.begin();
      found.push_back({i, *prefix, static_cast<size_t>(proposal)});
    }
  }
  std::ranges::sort(found, [&](const Candidate& a, const Candidate& b) {
    const auto rank = [&](const Candidate& c) {
      return std::tuple(is_rested(c.index, now), c.proposal, -static_cast<long>(c.prefix), at(c.index).priority,
                        at(c.index).cost, c.index);
    };
    return rank(a) < rank(b);
  });
  std::vector<size_t> order;
  for (const Candidate& candidate : found) order.push_back(candidate.index);
  return order;
}

bool Providers::take(size_t provider, Way way, io::Instant now) {
  State& state = states_[provider];
  const Provider& limits = at(provider);
  if (limits.channels_max != 0 && state.channels >= limits.channels_max) return false;
  if (limits.cps_max != 0) {
    // Generic cell rate: a burst of one second's calls, then evenly.
    const io::Duration spacing = io::Duration(std::chrono::seconds(1)) / limits.cps_max;
    io::Instant& next = state.next_call[static_cast<size_t>(way)];
    const io::Instant start = std::max(next, now);
    if (start - now > std::chrono::seconds(1) - spacing) return false;
    next = start + spacing;
  }
  ++state.channels;
  return true;
}

void Providers::give_back(size_t provider) {
  if (states_[provider].channels > 0) --states_[provider].channels;
}

void Providers::failed(size_t provider, std::optional<std::chrono::seconds> retry_after, io::Instant now) {
  states_[provider].rests_until = now + retry_after.value_or(settings_.provider_rest);
}

void Providers::worked(size_t provider) {
  states_[provider].rests_until = {};
}

void Providers::pinged(size_t provider, bool is_answered) {
  uint32_t& missed = states_[provider].pings_missed;
  missed = is_answered ? 0 : missed + 1;
}

void Providers::count_delay(size_t provider, io::Duration delay) {
  policy::ProviderCounts& counts = states_[provider].counts;
  ++counts.delays;
  counts.delay_ms += std::chrono::duration<double, std::milli>(delay).count();
}

void Providers::count_attempt(size_t provider, bool is_failed) {
  policy::ProviderCounts& counts = states_[provider].counts;
  ++counts.attempts;
  counts.failed += is_failed;
}

std::vector<policy::ProviderReport> Providers::take_reports(io::Instant now) {
  std::vector<policy::ProviderReport> reports;
  size_t prefixes = 0, seen = 0;
  for (; seen < states_.size() && reports.size() < told_most; ++seen) {
    const size_t i = (told_next_ + seen) % states_.size();
    const Provider& provider = at(i);
    if (!provider.is_outbound) continue;
    policy::ProviderReport report{.name = provider.name,
                                  .prefixes = {},
                                  .facts = {.priority = provider.priority,
                                            .cost = std::max(provider.cost, 0.0),
                                            .channels = states_[i].channels,
                                            .channels_max = provider.channels_max,
                                            .cps_max = provider.cps_max,
                                            .is_healthy = !is_rested(i, now)},
                                  .counts = std::exchange(states_[i].counts, {})};
    // The first of a report tells its prefixes, however many there are.
    if (prefixes == 0 || prefixes + provider.prefixes.size() <= prefixes_told) report.prefixes = provider.prefixes;
    if (report.prefixes) prefixes += provider.prefixes.size();
    reports.push_back(std::move(report));
  }
  if (!states_.empty()) told_next_ = (told_next_ + (seen < states_.size() ? seen : 1)) % states_.size();
  return reports;
}

bool Providers::is_rested(size_t provider, io::Instant now) const {
  const State& state = states_[provider];
  return state.pings_missed >= pings_missed_max || state.rests_until > now;
}

}  // namespace nearend::gateway
