#include "policy/geography.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <set>

#include "policy/places.hpp"
#include "policy/topology_file.hpp"

using namespace nearend;
using namespace nearend::policy;

namespace {

/// Regions all over the world, as clouds have them.
Topology worldwide() {
  Topology topology;
  topology.gateways = {{"gw", "eu/de1", "sip:gw.example", {}, {""}}};
  topology.regions = {{"eu/de1", 50.1, 8.7},    {"na/va1", 39.0, -77.5}, {"na/or1", 45.8, -119.7},
                      {"sa/br1", -23.5, -46.6}, {"af/za1", -33.9, 18.4}, {"as/in1", 19.1, 72.9},
                      {"as/sg1", 1.3, 103.8},   {"as/jp1", 35.7, 139.7}, {"oc/au1", -33.9, 151.2},
                      {"me/ae1", 25.2, 55.3}};
  topology.rtts = {{"eu/de1", "na/va1", 90}, {"na/va1", "na/or1", 70}, {"eu/de1", "na/or1", 150}};
  return topology;
}

std::shared_ptr<NetworkTable> table_of(std::string_view text) {
  auto table = std::make_shared<NetworkTable>();
  REQUIRE(table->add(text));
  return table;
}

std::string home_of(Places& places, std::string_view address) {
  const AreaId area = places.area_of_address(address);
  if (area == no_area || places.home_of(area) == no_region) return "nowhere";
  return places.region_name(places.home_of(area));
}

}  // namespace

TEST_CASE("every country code that is assigned to a country is somewhere") {
  // ITU-T E.164, assigned country codes, without those of no country (800, 808, 870, 878, 881 to 883, 888, 979).
  constexpr std::string_view assigned =
      "1 7 20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 "
      "86 "
      "90 91 92 93 94 95 98 211 212 213 216 218 220 221 222 223 224 225 226 227 228 229 230 231 232 233 234 235 236 "
      "237 238 "
      "239 240 241 242 243 244 245 246 247 248 249 250 251 252 253 254 255 256 257 258 260 261 262 263 264 265 266 267 "
      "268 "
      "269 290 291 297 298 299 350 351 352 353 354 355 356 357 358 359 370 371 372 373 374 375 376 377 378 380 381 382 "
      "383 "
      "385 386 387 389 420 421 423 500 501 502 503 504 505 506 507 508 509 590 591 592 593 594 595 596 597 598 599 670 "
      "672 "
      "673 674 675 676 677 678 679 680 681 682 683 685 686 687 688 689 690 691 692 850 852 853 855 856 880 886 960 961 "
      "962 "
      "963 964 965 966 967 968 970 971 972 973 974 975 976 977 992 993 994 995 996 998 ";
  const Atlas& atlas = Atlas::carried();
  size_t count = 0;
  for (size_t at = 0; at < assigned.size(); ++count) {
    const size_t end = assigned.find(' ', at);
    const std::string prefix = "+" + std::string(assigned.substr(at, end - at));
    CAPTURE(prefix);
    const auto placed = atlas.number(prefix + "5550100");
    REQUIRE(placed);
    CHECK(placed->length >= prefix.size());
    at = end + 1;
  }
  CHECK(count == 206);
  CHECK(atlas.countries() > 240);
  CHECK(atlas.prefixes() > 640);
  for (const char* nowhere : {"+8005550100", "+88165550100", "", "49", "+", "sip:a@b"})
    CHECK_FALSE(atlas.number(nowhere));
  CHECK(atlas.country("DE"));
  CHECK_FALSE(atlas.country("ZZ"));
}

TEST_CASE("area codes of North America and of wide countries are where they are") {
  const Atlas& atlas = Atlas::carried();
  const auto is_near = [&](std::string_view number, Position at, double km) {
    const auto placed = atlas.number(number);
    CAPTURE(number);
    REQUIRE(placed);
    CHECK(kilometres(placed->at, at) < km);
  };
  is_near("+12125550100", {40.7, -74.0}, 150);   // New York
  is_near("+14155550100", {37.8, -122.4}, 100);  // San Francisco
  is_near("+13055550100", {25.8, -80.2}, 50);    // Miami
  is_near("+18085550100", {21.3, -157.9}, 50);   // Honolulu
  is_near("+16045550100", {49.3, -123.1}, 50);   // Vancouver
  is_near("+15145550100", {45.5, -73.6}, 50);    // Montreal
  is_near("+18765550100", {18.0, -76.8}, 50);    // Jamaica
  is_near("+73832000000", {55.0, 82.9}, 50);     // Novosibirsk
  is_near("+77272000000", {43.2, 76.9}, 50);     // Almaty
  is_near("+61891234567", {-31.95, 115.9}, 50);  // Perth
  is_near("+493012345", {52.5, 13.4}, 500);      // Berlin
  is_near("+441481123456", {49.5, -2.5}, 50);    // Guernsey
  CHECK(atlas.number("+12125550100")->length == 5);
  CHECK(atlas.number("+493012345")->length == 3);
}

TEST_CASE("a number that nobody configured is near the right region from its first call") {
  Places places(worldwide());
  CHECK(home_of(places, "+4930123456") == "eu/de1");
  CHECK(home_of(places, "+33123456789") == "eu/de1");
  CHECK(home_of(places, "+12125550100") == "na/va1");
  CHECK(home_of(places, "+12065550100") == "na/or1");
  CHECK(home_of(places, "+5511999990000") == "sa/br1");
  CHECK(home_of(places, "+27115550100") == "af/za1");
  CHECK(home_of(places, "+919812345678") == "as/in1");
  CHECK(home_of(places, "+6281234567890") == "as/sg1");
  CHECK(home_of(places, "+81312345678") == "as/jp1");
  CHECK(home_of(places, "+64211234567") == "oc/au1");
  CHECK(home_of(places, "+966512345678") == "me/ae1");
  CHECK(home_of(places, "+8005550100") == "nowhere");
  CHECK(places.area_name(places.area_of_address("+12125550100")) == "+1212");
  CHECK(places.area_name(places.area_of_address("+61891234567")) == "+6189");
  // Another instance that hears of it by name knows as much.
  Places other(worldwide());
  CHECK(other.region_name(other.home_of(other.area("+6189"))) == "oc/au1");
  // What the topology says goes before.
  Topology named = worldwide();
  named.areas = {{"berlin", "af/za1", 0, {"+4930"}, {}}};
  Places by_name(named);
  CHECK(home_of(by_name, "+4930123456") == "af/za1");
  CHECK(home_of(by_name, "+4989123456") == "eu/de1");
}

TEST_CASE("what is known of an area's ways by its place grows with the distance and never beats light in fibre") {
  Places places(worldwide());
  const AreaId berlin = places.area("+49"), seattle = places.area("+1206"), unknown = places.area("somewhere");
  const auto ms = [&](AreaId area, const char* region) { return places.prior_ms(area, places.region(region)); };
  CHECK(ms(berlin, "eu/de1") > 12.5);
  CHECK(ms(berlin, "eu/de1") < 16);
  CHECK(ms(berlin, "na/va1") > ms(berlin, "eu/de1") + 30);
  CHECK(ms(berlin, "na/va1") < ms(berlin, "eu/de1") + 60);
  CHECK(ms(berlin, "na/or1") > ms(berlin, "na/va1"));
  CHECK(ms(seattle, "na/or1") < ms(seattle, "na/va1"));
  CHECK(ms(seattle, "na/va1") < ms(seattle, "eu/de1"));
  for (RegionId region = 0; region < places.regions(); ++region) {
    CHECK(places.prior_ms(unknown, region) == 60);
    for (const AreaId area : {berlin, seattle}) CHECK(places.prior_ms(area, region) > 12.5);
  }
  // Between two regions, the farther is hardly farther.
  Topology pair = worldwide();
  pair.regions.push_back({"eu/fr1", 48.9, 2.3});
  pair.rtts.push_back({"eu/de1", "eu/fr1", 10});
  pair.areas = {{.name = "between", .latitude = 49.5, .longitude = 5.5}};
  Places near(pair);
  const AreaId between = near.area("between");
  CHECK(std::abs(near.prior_ms(between, near.region("eu/de1")) - near.prior_ms(between, near.region("eu/fr1"))) < 5.5);
}

TEST_CASE("without positions of regions nothing is placed, as ever") {
  Topology topology = worldwide();
  topology.regions.clear();
  Places places(topology);
  CHECK(home_of(places, "+4930123456") == "nowhere");
  CHECK(places.prior_ms(places.area("+49"), 0) == 60);
}

TEST_CASE("networks are found by the longest prefix, whatever table they are from") {
  const auto table = table_of(
      "# what we know\n"
      "\n"
      "203.0.0.0/8, DE\r\n"
      "203.0.113.0/24, 35.7, 139.7, AS64500\n"
      "203.0.113.64/26,br,64501\n"
      "2001:db8::/32, US\n"
      "2|ripencc|20260101|3|19830705|20260101|+0200\n"
      "ripencc|*|ipv4|*|2|summary\n"
      "ripencc|FR|ipv4|192.0.2.0|192|20100712|allocated|x\n"
      "arin|US|asn|64510|1|20100712|allocated|y\n"
      "apnic|JP|ipv6|2001:db8:4000::|35|20100712|allocated|z\n"
      "ripencc||ipv4|198.51.100.0|256||available|\n"
      "ripencc|EU|ipv4|198.18.0.0|256|20100712|allocated|w\n");
  CHECK(table->size() == 7);
  const auto at = [&](const char* address) { return table->find(*parse_ip(address)); };
  CHECK(at("203.1.2.3").network->block.prefix == 8);
  CHECK(std::string_view(at("203.1.2.3").network->country, 2) == "DE");
  CHECK(at("203.0.113.9").network->as_number == 64500);
  CHECK(at("203.0.113.9").network->at == Position{35.7, 139.7});
  CHECK(at("203.0.113.70").network->as_number == 64501);
  CHECK(at("192.0.2.191").network->block.to_string() == "192.0.2.128/26");
  CHECK(at("192.0.2.192").network == nullptr);
  CHECK(at("198.51.100.1").network == nullptr);
  CHECK(at("2001:db8:5000::1").network->block.prefix == 35);
  CHECK(at("2001:db8:9000::1").network->block.prefix == 32);
  CHECK(at("2001:db9::").network == nullptr);
  // Of an address of which 24 bits are told, what is narrower is not known.
  const auto told = table->find(*parse_ip("203.0.113.64"), 24);
  CHECK(told.network->as_number == 64500);
  CHECK(told.prefix == 26);
}

TEST_CASE("a table's bad line is named with its number and what would be right, and nothing of it is taken") {
  NetworkTable table;
  REQUIRE(table.add("192.0.2.0/24, DE\n"));
  const auto error_of = [&](std::string line) {
    auto added = table.add("203.0.113.0/24, FR\n" + line + "\n");
    REQUIRE_FALSE(added);
    CHECK(table.size() == 1);
    CHECK(added.error().text.starts_with("2: "));
    return added.error().text;
  };
  CHECK(error_of("nonsense, DE").contains("203.0.113.0/24 is expected"));
  CHECK(error_of("192.0.2.0/33, DE").contains("is expected"));
  CHECK(error_of("192.0.2.0/24, XX").contains("ISO code"));
  CHECK(error_of("192.0.2.0/24").contains("latitude"));
  CHECK(error_of("192.0.2.0/24, 91, 8").contains("latitude"));
  CHECK(error_of("192.0.2.0/24, nan, 8").contains("latitude"));
  CHECK(error_of("192.0.2.0/24, DE, ASx").contains("AS64500"));
  CHECK(error_of("192.0.2.0/24, DE, 0").contains("AS64500"));
  CHECK(error_of("192.0.2.0/24, DE, 1, 2").contains("nothing is expected"));
  CHECK(error_of("ripencc|DE|ipv4|192.0.2.0").contains("7 fields"));
  CHECK(error_of("ripencc|DE|ipv5|192.0.2.0|1|x|allocated").contains("ipv4, ipv6 or asn"));
  CHECK(error_of("ripencc|DE|ipv6|192.0.2.0|1|x|allocated").contains("an address and a count"));
  CHECK(error_of("ripencc|DE|ipv6|2001::|129|x|allocated").contains("at most 128"));
  CHECK(error_of("ripencc|DE|ipv4|255.255.255.0|512|x|allocated").contains("do not fit"));
}

TEST_CASE("how many bits tell a network from its neighbours is as looking at every address says") {
  std::mt19937 chance(7);
  for (int round = 0; round < 30; ++round) {
    // Within 10.0.0.0/22, so that each address can be looked at.
    std::string text;
    std::vector<Cidr> blocks;
    const size_t count = 1 + chance() % 12;
    for (size_t i = 0; i < count; ++i) {
      const uint32_t at = (10u << 24) + chance() % 1024;
      blocks.push_back({IpAddress::v4(at), static_cast<uint8_t>(22 + chance() % 11)});
      text += fmt::format("{}, DE, {}\n", blocks.back().to_string(), i + 1);
    }
    const auto table = table_of(text);
    const uint32_t base = 10u << 24;
    size_t wrong = 0;
    for (const uint8_t known : {uint8_t{24}, uint8_t{28}, uint8_t{32}})
      for (uint32_t i = 0; i < 1024; i += known == 32 ? 1 : 1u << (32 - known)) {
        const auto found = table->find(IpAddress::v4(base + i), known);
        uint32_t widest = 0, as_number = 0;
        bool is_in_any = false;
        // By hand: the longest of those that are wide enough.
        for (size_t line = 1; line <= blocks.size(); ++line) {
          const Cidr& block = blocks[line - 1];
          if (!block.contains(IpAddress::v4(base + i)) || block.prefix > known) continue;
          if (is_in_any && block.prefix < widest) continue;
          is_in_any = true;
          widest = block.prefix;
          as_number = static_cast<uint32_t>(line);
        }
        wrong += (found.network != nullptr) != is_in_any || (is_in_any && found.network->as_number != as_number);
        if (known != 32 || found.prefix < 22) continue;
        // All that share so many bits are in the same.
        const uint32_t size = 1u << (32 - found.prefix), first = (base + i) / size * size;
        for (uint32_t other = first; other < first + size; ++other)
          wrong += table->find(IpAddress::v4(other)).network != found.network;
      }
    CHECK(wrong == 0);
  }
}

TEST_CASE("addresses belong to their network's AS and place, to the network, or to its /16") {
  Topology topology = worldwide();
  topology.areas = {{"office", "oc/au1", 0, {}, {"203.0.113.128/25"}}};
  topology.networks = table_of(
      "203.0.113.0/24, JP\n203.0.112.0/24, 35.7, 139.7, AS64500\n198.51.100.0/24, BR, AS64501\n"
      "198.51.101.0/24, BR, AS64501\n100.0.0.0/8, IN\n2001:db8::/32, US, 64502\n");
  Places places(topology);
  const auto area_at = [&](const char* address) { return places.area_name(places.area_of_address(address)); };
  CHECK(area_at("203.0.113.9") == "203.0.113.0/24");
  CHECK(area_at("203.0.113.200") == "office");
  CHECK(area_at("203.0.112.9") == "AS64500:36,140");
  CHECK(area_at("198.51.100.9") == "AS64501:BR");
  CHECK(area_at("198.51.101.9") == "AS64501:BR");
  CHECK(area_at("100.64.1.1") == "100.64.0.0/16");
  CHECK(area_at("192.0.2.1") == "192.0.0.0/16");
  CHECK(home_of(places, "203.0.113.9") == "as/jp1");
  CHECK(home_of(places, "203.0.112.9") == "as/jp1");
  CHECK(home_of(places, "198.51.101.9") == "sa/br1");
  CHECK(home_of(places, "100.64.1.1") == "as/in1");
  CHECK(home_of(places, "2001:db8::1") == "na/va1");
  CHECK(home_of(places, "192.0.2.1") == "nowhere");
  // Heard of by name alone they are at the same place.
  Places other(topology);
  for (const char* name : {"203.0.113.0/24", "AS64500:36,140", "AS64501:BR", "100.64.0.0/16"})
    CHECK(other.home_of(other.area(name)) == places.home_of(places.find_area(name)));
  // Asked by prefix, as name servers are, without making areas.
  Places fresh(topology);
  const auto network = [&](const char* address, uint8_t known) { return fresh.network_of(*parse_ip(address), known); };
  const size_t before = fresh.areas();
  CHECK(network("198.51.100.0", 24).area == no_area);
  CHECK(fresh.region_name(network("198.51.100.0", 24).home) == "sa/br1");
  CHECK(network("198.51.100.0", 24).prefix == 24);
  CHECK(network("203.0.113.0", 24).prefix == 25);  // the office is in the other half
  CHECK(network("100.64.1.0", 24).prefix == 16);
  CHECK(fresh.region_name(network("100.64.1.0", 24).home) == "as/in1");
  CHECK(network("192.0.2.0", 24).home == no_region);
  CHECK(fresh.region_name(network("203.0.113.200", 32).home) == "oc/au1");
  CHECK(fresh.areas() == before);
}

TEST_CASE("an area says its region, its country or its position, and only one of them") {
  Topology topology = worldwide();
  topology.areas = {{.name = "carrier-in", .country = "IN"}, {.name = "ship", .latitude = -30, .longitude = 150}};
  REQUIRE(checked(topology));
  Places places(topology);
  CHECK(places.region_name(places.home_of(places.area("carrier-in"))) == "as/in1");
  CHECK(places.region_name(places.home_of(places.area("ship"))) == "oc/au1");
  const auto error_of = [&](Topology::Area area) {
    topology.areas = {std::move(area)};
    const auto good = checked(topology);
    REQUIRE_FALSE(good);
    return good.error().text;
  };
  CHECK(error_of({.name = "x"}).starts_with("area[0].region: this, or country"));
  CHECK(error_of({.name = "x", .region = "eu/de1", .country = "DE"}).starts_with("area[0].region"));
  CHECK(error_of({.name = "x", .country = "XX"}).starts_with("area[0].country: 'XX'"));
  CHECK(error_of({.name = "x", .latitude = 4}).starts_with("area[0].latitude: goes with longitude"));
  CHECK(error_of({.name = "x", .latitude = 400, .longitude = 4}).starts_with("area[0].latitude: from -90"));
}
