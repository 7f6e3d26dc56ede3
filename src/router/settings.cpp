#include "router/settings.hpp"

#include "base/ids.hpp"
#include "base/text.hpp"
#include "link/profile.hpp"

namespace nearend::router {

namespace {

Result<void> check_listeners(const std::vector<ListenSettings>& listeners) {
  if (listeners.empty()) return fail(Error::Kind::invalid, "link_listen: at least one address is needed");
  for (size_t i = 0; i < listeners.size(); ++i) {
    const ListenSettings& listener = listeners[i];
    const std::string key = fmt::format("link_listen[{}]", i);
    if (listener.protocol == sip::Protocol::udp)
      return fail(Error::Kind::invalid, "{}.protocol: \"tcp\" or \"tls\"", key);
    if (listener.protocol == sip::Protocol::tls && !listener.tls)
      return fail(Error::Kind::invalid, "{}.tls: certificate_file and key_file are needed with tls", key);
    if (listener.local.address.is_unspecified() && listener.advertised_host.empty())
      return fail(Error::Kind::invalid, "{}.advertised_host: needed when local is {}, so that gateways find us", key,
                  listener.local.to_string());
  }
  return {};
}

Result<void> check_seeds(const Settings& settings) {
  for (size_t i = 0; i < settings.accounts.size(); ++i)
    if (!is_sid("AC", settings.accounts[i].sid))
      return fail(Error::Kind::invalid, "account[{}].sid: AC and 32 hexadecimal digits, not '{}'", i,
                  settings.accounts[i].sid);
  for (size_t i = 0; i < settings.numbers.size(); ++i) {
    const store::Number& number = settings.numbers[i];
    if (number.number.empty()) return fail(Error::Kind::invalid, "number[{}].number: missing", i);
    if (number.voice_url.empty() && number.forward_to.empty())
      return fail(Error::Kind::invalid, "number[{}].voice_url: needed, or forward_to, for {}", i, number.number);
  }
  return {};
}

}  // namespace

Result<void> checked(const Settings& settings) {
  if (trim(settings.name).empty()) return fail(Error::Kind::invalid, "name: must not be empty");
  if (auto region = link::parse_region(settings.region); !region)
    return fail(Error::Kind::invalid, "region: {}", region.error().text);
  if (auto good = check_listeners(settings.link_listen); !good) return good;
  if (settings.link_peers.empty()) return fail(Error::Kind::invalid, "link_peers: the gateways' networks are needed");
  if (auto good = check_seeds(settings); !good) return good;
  if (settings.calls_max == 0) return fail(Error::Kind::invalid, "calls_max: must be above 0");
  if (settings.steps_max == 0) return fail(Error::Kind::invalid, "steps_max: must be above 0");
  if (settings.ping_every.count() <= 0) return fail(Error::Kind::invalid, "ping_every: must be above 0");
  return {};
}

}  // namespace nearend::router
