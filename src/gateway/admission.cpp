#include "gateway/admission.hpp"

#include <algorithm>

#include "telemetry/metrics.hpp"

namespace nearend::gateway {

namespace {

bool holds(const std::vector<Cidr>& networks, const IpAddress& address) {
  return std::ranges::any_of(networks, [&](const Cidr& network) { return network.contains(address); });
}

// A name with more addresses than this in the course of time is not a provider's; a talk with the oldest would go deaf.
constexpr size_t learned_max = 4096;

}  // namespace

Admission::Admission(const Settings& settings, std::string secret) : settings_(settings) {
  for (const Provider& provider : settings.providers) {
    for (const ProviderTarget& target : provider.targets)
      if (auto address = parse_ip(target.host)) targets_.push_back(*address);
    auto& digest = digests_.emplace_back();
    if (provider.inbound_users.empty()) continue;
    sip::DigestServer::Settings rules;
    rules.realm = provider.inbound_realm.empty() ? settings.name : provider.inbound_realm;
    rules.secret = secret;
    digest = std::make_unique<sip::DigestServer>(std::move(rules));
  }
}

Admission::~Admission() = default;

bool Admission::is_outsider_known(const IpAddress& source) const {
  if (std::ranges::find(targets_, source) != targets_.end()) return true;
  if (std::ranges::find(learned_, source) != learned_.end()) return true;
  return std::ranges::any_of(settings_.providers,
                             [&](const Provider& provider) { return holds(provider.addresses, source); });
}

void Admission::learn(const IpAddress& address) {
  if (is_outsider_known(address)) return;
  if (learned_.size() == learned_max) learned_.pop_front();
  learned_.push_back(address);
}

bool Admission::is_link_peer(const IpAddress& source) const {
  return holds(settings_.link_peers, source);
}

std::optional<size_t> Admission::provider_of(const IpAddress& source) const {
  for (size_t i = 0; i < settings_.providers.size(); ++i)
    if (settings_.providers[i].is_inbound && holds(settings_.providers[i].addresses, source)) return i;
  return std::nullopt;
}

std::optional<std::string_view> Admission::password_of(const Provider& provider, std::string_view username) const {
  for (const DigestUser& user : provider.inbound_users)
    if (user.username == username) return user.password;
  return std::nullopt;
}

std::vector<std::string> Admission::challenges(size_t provider, const sip::Message& request, const IpAddress& source,
                                               io::Instant now) {
  using Verdict = sip::DigestServer::Verdict;
  if (!digests_[provider]) return {};
  sip::DigestServer& digest = *digests_[provider];
  const std::string peer = source.to_string();
  const auto at = std::chrono::time_point_cast<sip::DigestServer::Clock::duration>(now);
  const auto answer = digest.find(request.values(sip::HeaderId::authorization));
  if (!answer) return digest.challenges(peer, at);
  const Verdict verdict = digest.verify(*answer, password_of(settings_.providers[provider], answer->username),
                                        request.method_name(), request.request_uri(), peer, at);
  if (verdict == Verdict::good) return {};
  if (verdict == Verdict::bad) telemetry::counter("nearend_gateway_digest_refused_total").add();
  return digest.challenges(peer, at, verdict != Verdict::bad);
}

}  // namespace nearend::gateway
