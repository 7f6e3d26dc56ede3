#include <doctest/doctest.h>

#include "base/crypto.hpp"
#include "http/connection_settings.hpp"
#include "http/cookies.hpp"
#include "http/webhook_signature.hpp"

using namespace nearend;
using namespace nearend::http;
using namespace std::chrono_literals;

TEST_CASE("the signature is that of the public helper library, vectors V1 to V8") {
  struct Vector {
    const char* name;
    const char* url;
    Form form;
    const char* signature;
  };
  const std::vector<Vector> vectors{
      {"V1",
       "https://mycompany.com/myapp.php?foo=1&bar=2",
       {{"CallSid", "CA1234567890ABCDE"},
        {"Caller", "+14158675309"},
        {"Digits", "1234"},
        {"From", "+14158675309"},
        {"To", "+18005551212"}},
       "RSOYDt4T1cUTdK1PDd93/VVr8B8="},
      {"V2", "https://mycompany.com/myapp.php?CallSid=CA1&Digits=12", {}, "V/BIIapXvB2Lg6UV1toMPBmonZg="},
      {"V3",
       "https://example.com/x",
       {{"MediaUrl", "b"}, {"MediaUrl", "a"}, {"MediaUrl", "a"}, {"To", "x"}},
       "mZC/qQmwolGlexa6S4XeBIn8ZQE="},
      {"V4", "https://example.com/x", {{"SpeechResult", ""}, {"CallSid", "CA1"}}, "cJ2bNdI9Bjv6THUC4d8ksynLEMs="},
      {"V5",
       "https://example.com/x",
       {{"SpeechResult",
         "Gr\xc3\xbc\xc3\x9f"
         "e 1"}},
       "JkeO6gT2fEek+O7OkVT7ZXs3MGI="},
      {"V6",
       "https://example.com/x?bodySHA256=015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862",
       {},
       "EEOdpND6RtKCNTn1YPIvYWltf9o="},
      {"V7", "https://example.com:8443/x", {{"A", "1"}}, "KrIt0gOka50h3e5NkFMfbO3Z7FI="},
      {"V8", "https://example.com/x", {{"b", "1"}, {"A", "2"}, {"a", "3"}}, "9lGCUeOQ4YRepRoNeb6B+d5pSOA="}};
  for (const Vector& vector : vectors) {
    CAPTURE(vector.name);
    CHECK(twilio_signature("12345", vector.url, vector.form) == vector.signature);
    CHECK(twilio_signature("12345", std::string(vector.url) + "#rc=2", vector.form) == vector.signature);
  }
  CHECK(hash_hex(HashKind::sha256, "{\"a\":1}") == "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862");
}

TEST_CASE("the timed signature covers time, method, URL and body, for each live token") {
  const std::string one = nearend_signature("12345", "", "POST", "https://h/x#rc=1", "A=1", 1700000000);
  CHECK(one == "t=1700000000;h=" + hex(hmac_bytes(HashKind::sha256, "12345", "1700000000\nPOST\nhttps://h/x\nA=1")));
  const std::string two = nearend_signature("12345", "67890", "POST", "https://h/x", "A=1", 1700000000);
  CHECK(two.starts_with(one + ";h="));
}

TEST_CASE("a fragment's settings stay in their ranges, and a plain fragment means nothing") {
  const auto settings = parse_connection_settings("rc=2&ct=1000&rt=2000&tt=3000&rp=4xx,rt&sni=n&e=ashburn,umatilla");
  CHECK(settings == ConnectionSettings{.connect_timeout = 1000ms,
                                       .read_timeout = 2000ms,
                                       .total_timeout = 3000ms,
                                       .retries = 2,
                                       .is_connect_retried = false,
                                       .is_read_retried = true,
                                       .is_4xx_retried = true});
  CHECK(parse_connection_settings("rc=99&ct=1&rt=999999&tt=0") ==
        ConnectionSettings{.connect_timeout = 100ms, .read_timeout = 15000ms, .total_timeout = 100ms, .retries = 5});
  CHECK(parse_connection_settings("chapter-2") == ConnectionSettings{});
  CHECK(parse_connection_settings("rc=x&ct=-1&rp=sometimes&=&rc") == ConnectionSettings{});
  const auto all = parse_connection_settings("rp=all");
  CHECK((all.is_connect_retried && all.is_read_retried && all.is_4xx_retried && all.is_5xx_retried));
}

TEST_CASE("host names of callbacks follow the rules for host names") {
  for (const char* good : {"example.com", "a-b.c", "localhost", "192.0.2.1", "::1", "1.example", "example.com."}) {
    CAPTURE(good);
    CHECK(check_host_name(good));
  }
  for (const char* bad : {"my_app.example", "-a.example", "a-.example", "a..b", ""}) {
    CAPTURE(bad);
    CHECK_FALSE(check_host_name(bad));
  }
  CHECK_FALSE(check_host_name(std::string(64, 'a') + ".example"));
}

TEST_CASE("forms keep order, repeats and every byte") {
  const Form form{{"b", "1 +&=%"}, {"a", "Gr\xc3\xbc\xc3\x9f"}, {"b", ""}, {"", "x"}};
  CHECK(encode_form(form) == "b=1+%2B%26%3D%25&a=Gr%C3%BC%C3%9F&b=&=x");
  CHECK(parse_form(encode_form(form)) == form);
  CHECK(parse_form("")->empty());
  CHECK(parse_form("a&b=")->size() == 2);
  CHECK_FALSE(parse_form("a=%zz"));
}

namespace {

Url url_of(const char* text) {
  return *parse_url(text);
}
constexpr int64_t now_ms = 1'700'000'000'000;

std::string cookies_for(const std::vector<std::string>& set, const char* from, const char* to, int64_t later_ms = 0) {
  CookieJar jar;
  Headers headers;
  for (const auto& each : set) headers.emplace_back("set-cookie", each);
  jar.take(url_of(from), headers, now_ms);
  return jar.header(url_of(to), now_ms + later_ms);
}

}  // namespace

TEST_CASE("cookies come back where they belong") {
  CHECK(cookies_for({"a=1", "b=2; HttpOnly"}, "http://h.example/x", "http://h.example/y") == "a=1; b=2");
  CHECK(cookies_for({"a=1; Path=/x"}, "http://h/x", "http://h/x/y") == "a=1");
  CHECK(cookies_for({"a=1; Path=/x"}, "http://h/x", "http://h/xy") == "");
  CHECK(cookies_for({"a=1"}, "http://h/x/y", "http://h/z") == "");
  CHECK(cookies_for({"a=1; Path=/", "b=2; Path=/x"}, "http://h/x", "http://h/x") == "b=2; a=1");
  CHECK(cookies_for({"a=1"}, "http://h.example/", "http://www.h.example/") == "");
  CHECK(cookies_for({"a=1; Domain=.h.example"}, "http://www.h.example/", "http://api.h.example/") == "a=1");
  CHECK(cookies_for({"a=1; Domain=other.example"}, "http://h.example/", "http://other.example/") == "");
  CHECK(cookies_for({"a=1; Domain=example"}, "http://h.example/", "http://g.example/") == "");
  CHECK(cookies_for({"a=1; Secure"}, "https://h/", "http://h/") == "");
  CHECK(cookies_for({"a=1; Secure"}, "https://h/", "https://h/") == "a=1");
  CHECK(cookies_for({"a=1; Secure"}, "http://h/", "https://h/") == "");
  CHECK(cookies_for({"a=1; Domain=2.0.0.1"}, "http://192.0.0.1/", "http://2.0.0.1/") == "");
}

TEST_CASE("cookies end when they say, are replaced and removed") {
  CHECK(cookies_for({"a=1; Max-Age=10"}, "http://h/", "http://h/", 9'000) == "a=1");
  CHECK(cookies_for({"a=1; Max-Age=10"}, "http://h/", "http://h/", 11'000) == "");
  CHECK(cookies_for({"a=1; Expires=Tue, 14 Nov 2023 22:13:30 GMT"}, "http://h/", "http://h/", 9'000) == "a=1");
  CHECK(cookies_for({"a=1; Expires=Tue, 14-Nov-23 22:13:30 GMT"}, "http://h/", "http://h/", 11'000) == "");
  CHECK(cookies_for({"a=1; Max-Age=10; Expires=Thu, 01 Jan 1970 00:00:00 GMT"}, "http://h/", "http://h/") == "a=1");
  CHECK(cookies_for({"a=1", "a=2"}, "http://h/", "http://h/") == "a=2");
  CHECK(cookies_for({"a=1", "a=; Max-Age=0"}, "http://h/", "http://h/") == "");
  CHECK(cookies_for({"a=1", "a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT"}, "http://h/", "http://h/") == "");
}

TEST_CASE("a jar has limits and takes no control characters") {
  CHECK(cookies_for({"novalue", "=1", "a=" + std::string(5000, 'x'), "b=1\r\nX: y", "c=\x01"}, "http://h/",
                    "http://h/") == "");
  std::vector<std::string> many;
  for (int i = 0; i < 60; ++i) many.push_back(fmt::format("c{}=1", i));
  const std::string kept = cookies_for(many, "http://h/", "http://h/");
  CHECK(std::count(kept.begin(), kept.end(), '=') == 50);
  CHECK(kept.starts_with("c10=1"));
}
