#include "sip/multipart.hpp"

#include <doctest/doctest.h>

#include <string>

#include "unit/sip/torture_table.hpp"

namespace nearend::sip {
namespace {

Message with_body(std::string_view type, std::string_view body) {
  Message message = *Message::request(Method::invite, "sip:h");
  message.set_body(type, body);
  return message;
}

constexpr std::string_view isup_beside_sdp =
    "preamble, ignored\r\n"
    "--b1\r\nContent-Type: application/SDP ; x=y\r\n\r\nv=0\r\n\r\n"
    "--b1 \r\nContent-Disposition: signal\r\nc: application/isup;base=x\r\n\r\n\x01\x02--b1\r\n"
    "--b1\r\n\r\nplain\r\n"
    "--b1--\r\nepilogue";

}  // namespace

TEST_CASE("a session description is found alone and beside other parts") {
  CHECK(find_body(with_body("application/sdp", "v=0"), "application/sdp") == "v=0");
  const Message message = with_body("multipart/mixed; boundary=\"b1\"", isup_beside_sdp);
  CHECK(find_body(message, "application/sdp") == "v=0\r\n");
  CHECK(find_body(message, "application/isup") == "\x01\x02--b1");
  CHECK(find_body(message, "text/plain") == "plain");
  CHECK(find_body(message, "image/png").empty());
  CHECK(body_parts(message).size() == 3);
}

TEST_CASE("broken multiparts give what can be read and no more") {
  CHECK(body_parts(with_body("multipart/mixed", "--b\r\n\r\nx")).empty());
  CHECK(body_parts(with_body("multipart/mixed;boundary=b", "")).empty());
  CHECK(body_parts(with_body("multipart/mixed;boundary=b", "no delimiter")).empty());
  CHECK(body_parts(with_body("multipart/mixed;boundary=b", "--b")).empty());
  CHECK(body_parts(with_body("multipart/mixed;boundary=b", "--b\r\n")).size() == 1);
  CHECK(body_parts(with_body("multipart/mixed;boundary=b", "--b\r\n--b\r\n--b--")).size() == 2);
  CHECK(body_parts(with_body("multipart/mixed;boundary=b", "--b\r\n\r\nopen end")).at(0).content == "open end");
  CHECK(body_parts(with_body("multipart/mixed;boundary=" + std::string(71, 'b'), "--b\r\n\r\nx")).empty());
  std::string many;
  for (size_t i = 0; i < 2 * body_parts_max; ++i) many += "--b\r\n\r\nx\r\n";
  CHECK(body_parts(with_body("multipart/mixed;boundary=b", many)).size() == body_parts_max);
}

TEST_CASE("the two parts of RFC 4475's multipart message are found") {
  const auto folder = torture::folder();
  if (!folder) return;
  const Message message = parse_message(torture::read(*folder + "rfc4475/mpart01.dat")).message;
  const auto parts = body_parts(message);
  REQUIRE(parts.size() == 2);
  CHECK(parts[0].type == "text/plain");
  CHECK(parts[0].content == "Hello");
  CHECK(parts[1].type == "application/octet-stream");
  CHECK(parts[1].content.size() > 300);
}

}  // namespace nearend::sip
