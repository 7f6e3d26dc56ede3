#include "gateway/settings.hpp"

#include <set>

#include "gateway/negotiation.hpp"
#include "link/profile.hpp"
#include "sip/uri.hpp"

namespace nearend::gateway {

namespace {

Result<void> check_listener(const ListenSettings& listener, const std::string& key) {
  if (listener.protocol == sip::Protocol::tls && !listener.tls)
    return fail(Error::Kind::invalid, "{}.tls: certificate_file and key_file are needed with tls", key);
  return {};
}

Result<void> check_listeners(const Settings& settings) {
  for (size_t i = 0; i < settings.listen.size(); ++i)
    if (auto good = check_listener(settings.listen[i], fmt::format("listen[{}]", i)); !good) return good;
  for (size_t i = 0; i < settings.link_listen.size(); ++i) {
    const ListenSettings& listener = settings.link_listen[i];
    const std::string key = fmt::format("link_listen[{}]", i);
    if (listener.protocol == sip::Protocol::udp)
      return fail(Error::Kind::invalid, "{}.protocol: \"tcp\" or \"tls\"", key);
    if (listener.answers_probes) return fail(Error::Kind::invalid, "{}.probes: only where endpoints come", key);
    if (listener.local.address.is_unspecified() && listener.advertised_host.empty())
      return fail(Error::Kind::invalid, "{}.advertised_host: needed when local is {}, so that peers find us", key,
                  listener.local.to_string());
    if (auto good = check_listener(listener, key); !good) return good;
  }
  return {};
}

Result<void> check_provider(const Provider& provider, size_t index, std::set<std::string>& names) {
  const auto wrong = [&](std::string_view key, std::string_view right) {
    return fail(Error::Kind::invalid, "provider[{}].{}: {}", index, key, right);
  };
  if (provider.name.empty()) return wrong("name", "missing");
  if (!names.insert(provider.name).second) return wrong("name", fmt::format("'{}' is there twice", provider.name));
  if (provider.is_inbound && provider.addresses.empty())
    return wrong("addresses", "the networks that its calls come from; or inbound = false");
  if (provider.is_outbound && provider.targets.empty() && provider.uri.empty())
    return wrong("target", "where its calls go to, or uri; or outbound = false");
  if (!provider.uri.empty() && !sip::parse_uri(provider.uri))
    return wrong("uri", fmt::format("a SIP URI is expected, not '{}'", provider.uri));
  return {};
}

Result<void> check_number(const NumberEntry& entry, size_t index) {
  if (entry.value.empty()) return fail(Error::Kind::invalid, "number[{}].value: missing", index);
  if (entry.account_sid.empty()) return fail(Error::Kind::invalid, "number[{}].account_sid: missing", index);
  if (entry.kind == NumberEntry::Kind::forward && entry.forward_to.empty())
    return fail(Error::Kind::invalid, "number[{}].forward_to: needed with kind \"forward\"", index);
  return {};
}

}  // namespace

std::vector<std::string> media_wants(const Settings& settings, bool is_forwarded) {
  std::vector<std::string> wants{"bridge"};
  if (is_forwarded) return wants;
  for (const char* name : {"play", "record", "collect"})
    if (settings.has_feature(name)) wants.emplace_back(name);
  if (settings.has_feature("local-tts")) wants.emplace_back("tts");
  return wants;
}

Result<void> checked(const Settings& settings) {
  if (settings.name.empty()) return fail(Error::Kind::invalid, "name: missing");
  if (auto region = link::parse_region(settings.region); !region)
    return fail(Error::Kind::invalid, "region: {}", region.error().text);
  if (auto good = check_listeners(settings); !good) return good;
  std::set<std::string> names;
  for (size_t i = 0; i < settings.providers.size(); ++i)
    if (auto good = check_provider(settings.providers[i], i, names); !good) return good;
  for (size_t i = 0; i < settings.numbers.size(); ++i)
    if (auto good = check_number(settings.numbers[i], i); !good) return good;
  if (settings.codecs.empty()) return fail(Error::Kind::invalid, "codecs: at least one");
  for (const std::string& name : settings.codecs)
    if (!codec_named(name))
      return fail(Error::Kind::invalid, "codecs: '{}' is no codec known by name; NAME/RATE[/CHANNELS] would be right",
                  name);
  if (settings.ping.certificate_file.empty() != settings.ping.key_file.empty())
    return fail(Error::Kind::invalid, "ping.certificate_file: goes with key_file");
  if (settings.probe_answers_most == 0) return fail(Error::Kind::invalid, "probe_answers_most: at least 1");
  if (settings.calls_max == 0) return fail(Error::Kind::invalid, "calls_max: at least 1");
  return {};
}

}  // namespace nearend::gateway
