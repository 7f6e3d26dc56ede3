#pragma once

#include <functional>
#include <string>

#include "base/ip.hpp"
#include "base/result.hpp"
#include "lab/descriptor.hpp"

namespace nearend::lab {

/// Makes sure that this process may create network namespaces: root may; anybody else moves into a user namespace of
/// its own, which works only while the process has one thread. The error says what the system refused.
Result<void> gain_network_rights();

/// A network namespace with its loopback up. It lives as long as this object and the processes inside.
class NetNamespace {
 public:
  static Result<NetNamespace> create();
  int fd() const { return fd_.get(); }
  /// Runs `work` on a thread of its own inside the namespace and waits for it. Sockets made there stay there.
  void run(const std::function<void()>& work) const;
  /// Adds a TUN interface with `address` and the default route through it. The descriptor gives and takes bare IP
  /// packets.
  Result<Descriptor> open_tun(const std::string& name, const IpAddress& address) const;

 private:
  explicit NetNamespace(Descriptor fd) : fd_(std::move(fd)) {}
  Descriptor fd_;
};

}  // namespace nearend::lab
