#include "flow/flow_table.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <thread>

#include "flow/program.hpp"
#include "flow/route.hpp"

namespace nearend::flow {
namespace {

constexpr std::chrono::seconds route_good_for{5};
constexpr std::chrono::microseconds busy_at_most{500};
constexpr double fraction = 1 << FLOW_FRACTION;

/// Devices that carry Ethernet frames, loopback among them: where the program finds its headers.
bool has_ethernet(int socket, const char* name) {
  ifreq request{};
  std::strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  if (::ioctl(socket, SIOCGIFHWADDR, &request) != 0) return false;
  return request.ifr_hwaddr.sa_family == ARPHRD_ETHER || request.ifr_hwaddr.sa_family == ARPHRD_LOOPBACK;
}

bool is_wanted(const ifaddrs& one, std::span<const IpAddress> wanted) {
  if (one.ifa_flags & IFF_LOOPBACK) return true;  // a gateway's calls to its neighbours on this host
  for (const IpAddress& address : wanted) {
    if (address.is_unspecified()) return true;
    if (!one.ifa_addr) continue;
    if (one.ifa_addr->sa_family == AF_INET && !address.is_v6() &&
        std::memcmp(&reinterpret_cast<const sockaddr_in*>(one.ifa_addr)->sin_addr, address.bytes().data(), 4) == 0)
      return true;
    if (one.ifa_addr->sa_family == AF_INET6 && address.is_v6() &&
        std::memcmp(&reinterpret_cast<const sockaddr_in6*>(one.ifa_addr)->sin6_addr, address.bytes().data(), 16) == 0)
      return true;
  }
  return false;
}

std::vector<uint32_t> find_devices(std::span<const IpAddress> wanted, std::string& names) {
  std::vector<uint32_t> found;
  ifaddrs* all = nullptr;
  const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket >= 0 && ::getifaddrs(&all) == 0) {
    for (const ifaddrs* one = all; one; one = one->ifa_next) {
      const uint32_t index = ::if_nametoindex(one->ifa_name);
      if (index == 0 || !is_wanted(*one, wanted) || std::ranges::count(found, index)) continue;
      if (!has_ethernet(socket, one->ifa_name)) continue;
      found.push_back(index);
      names += names.empty() ? "" : ", ";
      names += one->ifa_name;
    }
    ::freeifaddrs(all);
  }
  if (socket >= 0) ::close(socket);
  return found;
}

/// One's complement sum of new minus old, as the checksum helpers take it.
uint32_t difference_of(std::span<const IpAddress* const> before, std::span<const IpAddress* const> after) {
  uint64_t sum = 0;
  const auto add = [&](const IpAddress& address, uint16_t mask) {
    for (size_t i = 0; i < (address.is_v6() ? 16u : 4u); i += 2) {
      uint16_t word = 0;
      std::memcpy(&word, &address.bytes()[i], sizeof(word));
      sum += static_cast<uint16_t>(word ^ mask);
    }
  };
  for (const IpAddress* one : before) add(*one, 0xffff);
  for (const IpAddress* one : after) add(*one, 0);
  return static_cast<uint32_t>((sum & 0xffffffff) + (sum >> 32));
}

template <size_t size>
void copy_address(uint8_t (&to)[size], const IpAddress& address) {
  std::memcpy(to, address.bytes().data(), size);
}

int64_t to_fraction(double ticks) {
  return std::llround(ticks * fraction);
}

uint64_t nanoseconds_of(Instant when) {
  return static_cast<uint64_t>(when.time_since_epoch().count());
}

Progress progress_of(const flow_slot& slot) {
  Progress progress;
  progress.highest = slot.highest;
  progress.highest_timestamp = slot.highest_timestamp;
  progress.window = slot.window;
  progress.last_arrival = Instant(std::chrono::nanoseconds(slot.last_arrival));
  progress.jitter_ticks = slot.jitter16 / 16.0;
  progress.ahead = static_cast<double>(slot.skew) / fraction;
  return progress;
}

void fill(flow_slot& slot, const Flow& flow, const Route& route) {
  copy_address(slot.at, flow.at.address);
  copy_address(slot.from, flow.from.address);
  copy_address(slot.own, flow.own.address);
  copy_address(slot.to, flow.to.address);
  copy_address(slot.gateway, route.next_hop);
  slot.at_port = htons(flow.at.port);
  slot.from_port = htons(flow.from.port);
  slot.own_port = htons(flow.own.port);
  slot.to_port = htons(flow.to.port);
  slot.is_v6 = flow.at.address.is_v6();
  slot.is_local = route.is_local;
  slot.output = route.device;
  slot.traffic_class = flow.traffic_class;
  slot.type_count = flow.type_count;
  for (size_t i = 0; i < flow.type_count; ++i) {
    slot.types_in[i] = flow.types[i].in;
    slot.types_out[i] = flow.types[i].out;
  }
  slot.ssrc_in = htonl(flow.ssrc_in);
  slot.ssrc_out = htonl(flow.ssrc_out);
  slot.sequence_add = flow.sequence_add;
  slot.timestamp_add = flow.timestamp_add;
  slot.clock_rate = flow.clock_rate;
  slot.ticks_per_ns = static_cast<uint64_t>(std::llround(flow.clock_rate * std::ldexp(1.0, FLOW_RATE_FRACTION) / 1e9));
  const IpAddress* before[] = {&flow.from.address, &flow.at.address};
  const IpAddress* after[] = {&flow.own.address, &flow.to.address};
  slot.address_difference = difference_of(before, after);
  slot.packets = slot.octets = slot.octets_out = slot.doubled = 0;
  slot.window = flow.progress.window;
  slot.highest = flow.progress.highest;
  slot.highest_timestamp = flow.progress.highest_timestamp;
  slot.last_arrival = nanoseconds_of(flow.progress.last_arrival);
  slot.jitter16 = static_cast<uint32_t>(std::lround(flow.progress.jitter_ticks * 16));
  slot.ahead = to_fraction(flow.progress.ahead);
  slot.skew = 0;
}

}  // namespace

/// What user space remembers of a flow.
struct FlowTable::Kept {
  Route route;
  IpAddress to, own;
  Instant route_checked{};
};

Result<std::unique_ptr<FlowTable>> FlowTable::open(const Settings& settings) {
  const uint32_t first = settings.port_first + (settings.port_first & 1u);
  if (settings.port_last <= first) return fail(Error::Kind::invalid, "no even port up to {}", settings.port_last);
  auto program = std::make_unique<Program>();
  auto loaded = program->load(static_cast<uint16_t>(first), (settings.port_last - first) / 2 + 1);
  if (!loaded) return pass(loaded);
  std::string names;
  auto attached = program->attach(find_devices(settings.addresses, names), settings.hook);
  if (!attached) return pass(attached);
  std::unique_ptr<FlowTable> table(new FlowTable(std::move(program), settings));
  table->description_ = fmt::format("{} on {}", table->program_->is_by_link ? "TCX links" : "TC filters", names);
  return table;
}

Result<std::string> FlowTable::probe(const Settings& settings) {
  Program program;
  auto loaded = program.load(settings.port_first, 1);
  if (!loaded) return pass(loaded);
  std::string names;
  if (find_devices(settings.addresses, names).empty())
    return fail(Error::Kind::unsupported, "no device with Ethernet frames has the media addresses");
  return names;
}

FlowTable::FlowTable(std::unique_ptr<Program> program, const Settings& settings)
    : program_(std::move(program)),
      kept_(program_->slots.size()),
      slots_(program_->slots),
      port_first_(static_cast<uint16_t>(settings.port_first + (settings.port_first & 1))) {}

FlowTable::~FlowTable() {
  for (flow_slot& slot : slots_) std::atomic_ref(slot.state).store(0);
}

flow_slot* FlowTable::slot_of(uint16_t port) const {
  const size_t index = static_cast<size_t>(port - port_first_) / 2;
  if (port < port_first_ || port % 2 != 0 || index >= slots_.size()) return nullptr;
  return &slots_[index];
}

bool FlowTable::covers(uint32_t device) const {
  return std::ranges::count(program_->devices, device) > 0;
}

Result<void> FlowTable::install(const Flow& wanted, Instant now) {
  Flow flow = wanted;
  flow_slot* slot = slot_of(flow.at.port);
  if (!slot) return fail(Error::Kind::invalid, "port {} is not the table's", flow.at.port);
  const auto family = flow.at.address.family();
  if (flow.from.address.family() != family || flow.to.address.family() != family || flow.own.address.family() != family)
    return fail(Error::Kind::unsupported, "the families of both sides differ");
  if (flow.type_count == 0 || flow.type_count > Flow::types_max || flow.clock_rate == 0)
    return fail(Error::Kind::invalid, "1 to {} payload types and a clock rate are needed", Flow::types_max);
  auto back = find_route(flow.from.address, flow.at.address);
  if (!back) return pass(back);
  auto route = find_route(flow.to.address, flow.own.address);
  if (!route) return pass(route);
  if (flow.at.address.is_unspecified()) flow.at.address = back->source;
  if (flow.own.address.is_unspecified()) flow.own.address = route->source;
  if (back->is_local != route->is_local) return fail(Error::Kind::unsupported, "one end of two is on this host");
  const uint32_t inlet = back->is_local ? 1 : back->device;  // what is sent to oneself goes over loopback
  if (!covers(inlet))
    return fail(Error::Kind::unsupported, "no program on device {}, where {} comes in", inlet, flow.from.to_string());
  remove(flow.at.port);
  fill(*slot, flow, *route);
  kept_[static_cast<size_t>(slot - slots_.data())] = {*route, flow.to.address, wanted.own.address, now};
  slot->valid_until = nanoseconds_of(now + lease);
  std::atomic_ref(slot->state).store(1);
  return {};
}

bool FlowTable::renew(uint16_t port, Instant now) {
  flow_slot* slot = slot_of(port);
  if (!slot || !slot->state) return false;
  Kept& kept = kept_[static_cast<size_t>(slot - slots_.data())];
  if (now - kept.route_checked > route_good_for) {
    const auto route = find_route(kept.to, kept.own);
    if (!route || *route != kept.route) return false;
    kept.route_checked = now;
  }
  std::atomic_ref(slot->valid_until).store(nanoseconds_of(now + lease), std::memory_order_relaxed);
  return true;
}

bool FlowTable::is_installed(uint16_t port) const {
  const flow_slot* slot = slot_of(port);
  return slot && slot->state;
}

Passed FlowTable::read(uint16_t port) const {
  const flow_slot* slot = slot_of(port);
  if (!slot) return {};
  return {.packets = slot->packets,
          .octets = slot->octets,
          .octets_out = slot->octets_out,
          .doubled = slot->doubled,
          .progress = progress_of(*slot)};
}

Passed FlowTable::remove(uint16_t port) {
  flow_slot* slot = slot_of(port);
  if (!slot || !slot->state) return {};
  std::atomic_ref(slot->state).store(0);
  // At most the program's own time for one packet, unless its CPU was taken away by a hypervisor.
  const Instant until = std::chrono::steady_clock::now() + busy_at_most;
  while (std::atomic_ref(slot->busy).load() != 0 && std::chrono::steady_clock::now() < until) continue;
  return read(port);
}

}  // namespace nearend::flow
