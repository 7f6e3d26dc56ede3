#include "sip/probes.hpp"

#include <algorithm>

namespace nearend::sip {

using namespace std::chrono_literals;

std::optional<stun::Answer> Probes::answer_stun(io::Bytes request, const Endpoint& from, bool is_known) {
  auto answer = stun::answer_to(request, from);
  if (!answer || !allows(from.address, is_known)) return std::nullopt;
  stun_.add();
  return answer;
}

bool Probes::takes_options(std::string_view text, const IpAddress& from) {
  if (!text.starts_with("OPTIONS ") || !allows(from, false)) return false;
  options_.add();
  return true;
}

bool Probes::may_connect(const IpAddress& from) {
  if (!allows(from, false)) return false;
  if (connections_.take(limits_.stranger_connections_per_second, loop_.now())) return true;
  limited_.add();
  return false;
}

bool Probes::allows(const IpAddress& from, bool is_known) {
  if (!networks_) networks_.emplace(limits_.probes_per_network_most, loop_.random());
  const bool is_allowed =
      networks_->allows(from, loop_.now()) && (is_known || all_.take(limits_.probes_most, loop_.now()));
  if (!is_allowed) limited_.add();
  return is_allowed;
}

Transport::Limits Probes::limits_of_strangers(Transport::Limits limits) {
  limits.message_max = std::min<size_t>(limits.message_max, 8'192);
  limits.message_deadline = std::min<std::chrono::milliseconds>(limits.message_deadline, 5s);
  limits.idle_close = std::min<std::chrono::seconds>(limits.idle_close, 10s);
  return limits;
}

}  // namespace nearend::sip
