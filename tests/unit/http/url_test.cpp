#include "http/url.hpp"

#include <doctest/doctest.h>

#include <utility>
#include <vector>

using namespace nearend;
using namespace nearend::http;

TEST_CASE("a URL's parts are read and written back") {
  const auto url = parse_url("HTTPS://us%3aer:p%40ss@App.Example:8443/a/b?c=d&e#rc=2&ct=1000");
  REQUIRE(url);
  CHECK(url->scheme == "https");
  CHECK(url->host == "app.example");
  CHECK(url->port == 8443);
  CHECK(url->user == "us:er");
  CHECK(url->password == "p@ss");
  CHECK(url->fragment == "rc=2&ct=1000");
  CHECK(url->to_string() == "https://app.example:8443/a/b?c=d&e");
  CHECK(parse_url("http://h")->to_string() == "http://h/");
  CHECK(parse_url("http://h?x")->to_string() == "http://h/?x");
  CHECK(parse_url("http://h/?")->to_string() == "http://h/?");
  CHECK(parse_url("http://h:/x")->effective_port() == 80);
  CHECK(parse_url("wss://h/x")->effective_port() == 443);
  CHECK(parse_url("http://[2001:DB8::1]:81/x")->to_string() == "http://[2001:db8::1]:81/x");
  CHECK(parse_url("http://h/gr\xc3\xbc\xc3\x9f?q=\xc3\xbc")->to_string() == "http://h/gr%C3%BC%C3%9F?q=%C3%BC");
  CHECK(parse_url("http://h/a/./b/../c")->path == "/a/c");
}

TEST_CASE("what is no absolute http URL is refused") {
  for (const char* text : {"",
                           "/path",
                           "h.example/x",
                           "//h/x",
                           "ftp://h/",
                           "javascript:alert(1)",
                           "file:///etc/passwd",
                           "http:",
                           "http:/x",
                           "http://",
                           "http:///x",
                           "http://:80/",
                           "http://h:0/",
                           "http://h:65536/",
                           "http://h:8a/",
                           "http://a b/",
                           "http://h/a b",
                           "http://h/\r\nX: y",
                           "http://h/\tx",
                           "http://h\\@evil/",
                           "http://[::1/",
                           "http://[1.2.3.4]/",
                           "http://[zz]/",
                           "http://h%00/",
                           "http://a..b/",
                           "http://.a/",
                           "http://h\xc3\xbc/",
                           "http://u%zz@h/",
                           "http://h/<x>",
                           "http://::1/"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_url(text));
  }
  CHECK_FALSE(parse_url("http://h/" + std::string(9000, 'x')));
  CHECK_FALSE(parse_url(std::string("http://h/\0x", 11)));
}

TEST_CASE("references are resolved as RFC 3986 section 5.4 shows") {
  const auto base = parse_url("http://a/b/c/d;p?q");
  REQUIRE(base);
  const std::vector<std::pair<const char*, const char*>> table{{"g", "http://a/b/c/g"},
                                                               {"./g", "http://a/b/c/g"},
                                                               {"g/", "http://a/b/c/g/"},
                                                               {"/g", "http://a/g"},
                                                               {"//g", "http://g/"},
                                                               {"?y", "http://a/b/c/d;p?y"},
                                                               {"g?y", "http://a/b/c/g?y"},
                                                               {"#s", "http://a/b/c/d;p?q"},
                                                               {"g#s", "http://a/b/c/g"},
                                                               {"g?y#s", "http://a/b/c/g?y"},
                                                               {";x", "http://a/b/c/;x"},
                                                               {"g;x", "http://a/b/c/g;x"},
                                                               {"", "http://a/b/c/d;p?q"},
                                                               {".", "http://a/b/c/"},
                                                               {"./", "http://a/b/c/"},
                                                               {"..", "http://a/b/"},
                                                               {"../", "http://a/b/"},
                                                               {"../g", "http://a/b/g"},
                                                               {"../..", "http://a/"},
                                                               {"../../", "http://a/"},
                                                               {"../../g", "http://a/g"},
                                                               {"../../../g", "http://a/g"},
                                                               {"../../../../g", "http://a/g"},
                                                               {"/./g", "http://a/g"},
                                                               {"/../g", "http://a/g"},
                                                               {"g.", "http://a/b/c/g."},
                                                               {".g", "http://a/b/c/.g"},
                                                               {"g..", "http://a/b/c/g.."},
                                                               {"..g", "http://a/b/c/..g"},
                                                               {"./../g", "http://a/b/g"},
                                                               {"./g/.", "http://a/b/c/g/"},
                                                               {"g/./h", "http://a/b/c/g/h"},
                                                               {"g/../h", "http://a/b/c/h"},
                                                               {"g;x=1/./y", "http://a/b/c/g;x=1/y"},
                                                               {"g;x=1/../y", "http://a/b/c/y"},
                                                               {"g?y/../x", "http://a/b/c/g?y/../x"},
                                                               {"https://z/y", "https://z/y"}};
  for (const auto& [reference, wanted] : table) {
    CAPTURE(reference);
    const auto resolved = resolve_url(*base, reference);
    REQUIRE(resolved);
    CHECK(resolved->to_string() == wanted);
  }
  CHECK(resolve_url(*base, "g#rc=3")->fragment == "rc=3");
  CHECK(resolve_url(*parse_url("http://u:p@a/b"), "c")->user == "u");
  CHECK_FALSE(resolve_url(*base, "mailto:x@y"));
  CHECK_FALSE(resolve_url(*base, "a b"));
}

TEST_CASE("what was written parses to the same again") {
  for (const char* text : {"http://h/", "https://h:1/a?b", "http://[::1]/?", "http://a.b-c.d/%20%7e/x;y=z?q=%00"}) {
    const auto once = parse_url(text);
    REQUIRE(once);
    const auto twice = parse_url(once->to_string());
    REQUIRE(twice);
    CHECK(twice->to_string() == once->to_string());
  }
}
