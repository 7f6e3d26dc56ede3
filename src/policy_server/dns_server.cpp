#include "policy_server/dns_server.hpp"

#include "telemetry/log.hpp"

namespace nearend::policy_server {
namespace {

using namespace std::chrono_literals;

constexpr size_t connections_most = 256, stream_query_most = 4096;
constexpr io::Duration idle_most = 10s;

}  // namespace

DnsServer::DnsServer(io::Loop& loop, io::Net& net, DnsSettings settings, const policy::Advisor& advisor)
    : loop_(loop),
      net_(net),
      settings_(std::move(settings)),
      advisor_(advisor),
      udp_rate_(settings_.answers_most, loop.random()),
      tcp_rate_(settings_.answers_most, loop.random()),
      truncated_(telemetry::counter("nearend_policy_dns_limited_total", "how=\"truncated\"")),
      dropped_(telemetry::counter("nearend_policy_dns_limited_total", "how=\"dropped\"")) {}

Result<void> DnsServer::start() {
  if (!settings_.listen) return {};
  // The serial says when it was started: what changes with load and health is no change of the zone.
  responder_.emplace(settings_, advisor_, static_cast<uint32_t>(loop_.wall_ms() / 1000));
  auto udp = net_.open_udp(*settings_.listen,
                           [this](const Endpoint& from, io::Bytes message) { take_datagram(from, message); });
  if (!udp) return fail(udp.error().kind, "policy_server.dns.listen: {}", udp.error().text);
  udp_ = std::move(*udp);
  auto tcp = net_.listen(udp_->local(), nullptr,
                         [this](std::unique_ptr<io::Stream> stream) { take_stream(std::move(stream)); });
  if (!tcp) return fail(tcp.error().kind, "policy_server.dns.listen: {}", tcp.error().text);
  tcp_ = std::move(*tcp);
  telemetry::info("name server ready", {{"zone", settings_.zone}, {"listen", local().to_string()}});
  return {};
}

void DnsServer::count(const dns::Answered& answered) {
  telemetry::Counter*& counter = counters_[{answered.type, answered.code}];
  if (!counter)
    counter = &telemetry::counter(
        "nearend_policy_dns_queries_total",
        fmt::format("type=\"{}\",code=\"{}\"", dns::to_string(answered.type), dns::to_string(answered.code)));
  counter->add();
}

std::optional<std::vector<uint8_t>> DnsServer::answer(io::Bytes message, const IpAddress& from, bool is_udp) {
  auto answered = responder_->answer(message, from, is_udp, loop_.wall_ms(), loop_.random());
  if (!answered) return std::nullopt;
  count(*answered);
  return std::move(answered->message);
}

void DnsServer::take_datagram(const Endpoint& from, io::Bytes message) {
  if (udp_rate_.allows(from.address, loop_.now())) {
    if (const auto reply = answer(message, from.address, true)) udp_->send(from, *reply);
    return;
  }
  // Whose address is abused gets less than was sent; who asks himself gets through over TCP.
  const bool is_told = limited_seen_++ % 2 == 0;
  (is_told ? truncated_ : dropped_).add();
  if (!is_told) return;
  if (const auto reply = dns::Responder::answer_truncated(message)) udp_->send(from, reply->message);
}

void DnsServer::take_stream(std::unique_ptr<io::Stream> stream) {
  // Who asks is done at once, so it is the oldest that may go (RFC 7766 6.2.2), and nobody shuts others out.
  if (connections_.size() >= connections_most) {
    dropped_.add();
    connections_.erase(connections_.begin());
  }
  const uint64_t id = ++last_connection_;
  Connection& connection = connections_.try_emplace(id, loop_).first->second;
  connection.stream = std::move(stream);
  connection.idle.start(idle_most, [this, id] { connections_.erase(id); });
  connection.stream->set_handlers({.on_open = {},
                                   .on_data = [this, id](std::string_view bytes) { take_bytes(id, bytes); },
                                   .on_close = [this, id](const Error&) { connections_.erase(id); }});
}

void DnsServer::take_bytes(uint64_t id, std::string_view bytes) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  Connection& connection = found->second;
  connection.unread += bytes;
  size_t taken = 0;
  std::string replies;
  bool is_good = true;
  while (is_good && connection.unread.size() - taken >= 2) {
    const auto* at = reinterpret_cast<const uint8_t*>(connection.unread.data()) + taken;
    const size_t size = static_cast<size_t>(at[0]) << 8 | at[1];
    if (size > stream_query_most) is_good = false;
    if (!is_good || connection.unread.size() - taken < 2 + size) break;
    taken += 2 + size;
    const IpAddress from = connection.stream->peer().address;
    is_good = tcp_rate_.allows(from, loop_.now());
    if (!is_good) dropped_.add();
    const auto reply = is_good ? answer({at + 2, size}, from, false) : std::nullopt;
    is_good = reply.has_value();
    if (!is_good) break;
    replies += static_cast<char>(reply->size() >> 8);
    replies += static_cast<char>(reply->size() & 0xff);
    replies.append(reply->begin(), reply->end());
  }
  if (!is_good) {
    connections_.erase(found);
    return;
  }
  if (taken > 0) connection.idle.start(idle_most, [this, id] { connections_.erase(id); });
  connection.unread.erase(0, taken);
  if (!replies.empty()) connection.stream->write(std::move(replies));
}

}  // namespace nearend::policy_server
