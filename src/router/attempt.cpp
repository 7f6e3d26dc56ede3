#include "router/attempt.hpp"

#include <algorithm>

namespace nearend::router {

call::Outcome outcome_of(int status) {
  switch (status) {
    case 486:
    case 600:
    case 603:
      return call::Outcome::busy;
    case 408:
    case 480:
    case 487:
      return call::Outcome::no_answer;
    default:
      return call::Outcome::failed;
  }
}

bool is_worth_another_gateway(int status) {
  return status == 503 || status == 500 || status == 502 || status == 504;
}

Result<std::string> request_uri(const call::DialTarget& target, std::string_view gateway_uri) {
  auto uri = sip::parse_uri(gateway_uri);
  if (!uri) return pass(uri);
  uri->set_user(target.address);
  uri->has_user = true;
  return uri->to_string();
}

std::string caller_address(std::string_view caller_id, std::string_view host) {
  for (std::string_view scheme : {"sip:", "sips:", "tel:", "client:"})
    if (caller_id.starts_with(scheme)) caller_id.remove_prefix(scheme.size());
  const std::string_view user = caller_id.substr(0, caller_id.find('@'));
  auto split = sip::parse_host_port(host);
  sip::NameAddr address;
  address.uri = sip::make_sip_uri(user.empty() ? "anonymous" : user, split ? split->host : std::string(host));
  return address.to_string();
}

namespace {

constexpr size_t providers_most = 8, provider_name_max = 100;

/// "cheap,dear": those whose names can be said so.
std::string joined(const std::vector<std::string>& names) {
  std::string text;
  size_t count = 0;
  for (const std::string& name : names) {
    const bool is_plain = !name.empty() && name.size() <= provider_name_max && std::ranges::all_of(name, [](char sign) {
      return sign >= ' ' && sign < 0x7f && sign != ',' && sign != '"' && sign != '\\';
    });
    if (!is_plain || count == providers_most) continue;
    text += (count++ ? "," : "") + name;
  }
  return text;
}

}  // namespace

link::Item dial_action(const call::DialTarget& target, const call::DialRequest& request, bool is_early_wanted,
                       const std::vector<std::string>& providers) {
  link::Item dial{"dial",
                  {{"timeout", fmt::format("{}", request.timeout.count())},
                   {"time-limit", fmt::format("{}", request.time_limit.count())}}};
  if (is_early_wanted) dial.parameters.emplace_back("early", "");
  if (std::string names = joined(providers); !names.empty() && target.kind != call::DialTarget::Kind::sip)
    dial.parameters.emplace_back("providers", std::move(names));
  if (target.kind == call::DialTarget::Kind::sip) dial.parameters.emplace_back("url", target.address);
  if (!target.username.empty()) dial.parameters.emplace_back("username", target.username);
  if (!target.password.empty()) dial.parameters.emplace_back("password", target.password);
  return dial;
}

}  // namespace nearend::router
