#include "sip/uri.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace nearend::sip {
namespace {

struct Good {
  std::string_view text;
  std::string_view user, host;
  int port = 0;
  std::string_view written = {};  ///< When it is written otherwise than read.
};

}  // namespace

TEST_CASE("URIs are read into their parts and written back") {
  const std::vector<Good> table{
      {"sip:alice@atlanta.com", "alice", "atlanta.com"},
      {"sip:alice:secretword@atlanta.com;transport=tcp", "alice", "atlanta.com"},
      {"sips:alice@atlanta.com?subject=project%20x&priority=urgent", "alice", "atlanta.com"},
      {"sip:+1-212-555-1212:1234@gateway.com;user=phone", "+1-212-555-1212", "gateway.com"},
      {"sip:atlanta.com;method=REGISTER?to=alice%40atlanta.com", "", "atlanta.com"},
      {"sip:alice;day=tuesday@atlanta.com", "alice;day=tuesday", "atlanta.com"},
      {"sip:192.0.2.1:5060", "", "192.0.2.1", 5060},
      {"SIP:bob@[2001:db8::9:1]:5070;lr", "bob", "2001:db8::9:1", 5070, "sip:bob@[2001:db8::9:1]:5070;lr"},
      {"sip:[::1]", "", "::1"},
      {"sip:a%20b%00@h", std::string_view("a b\0", 4), "h"},
      {"sip:#31#123@h", "#31#123", "h"},
      {"sip:a_host@my_host.example", "a_host", "my_host.example"},
      {"tel:+1-201-555-0123;phone-context=example.com", "+1-201-555-0123", ""},
      {"tel:7042;phone-context=+1", "7042", ""},
      {"mailto:who@example.com", "", ""},
      {"urn:service:sos", "", ""},
      {"sip:u@h;%6C%72;a=%25", "u", "h", 0, "sip:u@h;lr;a=%25"},
      {"sip:u@h;ttl=15;maddr=[2001:db8::1]", "u", "h"},
  };
  for (const Good& row : table) {
    CAPTURE(row.text);
    const auto uri = parse_uri(row.text);
    REQUIRE(uri);
    CHECK(uri->user == row.user);
    CHECK(uri->host == row.host);
    CHECK(uri->port.value_or(0) == row.port);
    CHECK(uri->to_string() == (row.written.empty() ? row.text : row.written));
    CHECK(equivalent(*uri, *parse_uri(uri->to_string())));
  }
}

TEST_CASE("malformed URIs are refused with the part that is wrong") {
  for (std::string_view text : {"",
                                "alice",
                                "sip:",
                                ":alice@h",
                                "5ip:a@h",
                                "sip:@h",
                                "sip:a@",
                                "sip:a@b@c",
                                "sip:a b@h",
                                "sip:a@h:",
                                "sip:a@h:65536",
                                "sip:a@h:x",
                                "sip:a@[::1",
                                "sip:a@[192.0.2.1]",
                                "sip:a@2001:db8::1",
                                "sip:a@h;",
                                "sip:a@h;=x",
                                "sip:a@h;x=",
                                "sip:a@h?",
                                "sip:a%2@h",
                                "sip:a%zz@h",
                                "sip:a@h;p=%4",
                                "<sip:a@h>",
                                "sip:a@h>",
                                "sip:\"a\"@h",
                                "tel:",
                                "tel:abc def",
                                "tel:+1;;",
                                "http:",
                                "other:a b",
                                "sip:a@h\r\nX: y",
                                "sip:a@[2001:db8:::1]",
                                "sip:a:b:c@h"}) {
    CAPTURE(text);
    const auto uri = parse_uri(text);
    REQUIRE_FALSE(uri);
    CHECK_FALSE(uri.error().text.empty());
  }
}

TEST_CASE("URIs compare as RFC 3261 section 19.1.4 says") {
  const std::vector<std::pair<std::string_view, std::string_view>> same{
      {"sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"},
      {"sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"},
      {"sip:carol@chicago.com;security=on", "sip:carol@chicago.com;newparam=5"},
      {"sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
       "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com"},
      {"sip:alice@atlanta.com?subject=project%20x&priority=urgent",
       "sip:alice@atlanta.com?priority=urgent&subject=project%20x"},
      {"sip:a@[2001:db8::1]", "sip:a@[2001:DB8:0:0::1]"},
      {"tel:+1-201-555-0123", "tel:+12015550123"},
      {"sip:a@h;x=1", "sip:a@h;X=1"},
  };
  for (const auto& [a, b] : same) {
    CAPTURE(a);
    CHECK(equivalent(*parse_uri(a), *parse_uri(b)));
    CHECK(equivalent(*parse_uri(b), *parse_uri(a)));
  }
  const std::vector<std::pair<std::string_view, std::string_view>> different{
      {"SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"},
      {"sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"},
      {"sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"},
      {"sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"},
      {"sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"},
      {"sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"},
      {"sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"},
      {"sip:a@h", "sips:a@h"},
      {"sip:a@h", "sip:h"},
      {"sip:a:x@h", "sip:a@h"},
      {"sip:a:x@h", "sip:a:y@h"},
      {"sip:a%3Bb@h", "sip:a;b@h"},
      {"sip:a@h;maddr=192.0.2.1", "sip:a@h"},
      {"tel:+1201", "tel:+1202"},
      {"tel:7042;phone-context=a", "tel:7042;phone-context=b"},
      {"urn:a", "urn:b"},
  };
  for (const auto& [a, b] : different) {
    CAPTURE(a);
    CAPTURE(b);
    CHECK_FALSE(equivalent(*parse_uri(a), *parse_uri(b)));
    CHECK_FALSE(equivalent(*parse_uri(b), *parse_uri(a)));
  }
}

TEST_CASE("a user with odd bytes is escaped so that it reads back") {
  for (std::string_view user : {"+15550100", "a b", "a@b", "50%", "x\r\nVia: y", "\xd0\xb0", "a:b", "#", "\"<>"}) {
    CAPTURE(user);
    const Uri uri = make_sip_uri(user, "example.com", 5061);
    const std::string text = uri.to_string();
    CHECK(text.find_first_of("\r\n \"<>") == std::string::npos);
    const auto again = parse_uri(text);
    REQUIRE(again);
    CHECK(again->user == user);
    CHECK(again->port == 5061);
  }
}

TEST_CASE("addresses are read with and without brackets, names and quotes") {
  const auto quoted_name = parse_name_addr("\"Bell, \\\"A\\\" <x>\"  <sip:a@h;lr>;tag=1;q=0.5");
  REQUIRE(quoted_name);
  CHECK(quoted_name->display == "Bell, \"A\" <x>");
  CHECK(quoted_name->uri.is_loose_route());
  CHECK(quoted_name->tag() == "1");
  CHECK(quoted_name->to_string() == "\"Bell, \\\"A\\\" <x>\" <sip:a@h;lr>;tag=1;q=0.5");

  const auto bare = parse_name_addr("sip:a@h;tag=7;x = \"y z\"");
  REQUIRE(bare);
  CHECK(bare->tag() == "7");
  CHECK(bare->uri.parameters.empty());
  CHECK(bare->parameters.get("X") == "y z");
  CHECK(bare->to_string() == "<sip:a@h>;tag=7;x=\"y z\"");

  CHECK(parse_name_addr("Alice Smith <sip:a@h>")->display == "Alice Smith");
  CHECK(parse_name_addr("J\xc3\xbcrgen <sip:a@h>")->display == "J\xc3\xbcrgen");
  CHECK(parse_name_addr("< sip:a@h >")->uri.user == "a");
  CHECK(parse_name_addr("*")->is_wildcard);
  CHECK(parse_name_addr("*")->to_string() == "*");

  for (std::string_view text :
       {"", "<sip:a@h", "\"open <sip:a@h>", "\"x\" y <sip:a@h>", "A, B <sip:a@h>", "<sip:a@h> x", "<sip:a@h>;", "<>",
        "sip:a@h?x=y", "\"x\"", "<sip:a@h>;tag=\"x", "<sip:a@h>;=x", "<sip:a@h>;a=b c"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_name_addr(text));
  }
}

TEST_CASE("parameters keep their order, compare without case and can be changed") {
  auto parameters = *parse_parameters(" ; Branch = z9hG4bK1 ; rport ;received=192.0.2.1;x=\"a;\\\"b\"");
  CHECK(parameters.get("branch") == "z9hG4bK1");
  CHECK(parameters.has("RPORT"));
  CHECK(parameters.get("rport").empty());
  CHECK(parameters.get("x") == "a;\"b");
  CHECK(parameters.to_string() == ";Branch=z9hG4bK1;rport;received=192.0.2.1;x=\"a;\\\"b\"");
  parameters.set("rport", "5060");
  parameters.set("new", "two words");
  parameters.remove("X");
  parameters.set_flag("lr");
  CHECK(parameters.to_string() == ";Branch=z9hG4bK1;rport=5060;received=192.0.2.1;new=\"two words\";lr");
}

TEST_CASE("no more parameters than the limit are read") {
  std::string many;
  for (size_t i = 0; i < parameters_max; ++i) many += ";a";
  CHECK(parse_parameters(many));
  CHECK(parse_uri("sip:h" + many));
  CHECK_FALSE(parse_parameters(many + ";a"));
  CHECK_FALSE(parse_uri("sip:h" + many + ";a"));
}

TEST_CASE("host and port are told apart, with IPv6 in brackets") {
  CHECK(parse_host_port("[::1]:5060")->host == "::1");
  CHECK(parse_host_port("[::1]:5060")->port == 5060);
  CHECK(parse_host_port("[2001:db8:::192.0.2.1]")->host == "2001:db8::192.0.2.1");
  CHECK_FALSE(parse_host_port("[2001:db8:::1]"));
  CHECK_FALSE(parse_host_port("[2001:db8::1:::192.0.2.1]"));
  CHECK_FALSE(parse_host_port("::1"));
  CHECK_FALSE(parse_host_port("h x"));
  CHECK_FALSE(parse_host_port("[::1]x"));
  CHECK(make_sip_uri("", "::1", 5).host_port() == "[::1]:5");
}

}  // namespace nearend::sip
