#pragma once

#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include <fmt/format.h>

namespace nearend::flow::test {

inline int this_network() {
  return ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
}

/// One ioctl about a device of the thread's network.
inline bool configure(const char* device, unsigned long what, const auto& fill) {
  ifreq request{};
  std::strncpy(request.ifr_name, device, IFNAMSIZ - 1);
  fill(request);
  const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const bool is_done = ::ioctl(socket, what, &request) == 0;
  ::close(socket);
  return is_done;
}

/// The thread in a network of its own, with nothing but loopback, until this goes. Programs that are started inherit
/// it.
class PrivateNetwork {
 public:
  PrivateNetwork() : before_(this_network()) {
    has_begun_ = ::unshare(CLONE_NEWNET) == 0;
    if (!has_begun_) return;
    network_ = this_network();
    configure("lo", SIOCSIFFLAGS, [](ifreq& one) { one.ifr_flags = IFF_UP | IFF_RUNNING; });
  }
  PrivateNetwork(const PrivateNetwork&) = delete;
  ~PrivateNetwork() {
    if (has_begun_) ::setns(before_, CLONE_NEWNET);
    if (network_ >= 0) ::close(network_);
    ::close(before_);
  }
  /// False where network namespaces are not allowed: a test says so and ends.
  explicit operator bool() const { return has_begun_; }
  void enter() const { ::setns(network_, CLONE_NEWNET); }
  int descriptor() const { return network_; }

 private:
  int before_ = -1, network_ = -1;
  bool has_begun_ = false;
};

inline bool run(const std::string& command) {
  return std::system(command.c_str()) == 0;
}

/// Sums are made and checked in software on this device.
inline void turn_off_checksum_offload(const char* device) {
  for (uint32_t what : {ETHTOOL_STXCSUM, ETHTOOL_SRXCSUM}) {
    ethtool_value off{.cmd = what, .data = 0};
    configure(device, SIOCETHTOOL, [&](ifreq& one) { one.ifr_data = reinterpret_cast<char*>(&off); });
  }
}

/// Two private networks with a cable: `near` has the thread; 10.9.0.1/fd09::1 here, 10.9.0.2/fd09::2 there.
struct Cable {
  PrivateNetwork far, near;
  bool is_made = false;
  Cable() {
    if (!far || !near) return;
    near.enter();
    const std::string target = fmt::format("/proc/{}/fd/{}", ::getpid(), far.descriptor());
    is_made = run("ip link add cable0 type veth peer name cable1 && ip link set cable1 netns " + target +
                  " && ip addr add 10.9.0.1/24 dev cable0 && ip addr add fd09::1/64 dev cable0 nodad && "
                  "ip link set cable0 up");
    turn_off_checksum_offload("cable0");
    far.enter();
    is_made = is_made && run("ip addr add 10.9.0.2/24 dev cable1 && ip addr add fd09::2/64 dev cable1 nodad && "
                             "ip link set cable1 up");
    turn_off_checksum_offload("cable1");
    near.enter();
  }
};

}  // namespace nearend::flow::test
