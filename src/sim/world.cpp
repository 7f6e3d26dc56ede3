#include "sim/world.hpp"

#include <functional>

#include "http/beast_server.hpp"
#include "sim/stream_http.hpp"

namespace nearend::sim {
namespace {

/// The wall clock of every world starts at 2026-01-01 00:00:00 UTC.
constexpr std::chrono::seconds wall_start{1'767'225'600};
constexpr Owner nobody = 0xffff'ffff;

/// The world's clock as one host's process sees it. A dead host's loop takes nothing.
class HostLoop final : public io::Loop {
 public:
  HostLoop(Clock& clock, Network& network, HostId id, uint64_t seed)
      : clock_(clock), network_(network), id_(id), random_(seed) {}
  io::Instant now() const override { return clock_.now(); }
  io::WallTime wall() const override {
    return io::WallTime(
        std::chrono::duration_cast<io::WallTime::duration>(wall_start + clock_.now().time_since_epoch()));
  }
  io::TimerId start_timer(io::Instant when, io::Callback run) override {
    if (!network_.is_alive(id_)) return io::TimerId::none;
    return clock_.at(when, std::move(run), network_.owner(id_));
  }
  void cancel_timer(io::TimerId timer) override { clock_.cancel(timer); }
  void post(io::Callback run) override {
    if (network_.is_alive(id_)) clock_.soon(std::move(run), network_.owner(id_));
  }
  uint64_t random() override { return random_.next(); }

 private:
  Clock& clock_;
  Network& network_;
  HostId id_;
  Random random_;
};

/// The same on every machine and in every library, unlike std::hash.
uint64_t hash_name(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

}  // namespace

struct Host::State {
  State(std::string with_name, Clock& clock, Network& of, NameTable& names, HostId with_id, uint64_t seed)
      : name(std::move(with_name)),
        network(of),
        id(with_id),
        loop(clock, of, with_id, seed ^ hash_name(name)),
        dns(loop, names),
        client(loop, of.net(with_id), dns),
        servers(loop, of.net(with_id)) {}
  std::string name;
  Network& network;
  HostId id;
  HostLoop loop;
  SimDns dns;
  StreamHttpClient client;
  http::BeastServers servers;
};

Host::Host(std::unique_ptr<State> state) : state_(std::move(state)) {}
Host::~Host() = default;
const std::string& Host::name() const {
  return state_->name;
}
const std::string& Host::region() const {
  return state_->network.paths().region(state_->id);
}
HostId Host::id() const {
  return state_->id;
}
IpAddress Host::address() const {
  return state_->network.addresses(state_->id).front();
}
io::Loop& Host::loop() {
  return state_->loop;
}
io::Net& Host::net() {
  return state_->network.net(state_->id);
}
io::Dns& Host::dns() {
  return state_->dns;
}
http::Client& Host::http_client() {
  return state_->client;
}
http::ServerFactory& Host::http_servers() {
  return state_->servers;
}
void Host::kill() {
  state_->network.kill(state_->id);
  state_->client.forget_connections();
}
void Host::restart() {
  state_->network.restart(state_->id);
}
bool Host::is_alive() const {
  return state_->network.is_alive(state_->id);
}

World::World(uint64_t seed) : seed_(seed), random_(seed), network_(clock_, random_.next()) {}

World::~World() {
  for (const auto& host : hosts_) host->kill();
  clock_.clear();
}

Host& World::add_host(std::string name, std::string region, std::vector<IpAddress> addresses) {
  if (addresses.empty()) addresses.push_back(IpAddress::v4(next_address_++));
  names_.set_address(name, addresses.front());
  const HostId id = network_.add_host(region, std::move(addresses));
  auto state = std::make_unique<Host::State>(std::move(name), clock_, network_, names_, id, seed_);
  hosts_.push_back(std::unique_ptr<Host>(new Host(std::move(state))));
  return *hosts_.back();
}

Host& World::host(std::string_view name) {
  for (const auto& host : hosts_)
    if (host->name() == name) return *host;
  fmt::print(stderr, "the simulated world has no host '{}'\n", name);
  std::abort();
}

void World::run_for(io::Duration length) {
  const io::Instant end = now() + length;
  while (clock_.step(end)) {
  }
}

void World::at(io::Instant when, io::Callback run) {
  clock_.at(when, std::move(run), nobody);
}

}  // namespace nearend::sim
