#include "config/section.hpp"

#include <doctest/doctest.h>

using namespace nearend;

namespace sample {

enum class Colour { red, blue };
struct Trunk {
  std::string name;
  std::vector<Cidr> addresses;
};
struct Settings {
  Endpoint listen{IpAddress::loopback(), 5060};
  std::chrono::milliseconds timeout{500};
  uint16_t port_first = 10000;
  Colour colour = Colour::red;
  std::vector<Trunk> trunks;
};
void describe(config::Section& section, Trunk& trunk) {
  section.key("name", trunk.name, "What it is called.");
  section.key("addresses", trunk.addresses, "Where it calls from.");
}
void describe(config::Section& section, Settings& settings) {
  section.key("listen", settings.listen, "Where it listens.");
  section.key("timeout", settings.timeout, "How long it waits.");
  section.key("port_first", settings.port_first, "The first media port.");
  section.choice("colour", settings.colour, {"red", "blue"}, "How it looks.");
  section.list("trunk", settings.trunks, "A carrier.");
}

Result<Settings> read(std::string_view text) {
  auto node = config::parse_toml(text, "test.toml");
  if (!node) return pass(node);
  return config::read_settings<Settings>(*node);
}

}  // namespace sample

TEST_CASE("a file fills the settings, and what it leaves out keeps its default") {
  auto settings = sample::read(R"(
listen = "[::1]:5070"
timeout = "20s"
colour = "blue"
[[trunk]]
name = "a"
addresses = ["192.0.2.0/24", "2001:db8::/32"]
[[trunk]]
name = "b"
)");
  REQUIRE(settings);
  CHECK(settings->listen.to_string() == "[::1]:5070");
  CHECK(settings->timeout == std::chrono::seconds(20));
  CHECK(settings->port_first == 10000);
  CHECK(settings->colour == sample::Colour::blue);
  REQUIRE(settings->trunks.size() == 2);
  CHECK(settings->trunks[0].addresses.size() == 2);
}

TEST_CASE("the first wrong key is named with its file, its line and what would be right") {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"timeout = 5",
       "test.toml:1: timeout: must be a duration such as \"500ms\", \"20s\", \"5m\" or \"2h\", found a whole number"},
      {"\ntimeout = \"5 parsec\"",
       "test.toml:2: timeout: '5 parsec' is no duration; write for example \"500ms\", \"20s\", \"5m\" or \"2h\""},
      {"port_first = 70000", "test.toml:1: port_first: 70000 is out of range, 0 to 65535 is allowed"},
      {"lisen = \"x\"", "test.toml:1: lisen: no such key; did you mean 'listen'?"},
      {"colour = \"green\"", "test.toml:1: colour: must be \"red\" or \"blue\""},
      {"[[trunk]]\nname = \"a\"\naddresses = [\"192.0.2.0/33\"]",
       "test.toml:3: trunk[0].addresses: '192.0.2.0/33': the prefix length is a number from 0 to 32"},
      {"trunk = 3", "test.toml:1: trunk: must be an array of tables, [[trunk]], found a whole number"}};
  for (const auto& [text, expected] : cases) {
    auto settings = sample::read(text);
    REQUIRE_FALSE(settings);
    CHECK(settings.error().text == expected);
  }
}

TEST_CASE("broken TOML is refused with the line") {
  auto settings = sample::read("listen = \n");
  REQUIRE_FALSE(settings);
  CHECK(settings.error().text.find("test.toml") != std::string::npos);
}

TEST_CASE("the sample with every comment sign taken off keys reads back as the defaults") {
  std::string text = config::sample_of<sample::Settings>();
  CHECK(text.find("# listen = \"127.0.0.1:5060\"") != std::string::npos);
  for (std::string_view key : {"listen", "timeout", "port_first", "colour"}) {
    const size_t at = text.find("# " + std::string(key) + " = ");
    REQUIRE(at != std::string::npos);
    text.erase(at, 2);
  }
  auto settings = sample::read(text);
  REQUIRE(settings);
  CHECK(settings->timeout == std::chrono::milliseconds(500));
}

TEST_CASE("the manual has a row for every key") {
  const std::string manual = config::manual_of<sample::Settings>();
  CHECK(manual.find("| `trunk.addresses` | list of network |  | Where it calls from. |") != std::string::npos);
  CHECK(manual.find("| `timeout` | duration | `\"500ms\"` | How long it waits. |") != std::string::npos);
}

TEST_CASE("a sample holds a table's keys before the tables within it, and lists as comments") {
  const std::string text = config::sample_of<sample::Settings>();
  CHECK(text.find("# colour = ") < text.find("# [[trunk]]"));
  CHECK(text.contains("# How it looks. (\"red\" or \"blue\")\n# colour = \"red\"\n"));
  CHECK(text.contains("\n# A carrier.\n# [[trunk]]\n# What it is called. (string)\n# name = \"\"\n"));
}

TEST_CASE("a key's place is its line, or that of the nearest table around it") {
  const auto root = config::parse_toml("a = 1\n[b]\nc = 2\n[[b.list]]\nd = 3\n[[b.list]]\n", "test.toml");
  REQUIRE(root);
  CHECK(config::place_of(*root, "b.c") == "test.toml:3");
  CHECK(config::place_of(*root, "b.list[0].d") == "test.toml:5");
  CHECK(config::place_of(*root, "b.list[1].d") == "test.toml:6");
  CHECK(config::place_of(*root, "b.absent") == "test.toml:2");
}
