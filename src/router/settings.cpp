#include "router/settings.hpp"

#include "base/ids.hpp"
#include "base/text.hpp"
#include "link/profile.hpp"

namespace nearend::router {

namespace {

Result<void> check_listen(const std::vector<ListenSettings>& listen) {
  if (listen.empty()) return fail(Error::Kind::invalid, "link_listen: at least one address is needed");
  for (const ListenSettings& item : listen) {
    if (item.protocol == sip::Protocol::udp)
      return fail(Error::Kind::invalid, "link_listen: {}: tcp or tls is needed, not udp", item.local.to_string());
    if (item.protocol == sip::Protocol::tls && !item.tls)
      return fail(Error::Kind::invalid, "link_listen: {}: tls needs a certificate", item.local.to_string());
  }
  return {};
}

Result<void> check_seeds(const Settings& settings) {
  for (const store::Account& account : settings.accounts)
    if (!is_sid("AC", account.sid))
      return fail(Error::Kind::invalid, "accounts: '{}' is no account id, AC and 32 hexadecimal digits", account.sid);
  for (const store::Number& number : settings.numbers) {
    if (number.number.empty()) return fail(Error::Kind::invalid, "numbers: a number is empty");
    if (number.voice_url.empty() && number.forward_to.empty())
      return fail(Error::Kind::invalid, "numbers: {}: voice_url or forward_to is needed", number.number);
  }
  return {};
}

}  // namespace

Result<Settings> checked(Settings settings) {
  if (trim(settings.name).empty()) return fail(Error::Kind::invalid, "name: must not be empty");
  auto region = link::parse_region(settings.region);
  if (!region) return fail(Error::Kind::invalid, "region: {}", region.error().text);
  auto listen = check_listen(settings.link_listen);
  if (!listen) return pass(listen);
  if (settings.link_peers.empty()) return fail(Error::Kind::invalid, "link_peers: name the gateways' networks");
  auto seeds = check_seeds(settings);
  if (!seeds) return pass(seeds);
  if (settings.calls_max == 0) return fail(Error::Kind::invalid, "calls_max: must be above 0");
  if (settings.steps_max == 0) return fail(Error::Kind::invalid, "steps_max: must be above 0");
  if (settings.ping_every.count() <= 0) return fail(Error::Kind::invalid, "ping_every: must be above 0");
  return settings;
}

}  // namespace nearend::router
