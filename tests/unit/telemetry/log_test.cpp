#include <doctest/doctest.h>

#include "telemetry/log.hpp"

using namespace nearend::telemetry;

TEST_CASE("a key of SRTP that came along in somebody's words is not logged") {
  CHECK(log_line("odd", {{"error", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwg|2^20|1:32"}}) ==
        "odd error=\"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:***|2^20|1:32\"");
  CHECK(log_line("odd", {{"sdp", "inline:abcd\r\na=crypto:2 X inline:efgh;inline:ij"}}) ==
        "odd sdp=\"inline:***\\x0d\\x0aa=crypto:2 X inline:***;inline:***\"");
  CHECK(log_line("odd", {{"error", "inline:"}}) == "odd error=inline:***");
}

TEST_CASE("odd bytes are escaped and long values are cut in a log line") {
  CHECK(log_line("event", {{"a", "plain"}, {"b", "two words"}, {"c", 7}, {"d", "\n\""}}) ==
        "event a=plain b=\"two words\" c=7 d=\"\\x0a\\\"\"");
  CHECK(log_line("event", {{"a", std::string(2000, 'x')}}) == "event a=" + std::string(1024, 'x') + "...");
}
