#include "flow/steering.hpp"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>

#include "flow/load_error.hpp"
#include "flow/steer_slot.h"
#include "io/socket_address.hpp"
#include "steer_program.hpp"

namespace nearend::flow {
namespace {

constexpr std::string_view needs = "5.9 or newer with CONFIG_BPF_SYSCALL and CONFIG_INET";
constexpr int receive_buffer = 16 << 20;

size_t bytes_of(size_t slots) {
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  return (slots * sizeof(steer_slot) + page - 1) / page * page;
}

/// Bound, because only such sockets can be steered to; its own port is of no use to anybody.
int open_shared(IpAddress::Family family) {
  const bool is_v6 = family == IpAddress::Family::v6;
  const int socket = ::socket(is_v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket < 0) return -1;
  const int on = 1;
  if (is_v6) ::setsockopt(socket, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
  if (::setsockopt(socket, SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer, sizeof(receive_buffer)) != 0)
    ::setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
  ::setsockopt(socket, is_v6 ? IPPROTO_IPV6 : IPPROTO_IP, is_v6 ? IPV6_RECVORIGDSTADDR : IP_RECVORIGDSTADDR, &on,
               sizeof(on));
  const io::SocketAddress address(Endpoint{IpAddress::loopback(family), 0});
  if (::bind(socket, address.data(), address.size) == 0) return socket;
  ::close(socket);
  return -1;
}

}  // namespace

Result<std::unique_ptr<Steering>> Steering::open(const Settings& settings) {
  std::unique_ptr<Steering> steering(new Steering);
  if (settings.threads > threads_max) return fail(Error::Kind::invalid, "more than {} threads", threads_max);
  if (auto loaded = steering->load(settings); !loaded) return pass(loaded);
  if (auto opened = steering->open_sockets(settings.threads); !opened) return pass(opened);
  return steering;
}

Result<void> Steering::load(const Settings& settings) {
  port_first_ = static_cast<uint16_t>(settings.port_first + (settings.port_first & 1));
  if (settings.port_last <= port_first_) return fail(Error::Kind::invalid, "no even port up to {}", settings.port_last);
  const uint32_t count = (settings.port_last - port_first_) / 2u + 1;
  libbpf_set_print([](libbpf_print_level, const char*, va_list) { return 0; });  // its words come back as errors
  object_ = bpf_object__open_mem(steer_program, sizeof(steer_program), nullptr);
  if (!object_) return explain("reading the steering program", errno, needs);
  bpf_map* owners = bpf_object__find_map_by_name(object_, "owners");
  bpf_map* constants = bpf_object__find_map_by_name(object_, ".rodata");
  const bpf_program* program = bpf_object__find_program_by_name(object_, "steer");
  if (!owners || !constants || !program) return fail(Error::Kind::internal, "the steering program lacks its parts");
  const uint32_t values[] = {port_first_, count};
  if (bpf_map__set_initial_value(constants, values, sizeof(values)) != 0 ||
      bpf_map__set_max_entries(owners, count) != 0)
    return fail(Error::Kind::internal, "the steering program's constants are not {} bytes", sizeof(values));
  if (const int error = bpf_object__load(object_); error != 0)
    return explain("loading the steering program", -error, needs);
  void* memory = ::mmap(nullptr, bytes_of(count), PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(owners), 0);
  if (memory == MAP_FAILED) return explain("mapping the owners", errno, needs);
  slots_ = {static_cast<steer_slot*>(memory), count};
  const int network = ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  link_ = bpf_program__attach_netns(program, network);
  const int error = errno;
  ::close(network);
  if (!link_) return explain("attaching the steering program", error, needs);
  return {};
}

Result<void> Steering::open_sockets(uint32_t threads) {
  const int map = bpf_map__fd(bpf_object__find_map_by_name(object_, "sockets"));
  for (uint32_t place = 0; place < threads * 2; ++place) {
    const bool is_v6 = place % 2 != 0;
    sockets_.push_back(open_shared(is_v6 ? IpAddress::Family::v6 : IpAddress::Family::v4));
    if (sockets_.back() < 0) {
      if (is_v6) continue;  // a host without IPv6
      return fail(Error::Kind::unavailable, "no socket for the range of ports: {}", std::strerror(errno));
    }
    const auto socket = static_cast<uint64_t>(sockets_.back());
    if (bpf_map_update_elem(map, &place, &socket, BPF_ANY) != 0)
      return explain("naming the socket of a thread", errno, needs);
  }
  return {};
}

Steering::~Steering() {
  if (link_) bpf_link__destroy(link_);
  for (int socket : sockets_)
    if (socket >= 0) ::close(socket);
  if (!slots_.empty()) ::munmap(slots_.data(), bytes_of(slots_.size()));
  if (object_) bpf_object__close(object_);
}

int Steering::socket(uint32_t thread, IpAddress::Family family) const {
  const size_t place = thread * 2 + (family == IpAddress::Family::v6 ? 1 : 0);
  return place < sockets_.size() ? sockets_[place] : -1;
}

steer_slot* Steering::slot_of(uint16_t port) const {
  const size_t index = static_cast<size_t>(port - port_first_) / 2;
  return port < port_first_ || port % 2 != 0 || index >= slots_.size() ? nullptr : &slots_[index];
}

void Steering::own(const Endpoint& local, uint32_t thread) {
  steer_slot* slot = slot_of(local.port);
  if (!slot || socket(thread, local.address.family()) < 0) return;
  std::atomic_ref(slot->owner).store(0);
  slot->is_v6 = local.address.is_v6();
  std::memcpy(slot->at, local.address.bytes().data(), sizeof(slot->at));
  std::atomic_ref(slot->owner).store(thread + 1);
}

void Steering::disown(uint16_t port) {
  if (steer_slot* slot = slot_of(port)) std::atomic_ref(slot->owner).store(0);
}

size_t Steering::owned_count() const {
  return static_cast<size_t>(
      std::ranges::count_if(slots_, [](steer_slot& slot) { return std::atomic_ref(slot.owner).load() != 0; }));
}

}  // namespace nearend::flow
