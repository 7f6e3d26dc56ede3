#include "http/connection_settings.hpp"

#include <algorithm>

#include "base/ip.hpp"
#include "base/text.hpp"

namespace nearend::http {
namespace {

constexpr uint64_t timeout_least = 100;
constexpr uint64_t connect_most = 10'000;
constexpr uint64_t total_most = 15'000;
constexpr uint64_t retries_most = 5;

void set_timeout(std::chrono::milliseconds& timeout, std::string_view value, uint64_t most) {
  if (const auto number = parse_unsigned(value))
    timeout = std::chrono::milliseconds(std::clamp(*number, timeout_least, most));
}

void set_retry_policy(ConnectionSettings& settings, std::string_view value) {
  bool is_any_known = false;
  ConnectionSettings chosen = settings;
  chosen.is_connect_retried = chosen.is_read_retried = chosen.is_4xx_retried = chosen.is_5xx_retried = false;
  for (const std::string_view word : split(value, ',')) {
    const bool is_all = word == "all";
    chosen.is_connect_retried |= is_all || word == "ct";
    chosen.is_read_retried |= is_all || word == "rt";
    chosen.is_4xx_retried |= is_all || word == "4xx";
    chosen.is_5xx_retried |= is_all || word == "5xx";
    is_any_known |= is_all || word == "ct" || word == "rt" || word == "4xx" || word == "5xx";
  }
  if (is_any_known) settings = chosen;
}

}  // namespace

ConnectionSettings parse_connection_settings(std::string_view fragment) {
  ConnectionSettings settings;
  for (const std::string_view pair : split(fragment, '&')) {
    const size_t equals = pair.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view key = pair.substr(0, equals);
    const std::string decoded = percent_decode(pair.substr(equals + 1)).value_or("");
    if (key == "ct") set_timeout(settings.connect_timeout, decoded, connect_most);
    if (key == "rt") set_timeout(settings.read_timeout, decoded, total_most);
    if (key == "tt") set_timeout(settings.total_timeout, decoded, total_most);
    if (key == "rp") set_retry_policy(settings, decoded);
    if (key == "rc")
      if (const auto number = parse_unsigned(decoded))
        settings.retries = static_cast<int>(std::min(*number, retries_most));
  }
  return settings;
}

Result<void> check_host_name(std::string_view host) {
  if (parse_ip(host)) return {};
  if (host.find('_') != std::string_view::npos)
    return fail(Error::Kind::invalid, "host '{}' has an underscore, which no host name may have", host);
  if (host.ends_with('.')) host.remove_suffix(1);
  while (true) {
    const std::string_view label = host.substr(0, host.find('.'));
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-')
      return fail(Error::Kind::invalid, "'{}' is not a valid part of a host name", label);
    if (label.size() == host.size()) return {};
    host.remove_prefix(label.size() + 1);
  }
}

}  // namespace nearend::http
