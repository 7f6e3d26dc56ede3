#include <doctest/doctest.h>

#include <vector>

#include "io/asio_loop.hpp"
#include "io/asio_net.hpp"

using namespace nearend;
using namespace nearend::io;
using namespace std::chrono_literals;

TEST_CASE("a datagram to a closed port is told to its sender, and what is sent next still arrives") {
  for (const auto family : {IpAddress::Family::v4, IpAddress::Family::v6}) {
    AsioLoop loop;
    AsioNet net(loop);
    const Endpoint any{IpAddress::loopback(family), 0};
    std::vector<Endpoint> unreachable;
    size_t received = 0;
    auto receiver = net.open_udp(any, [&](const Endpoint&, Bytes) { ++received; });
    auto sender = net.open_udp(any, [](const Endpoint&, Bytes) {});
    if (!receiver || !sender) continue;  // no IPv6 here
    Endpoint closed;
    {
      auto short_lived = net.open_udp(any, [](const Endpoint&, Bytes) {});
      REQUIRE(short_lived);
      closed = (*short_lived)->local();
    }
    (*sender)->set_unreachable_handler([&](const Endpoint& to) { unreachable.push_back(to); });
    const std::vector<uint8_t> hello{'h', 'i'};
    const auto run_until = [&](auto is_done) {
      const Instant limit = loop.now() + 10s;
      while (!is_done() && loop.now() < limit) loop.run_for(5ms);
    };
    for (size_t i = 1; i <= 3; ++i) {
      (*sender)->send(closed, hello);
      (*sender)->send((*receiver)->local(), hello);  // its way out is where the kernel reports the first one's end
      run_until([&] { return unreachable.size() >= i && received >= i; });
      CHECK(unreachable.size() == i);
      CHECK(received == i);
    }
    CHECK(unreachable.back() == closed);
  }
}
