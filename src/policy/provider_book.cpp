#include "policy/provider_book.hpp"

#include <algorithm>
#include <cstdlib>

namespace nearend::policy {
namespace {

constexpr int64_t lifetime_ms = 30'000;  // what nobody repeats for so long is not there any more
/// What a call needs until the gateway that it was given to counts it.
constexpr int64_t arrival_ms = 1000;
constexpr int64_t restart_ms = 3000;
constexpr int64_t probe_gap_ms = 5000, probe_gap_most_ms = 60'000;
constexpr size_t prefixes_told = 500;  // in one summary

std::vector<std::string> sorted(std::vector<std::string> prefixes) {
  std::ranges::sort(prefixes);
  const auto [first, last] = std::ranges::unique(prefixes);
  prefixes.erase(first, last);
  return prefixes;
}

}  // namespace

std::string_view to_string(KnownProvider::Standing standing) {
  constexpr std::string_view names[] = {"open", "suspect", "resting", "full"};
  return names[static_cast<size_t>(standing)];
}

std::optional<size_t> KnownProvider::match(std::string_view number) const {
  constexpr size_t length_most = 32;
  for (size_t length = std::min(number.size(), length_most);; --length) {
    const auto at = std::ranges::lower_bound(prefixes, number.substr(0, length));
    if (at != prefixes.end() && *at == number.substr(0, length)) return length;
    if (length == 0) return std::nullopt;
  }
}

bool KnownProvider::is_current(int64_t now_ms) const {
  return has_prefixes && at_ms >= 0 && at_ms + lifetime_ms >= now_ms;
}

/// By whoever heard of it last.
bool KnownProvider::is_suspect() const {
  const auto newest = std::ranges::max_element(told, {}, [](const Told& each) { return each.evidence.state().at_ms; });
  return newest != told.end() && newest->evidence.is_suspect();
}

double KnownProvider::given(int64_t now_ms) const {
  double sum = 0;
  for (size_t slot = 0; slot < slots; ++slot)
    if (second_[slot] >= 0 && second_[slot] * 1000 + static_cast<int64_t>(slots) * 1000 > now_ms &&
        (second_[slot] + 1) * 1000 + arrival_ms > at_ms)
      sum += given_[slot];
  return sum;
}

double KnownProvider::share(int64_t now_ms) const {
  if (facts.channels_max == 0) return 0;
  return (facts.channels + given(now_ms)) / facts.channels_max;
}

bool KnownProvider::is_full(int64_t now_ms) const {
  if (facts.channels_max > 0 && share(now_ms) >= 1) return true;
  const int64_t second = now_ms / 1000;
  const auto slot = static_cast<size_t>(second) % slots;
  return facts.cps_max > 0 && second_[slot] == second && given_[slot] >= facts.cps_max;
}

KnownProvider::Standing KnownProvider::standing(int64_t now_ms) const {
  if (is_full(now_ms)) return Standing::full;
  if (!facts.is_healthy) return Standing::resting;
  return is_suspect() ? Standing::suspect : Standing::open;
}

/// Added up ten times a second and whenever something comes: every decision looks at every provider.
ProviderEstimate KnownProvider::estimate(int64_t now_ms) const {
  const int64_t tick = now_ms / 100;
  if (known_tick_ == tick) return known_;
  ProviderEvidence::State sum;
  for (const Told& each : told) {
    const ProviderEvidence::State part = each.evidence.faded(now_ms);
    sum.attempts += part.attempts;
    sum.failed += part.failed;
    sum.answered += part.answered;
    sum.delays += part.delays;
    sum.delay_ms += part.delay_ms;
    sum.scores += part.scores;
    sum.score += part.score;
  }
  known_tick_ = tick;
  return known_ = ProviderEvidence::estimate(sum);
}

ProviderEvidence& KnownProvider::evidence(SourceId of, uint64_t of_seq) {
  known_tick_ = -1;
  auto found = std::ranges::find(told, of, &Told::source);
  if (found == told.end()) found = told.insert(told.end(), Told{of, 0, {}});
  found->seq = of_seq;
  return found->evidence;
}

KnownProvider* ProviderBook::find(GatewayId gateway, std::string_view name) {
  auto& all = by_gateway_[gateway];
  const auto found = std::ranges::find(all, name, &KnownProvider::name);
  if (found != all.end()) return &*found;
  if (all.size() >= providers_max) return nullptr;
  KnownProvider& made = all.emplace_back();
  made.name = name;
  ++count_;
  return &made;
}

/// The gateway's newest words stay, whoever brought them.
void ProviderBook::take_facts(KnownProvider& known, const ProviderFacts& facts, uint64_t seq, int64_t at_ms,
                              SourceId source) {
  const bool is_counted = seq > 0 && known.seq > 0 && std::abs(at_ms - known.at_ms) < restart_ms;
  if (is_counted ? seq <= known.seq : at_ms < known.at_ms) return;
  known.facts = facts;
  known.seq = seq;
  known.at_ms = at_ms;
  known.source = source;
}

bool ProviderBook::take(GatewayId gateway, const ProviderReport& report, uint64_t seq, int64_t at_ms, int64_t now_ms) {
  KnownProvider* known = find(gateway, report.name);
  if (known == nullptr) return false;
  take_facts(*known, report.facts, seq, at_ms, own_source);
  if (report.prefixes) known->prefixes = sorted(*report.prefixes);
  known->has_prefixes |= report.prefixes.has_value();
  if (report.counts.is_nothing()) return true;
  const bool was_suspect = known->is_suspect();
  known->evidence(own_source, 0).take(report.counts, at_ms);
  note_suspicion(*known, was_suspect, now_ms);
  return true;
}

bool ProviderBook::take(GatewayId gateway, const ProviderSummary& summary, SourceId source, uint64_t seq,
                        int64_t now_ms) {
  KnownProvider* known = find(gateway, summary.name);
  if (known == nullptr) return false;
  take_facts(*known, summary.facts, summary.seq, std::min(summary.at_ms, now_ms), source);
  if (summary.prefixes && known->source == source) known->prefixes = sorted(*summary.prefixes);
  known->has_prefixes |= summary.prefixes.has_value();
  const auto before = std::ranges::find(known->told, source, &KnownProvider::Told::source);
  if (before != known->told.end() && before->seq >= seq) return true;
  if (summary.known == ProviderEvidence::State{.at_ms = summary.known.at_ms}) return true;
  const bool was_suspect = known->is_suspect();
  known->evidence(source, seq) = ProviderEvidence(summary.known);
  note_suspicion(*known, was_suspect, now_ms);
  return true;
}

/// One that has become suspect is left alone for a while before it is tried again.
void ProviderBook::note_suspicion(KnownProvider& known, bool was_suspect, int64_t now_ms) {
  if (was_suspect || !known.is_suspect()) return;
  known.probe_gap_ms = probe_gap_ms;
  known.probe_at_ms = now_ms + probe_gap_ms;
}

std::vector<ProviderSummary> ProviderBook::own(const Places& places, int64_t since_ms) {
  std::vector<ProviderSummary> all;
  std::vector<const KnownProvider*> told;
  for (size_t i = 0; i < by_gateway_.size(); ++i)
    for (const KnownProvider& each : by_gateway_[i]) {
      const auto counted = std::ranges::find(each.told, own_source, &KnownProvider::Told::source);
      const bool is_counted = counted != each.told.end() && counted->evidence.state().at_ms >= since_ms;
      if (!is_counted && (each.source != own_source || each.at_ms < since_ms)) continue;
      all.push_back({.gateway = places.entry(static_cast<GatewayId>(i)).name,
                     .name = each.name,
                     .prefixes = {},
                     .facts = each.facts,
                     .seq = each.seq,
                     .at_ms = each.at_ms,
                     .known = counted == each.told.end() ? ProviderEvidence::State{.at_ms = each.at_ms}
                                                         : counted->evidence.state()});
      told.push_back(&each);
    }
  size_t budget = prefixes_told;
  for (size_t i = 0; i < all.size(); ++i) {
    const size_t at = told_next_++ % all.size();
    if (!told[at]->has_prefixes) continue;
    all[at].prefixes = told[at]->prefixes;
    if (told[at]->prefixes.size() >= budget) break;
    budget -= told[at]->prefixes.size();
  }
  return all;
}

void ProviderBook::give(KnownProvider& provider, bool is_probe, int64_t now_ms) {
  const int64_t second = now_ms / 1000;
  const auto slot = static_cast<size_t>(second) % KnownProvider::slots;
  if (provider.second_[slot] != second) provider.given_[slot] = 0;
  provider.second_[slot] = second;
  ++provider.given_[slot];
  if (!is_probe) return;
  const int64_t gap_ms = provider.probe_gap_ms == 0 ? probe_gap_ms : provider.probe_gap_ms;
  provider.probe_at_ms = now_ms + gap_ms;
  provider.probe_gap_ms = std::min(2 * gap_ms, probe_gap_most_ms);
}

void ProviderBook::take_scores(GatewayId gateway, std::string_view name, double scores, double sum, int64_t at_ms) {
  KnownProvider* known = find(gateway, name);
  if (known != nullptr) known->evidence(own_source, 0).take_scores(scores, sum, at_ms);
}

void ProviderBook::forget(SourceId source) {
  for (auto& all : by_gateway_)
    for (KnownProvider& each : all) {
      std::erase_if(each.told, [&](const KnownProvider::Told& told) { return told.source == source; });
      each.known_tick_ = -1;
    }
}

}  // namespace nearend::policy
