#include "http/resolve.hpp"

#include <algorithm>

#include "io/async.hpp"

namespace nearend::http {
namespace {

/// How long an IPv4 answer waits for the other one (RFC 8305 section 3).
constexpr std::chrono::milliseconds late_family_wait{50};

using Answer = Result<std::vector<io::DnsRecord>>;

Task<void> ask(io::Dns& dns, std::string host, io::DnsRecord::Type type, io::Reply<Answer> reply) {
  auto answer = co_await dns.query(std::move(host), type);
  reply.set(std::move(answer));
}

void add_addresses(std::vector<IpAddress>& addresses, const std::optional<Answer>& answer) {
  if (!answer || !*answer) return;
  for (const io::DnsRecord& record : **answer) addresses.push_back(record.address);
}

}  // namespace

Task<Result<std::vector<IpAddress>>> resolve_host(io::Loop& loop, io::Dns& dns, std::string host,
                                                  io::Instant deadline) {
  std::vector<IpAddress> addresses;
  if (const auto address = parse_ip(host)) {
    addresses.push_back(*address);
    co_return addresses;
  }
  const io::Reply<Answer> v4(loop), v6(loop);
  io::Scope questions(loop);
  questions.spawn(ask(dns, host, io::DnsRecord::Type::a, v4));
  questions.spawn(ask(dns, host, io::DnsRecord::Type::aaaa, v6));
  const auto first = co_await v4.wait(deadline);
  add_addresses(addresses, first);
  const io::Instant patience = addresses.empty() ? deadline : std::min(deadline, loop.now() + late_family_wait);
  const auto second = co_await v6.wait(patience);
  add_addresses(addresses, second);
  if (!addresses.empty()) co_return addresses;
  if (!first || !second) co_return fail(Error::Kind::unavailable, "no name server answered for '{}' in time", host);
  if (!*first) co_return fail(Error::Kind::unavailable, "{}", first->error().text);
  co_return fail(Error::Kind::unavailable, "the name '{}' has no address", host);
}

}  // namespace nearend::http
