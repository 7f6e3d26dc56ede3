#include "gateway/settings.hpp"

#include <set>

#include "link/profile.hpp"
#include "sip/uri.hpp"

namespace nearend::gateway {

namespace {

Result<void> check_listeners(const std::vector<ListenSettings>& listeners, std::string_view key, bool is_udp_allowed) {
  for (size_t i = 0; i < listeners.size(); ++i) {
    if (listeners[i].protocol == sip::Protocol::tls && !listeners[i].tls)
      return fail(Error::Kind::invalid, "{}[{}].tls: certificate and key are needed", key, i);
    if (listeners[i].protocol == sip::Protocol::udp && !is_udp_allowed)
      return fail(Error::Kind::invalid, "{}[{}].protocol: tcp or tls", key, i);
  }
  return {};
}

Result<void> check_provider(const Provider& provider, std::set<std::string>& names) {
  if (provider.name.empty()) return fail(Error::Kind::invalid, "providers.name: missing");
  const auto wrong = [&](std::string_view key, std::string_view why) {
    return fail(Error::Kind::invalid, "providers.{}.{}: {}", provider.name, key, why);
  };
  if (!names.insert(provider.name).second) return wrong("name", "is there twice");
  if (provider.is_inbound && provider.addresses.empty()) return wrong("addresses", "where do its calls come from?");
  if (provider.is_outbound && provider.targets.empty() && provider.uri.empty())
    return wrong("targets", "where do its calls go to? (or uri)");
  if (!provider.uri.empty() && !sip::parse_uri(provider.uri)) return wrong("uri", "a SIP URI is expected");
  return {};
}

Result<void> check_number(const NumberEntry& entry, size_t index) {
  if (entry.value.empty()) return fail(Error::Kind::invalid, "numbers[{}].value: missing", index);
  if (entry.account_sid.empty()) return fail(Error::Kind::invalid, "numbers[{}].account_sid: missing", index);
  if (entry.kind == NumberEntry::Kind::forward && entry.forward_to.empty())
    return fail(Error::Kind::invalid, "numbers[{}].forward_to: missing", index);
  return {};
}

}  // namespace

Result<Settings> checked(Settings settings) {
  if (settings.name.empty()) return fail(Error::Kind::invalid, "name: missing");
  if (auto region = link::parse_region(settings.region); !region)
    return fail(Error::Kind::invalid, "region: {}", region.error().text);
  if (auto good = check_listeners(settings.listen, "listen", true); !good) return pass(good);
  if (auto good = check_listeners(settings.link_listen, "link_listen", false); !good) return pass(good);
  std::set<std::string> names;
  for (const Provider& provider : settings.providers)
    if (auto good = check_provider(provider, names); !good) return pass(good);
  for (size_t i = 0; i < settings.numbers.size(); ++i)
    if (auto good = check_number(settings.numbers[i], i); !good) return pass(good);
  if (settings.calls_max == 0) return fail(Error::Kind::invalid, "calls_max: at least 1");
  return settings;
}

}  // namespace nearend::gateway
