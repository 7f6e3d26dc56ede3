#include "gateway/echo.hpp"

#include <algorithm>
#include <cstring>

#include "base/crypto.hpp"
#include "telemetry/metrics.hpp"

namespace nearend::gateway {
namespace {

constexpr std::chrono::seconds pace{1};
/// A region from which nothing has come for so long is one whose port is closed, not a way that loses.
constexpr std::chrono::seconds known_for{60};
constexpr uint32_t missed_max = 2;

// The datagram: four letters, its kind, three bytes of nothing, its number, and the seal over all of that.
constexpr std::string_view letters = "NEec";
constexpr size_t kind_at = 4, number_at = 8, seal_at = 16;

std::string_view text_of(io::Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

Echo::Echo(io::Loop& loop, io::Net& net, Settings settings, Handler handler)
    : loop_(loop), net_(net), settings_(std::move(settings)), handler_(std::move(handler)), timer_(loop) {
  for (const Peer& peer : settings_.peers) regions_[peer.region].gateways.push_back(peer.at);
}

Result<void> Echo::start() {
  auto socket = net_.open_udp(settings_.listen,
                              [this](const Endpoint& from, io::Bytes datagram) { on_datagram(from, datagram); });
  if (!socket) return fail(socket.error().kind, "{}: {}", settings_.listen.to_string(), socket.error().text);
  socket_ = std::move(*socket);
  timer_.start(pace, [this] { ask(); });
  return {};
}

void Echo::stop() {
  timer_.stop();
  socket_.reset();
}

Echo::Datagram Echo::make(Kind kind, uint64_t number) const {
  Datagram datagram{};
  std::memcpy(datagram.data(), letters.data(), letters.size());
  datagram[kind_at] = static_cast<uint8_t>(kind);
  std::memcpy(&datagram[number_at], &number, sizeof number);
  const std::string seal = hmac_bytes(HashKind::sha256, settings_.key, text_of(io::Bytes(datagram).first(seal_at)));
  std::memcpy(&datagram[seal_at], seal.data(), size - seal_at);
  return datagram;
}

bool Echo::is_sealed(io::Bytes datagram) const {
  if (datagram.size() != size || !text_of(datagram).starts_with(letters)) return false;
  const std::string seal = hmac_bytes(HashKind::sha256, settings_.key, text_of(datagram.first(seal_at)));
  return equal_in_constant_time(std::string_view(seal).substr(0, size - seal_at), text_of(datagram.subspan(seal_at)));
}

bool Echo::is_silent(const std::string& region) const {
  const auto found = regions_.find(region);
  return found != regions_.end() && found->second.has_come && found->second.missed >= missed_max;
}

bool Echo::is_any_silent() const {
  return std::ranges::any_of(regions_,
                             [](const auto& one) { return one.second.has_come && one.second.missed >= missed_max; });
}

/// What has not come back by the next request does not count any more.
void Echo::ask() {
  static telemetry::Counter& missed = telemetry::counter("nearend_gateway_echoes_missed_total");
  for (auto& [name, region] : regions_) {
    if (region.number != 0) {
      ++region.missed;
      missed.add();
      if (region.has_come && loop_.now() - region.came > known_for) region.has_come = false;
      if (region.has_come) handler_(name, std::nullopt);
    }
    region.number = loop_.random() | 1;
    region.sent = loop_.now();
    const Datagram request = make(Kind::request, region.number);
    socket_->send(region.gateways[region.next++ % region.gateways.size()], request);
  }
  timer_.start(pace, [this] { ask(); });
}

void Echo::on_datagram(const Endpoint& from, io::Bytes datagram) {
  static telemetry::Counter& refused = telemetry::counter("nearend_gateway_echoes_refused_total");
  if (datagram.size() != size || !settings_.is_peer(from.address) || !is_sealed(datagram)) return refused.add();
  uint64_t number = 0;
  std::memcpy(&number, &datagram[number_at], sizeof number);
  if (datagram[kind_at] == static_cast<uint8_t>(Kind::request)) {
    const Datagram reply = make(Kind::reply, number);
    return socket_->send(from, reply);
  }
  if (datagram[kind_at] != static_cast<uint8_t>(Kind::reply)) return;
  const auto asked =
      std::ranges::find_if(regions_, [&](const auto& one) { return number != 0 && one.second.number == number; });
  if (asked == regions_.end()) return;
  Region& region = asked->second;
  region.number = 0;
  region.missed = 0;
  region.has_come = true;
  region.came = loop_.now();
  handler_(asked->first, std::chrono::duration<double, std::milli>(region.came - region.sent).count());
}

}  // namespace nearend::gateway
