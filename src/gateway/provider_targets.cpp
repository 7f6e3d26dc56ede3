#include "gateway/provider_targets.hpp"

#include <algorithm>

#include "sip/resolver.hpp"
#include "telemetry/log.hpp"

namespace nearend::gateway {

namespace {

std::string_view transport_name(sip::Protocol protocol) {
  switch (protocol) {
    case sip::Protocol::udp:
      return "udp";
    case sip::Protocol::tcp:
      return "tcp";
    case sip::Protocol::tls:
      return "tls";
  }
  return "";
}

sip::Uri uri_of(const ProviderTarget& target) {
  sip::Uri uri = sip::make_sip_uri("", target.host, target.port);
  uri.has_user = false;
  if (target.protocol != sip::Protocol::udp) uri.parameters.set("transport", transport_name(target.protocol));
  return uri;
}

/// The URIs that lead to the provider, in the order to try.
std::vector<sip::Uri> uris_of(const Provider& provider) {
  std::vector<sip::Uri> uris;
  if (!provider.uri.empty()) {
    if (auto uri = sip::parse_uri(provider.uri)) uris.push_back(std::move(*uri));
    return uris;
  }
  for (const ProviderTarget& target : provider.targets) uris.push_back(uri_of(target));
  return uris;
}

sip::Target as_target(const ProviderTarget& target, const IpAddress& address) {
  return {.protocol = target.protocol, .address = {address, target.port}, .server_name = target.host};
}

}  // namespace

std::vector<sip::Target> numeric_targets(const Provider& provider) {
  std::vector<sip::Target> targets;
  for (const ProviderTarget& target : provider.targets)
    if (const auto address = parse_ip(target.host)) targets.push_back(as_target(target, *address));
  return targets;
}

std::string uri_at(const Provider& provider, std::string_view number) {
  auto uris = uris_of(provider);
  if (uris.empty()) return {};
  if (!number.empty()) uris.front().set_user(number);
  return uris.front().to_string();
}

bool ProviderTargets::is_numeric(size_t provider) const {
  const Provider& whom = settings_.providers[provider];
  return whom.uri.empty() &&
         std::ranges::all_of(whom.targets, [](const auto& t) { return parse_ip(t.host).has_value(); });
}

Task<std::vector<sip::Target>> ProviderTargets::find(size_t provider) const {
  const Provider& whom = settings_.providers[provider];
  if (is_numeric(provider)) co_return numeric_targets(whom);
  std::vector<sip::Target> targets;
  std::vector<sip::Uri> uris = uris_of(whom);
  for (sip::Uri& uri : uris) {
    const std::string host = uri.host;
    auto found = co_await sip::resolve(std::move(uri), {}, world_.dns, world_.loop);
    if (!found) {
      telemetry::warn("provider's name not resolved",
                      {{"provider", whom.name}, {"host", host}, {"error", found.error().text}});
      continue;
    }
    for (sip::Target& target : *found) {
      // The certificate is for the name that the operator wrote (RFC 5922 4).
      if (target.server_name.empty()) target.server_name = host;
      admission_.learn(target.address.address);
      targets.push_back(std::move(target));
    }
  }
  co_return targets;
}

}  // namespace nearend::gateway
