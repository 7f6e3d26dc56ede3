#include "base/ip.hpp"

#include <doctest/doctest.h>

using namespace nearend;

TEST_CASE("addresses are read and written in their usual form") {
  for (const char* text : {"0.0.0.0", "192.0.2.1", "255.255.255.255", "::", "::1", "2001:db8::1", "fe80::1:2:3:4"}) {
    CAPTURE(text);
    const auto address = parse_ip(text);
    REQUIRE(address);
    CHECK(address->to_string() == text);
  }
  CHECK(parse_ip("[2001:DB8::1]")->to_string() == "2001:db8::1");
  for (const char* text :
       {"", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4 ", "::1%eth0", "[::1", "localhost", "1.2.3.4/8"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_ip(text));
  }
}

TEST_CASE("endpoints need a port, and brackets exactly around IPv6") {
  CHECK(parse_endpoint("192.0.2.1:5060")->to_string() == "192.0.2.1:5060");
  CHECK(parse_endpoint("[2001:db8::1]:5061")->to_string() == "[2001:db8::1]:5061");
  CHECK(parse_endpoint("0.0.0.0:0")->port == 0);
  for (const char* text : {"192.0.2.1", "192.0.2.1:", "192.0.2.1:65536", "192.0.2.1:-1", "2001:db8::1:5060",
                           "[192.0.2.1]:5060", "[2001:db8::1]5060", "host:5060", ":5060", "", "192.0.2.1:50x"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_endpoint(text));
  }
}

TEST_CASE("a block contains its addresses and no others") {
  const auto block = parse_cidr("192.0.2.128/25");
  REQUIRE(block);
  CHECK(block->contains(*parse_ip("192.0.2.128")));
  CHECK(block->contains(*parse_ip("192.0.2.255")));
  CHECK_FALSE(block->contains(*parse_ip("192.0.2.127")));
  CHECK_FALSE(block->contains(*parse_ip("::1")));
  CHECK(parse_cidr("10.0.0.1")->prefix == 32);
  CHECK(parse_cidr("0.0.0.0/0")->contains(*parse_ip("8.8.8.8")));
  CHECK(parse_cidr("2001:db8::/33")->contains(*parse_ip("2001:db8:7fff::")));
  CHECK_FALSE(parse_cidr("2001:db8::/33")->contains(*parse_ip("2001:db8:8000::")));
  for (const char* text : {"192.0.2.0/33", "192.0.2.0/", "192.0.2.0/x", "/8", "::/129", "192.0.2.0/-1"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_cidr(text));
  }
}

TEST_CASE("every address inside the network is known as such") {
  for (const char* text : {"0.0.0.0",
                           "0.1.2.3",
                           "10.1.2.3",
                           "100.64.0.1",
                           "127.0.0.1",
                           "127.9.9.9",
                           "169.254.169.254",
                           "172.16.0.1",
                           "172.31.255.255",
                           "192.168.1.1",
                           "224.0.0.1",
                           "240.0.0.1",
                           "255.255.255.255",
                           "::",
                           "::1",
                           "::ffff:8.8.8.8",
                           "64:ff9b::a00:1",
                           "fc00::1",
                           "fd12::1",
                           "fe80::1",
                           "ff02::1"}) {
    CAPTURE(text);
    CHECK(parse_ip(text)->is_internal());
  }
  for (const char* text : {"8.8.8.8", "172.15.0.1", "172.32.0.1", "100.128.0.1", "192.0.2.1", "198.18.0.1",
                           "223.255.255.255", "2001:db8::1", "2606:4700::1111"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_ip(text)->is_internal());
  }
}

TEST_CASE("addresses and endpoints make good keys") {
  CHECK(IpAddress::v4(0x7f000001) == IpAddress::loopback());
  CHECK(IpAddress::loopback().is_loopback());
  CHECK(IpAddress::loopback(IpAddress::Family::v6).is_loopback());
  CHECK(IpAddress::any(IpAddress::Family::v6) != IpAddress::any(IpAddress::Family::v4));
  CHECK(IpAddress::any(IpAddress::Family::v6).is_unspecified());
  CHECK(std::hash<Endpoint>{}({IpAddress::loopback(), 1}) != std::hash<Endpoint>{}({IpAddress::loopback(), 2}));
}
