#include "lab/namespaces.hpp"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <thread>

namespace nearend::lab {
namespace {

constexpr int mtu = 1500;
constexpr const char* tun_device = "/dev/net/tun";

std::unexpected<Error> system_failure(std::string_view what) {
  return fail(Error::Kind::internal, "{}: {}", what, std::strerror(errno));
}

Result<void> write_file(const char* path, const std::string& text) {
  Descriptor file(::open(path, O_WRONLY | O_CLOEXEC));
  if (!file || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return system_failure(path);
  }
  return {};
}

bool may_make_namespaces() {
  bool is_allowed = false;
  std::thread([&is_allowed] { is_allowed = ::unshare(CLONE_NEWNET) == 0; }).join();
  return is_allowed;
}

ifreq interface_request(const std::string& name) {
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  return request;
}

sockaddr ipv4(const IpAddress& address) {
  sockaddr_in in{};
  in.sin_family = AF_INET;
  std::memcpy(&in.sin_addr, address.bytes().data(), 4);
  sockaddr out;
  std::memcpy(&out, &in, sizeof out);
  return out;
}

Result<void> bring_up(int control, const std::string& name) {
  ifreq request = interface_request(name);
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  if (::ioctl(control, SIOCSIFFLAGS, &request) != 0) return system_failure("bring up " + name);
  return {};
}

Result<void> set_address(int control, const std::string& name, const IpAddress& address) {
  ifreq request = interface_request(name);
  request.ifr_addr = ipv4(address);
  if (::ioctl(control, SIOCSIFADDR, &request) != 0) return system_failure("set the address of " + name);
  request.ifr_netmask = ipv4(IpAddress::v4(0xffffffff));
  if (::ioctl(control, SIOCSIFNETMASK, &request) != 0) return system_failure("set the netmask of " + name);
  request.ifr_mtu = mtu;
  if (::ioctl(control, SIOCSIFMTU, &request) != 0) return system_failure("set the MTU of " + name);
  return {};
}

Result<void> route_all_through(int control, std::string name) {
  rtentry route{};
  route.rt_dst = ipv4(IpAddress());
  route.rt_genmask = ipv4(IpAddress());
  route.rt_flags = RTF_UP;
  route.rt_dev = name.data();
  if (::ioctl(control, SIOCADDRT, &route) != 0) return system_failure("route through " + name);
  return {};
}

Result<Descriptor> make_tun(const std::string& name, const IpAddress& address) {
  Descriptor tun(::open(tun_device, O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!tun) return system_failure(tun_device);
  ifreq request = interface_request(name);
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  if (::ioctl(tun.get(), TUNSETIFF, &request) != 0) return system_failure("make the TUN interface " + name);
  const Descriptor control(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (auto done = set_address(control.get(), name, address); !done) return pass(done);
  if (auto done = bring_up(control.get(), name); !done) return pass(done);
  if (auto done = route_all_through(control.get(), name); !done) return pass(done);
  return tun;
}

Result<Descriptor> make_namespace() {
  if (::unshare(CLONE_NEWNET) != 0) return system_failure("make a network namespace");
  const Descriptor control(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (auto done = bring_up(control.get(), "lo"); !done) return pass(done);
  Descriptor self(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!self) return system_failure("/proc/thread-self/ns/net");
  return self;
}

}  // namespace

Result<void> gain_network_rights() {
  if (const Descriptor tun(::open(tun_device, O_RDWR | O_CLOEXEC)); !tun) return system_failure(tun_device);
  if (may_make_namespaces()) return {};
  const uid_t uid = ::getuid();
  const gid_t gid = ::getgid();
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS) != 0) {
    return system_failure("make a user namespace (needs root, or unprivileged user namespaces)");
  }
  if (auto done = write_file("/proc/self/setgroups", "deny"); !done) return done;
  if (auto done = write_file("/proc/self/uid_map", fmt::format("0 {} 1", uid)); !done) return done;
  if (auto done = write_file("/proc/self/gid_map", fmt::format("0 {} 1", gid)); !done) return done;
  return {};
}

Result<NetNamespace> NetNamespace::create() {
  Result<Descriptor> made = fail(Error::Kind::internal, "not run");
  std::thread([&made] { made = make_namespace(); }).join();
  if (!made) return pass(made);
  return NetNamespace(std::move(*made));
}

void NetNamespace::run(const std::function<void()>& work) const {
  std::thread([&] {
    if (::setns(fd_.get(), CLONE_NEWNET) == 0) work();
  }).join();
}

Result<Descriptor> NetNamespace::open_tun(const std::string& name, const IpAddress& address) const {
  Result<Descriptor> made = fail(Error::Kind::internal, "cannot enter the network namespace");
  run([&] { made = make_tun(name, address); });
  return made;
}

}  // namespace nearend::lab
