#include "sip/headers.hpp"

#include <doctest/doctest.h>

namespace nearend::sip {

TEST_CASE("every known header is found by its name, without case") {
  for (int i = 1; i <= static_cast<int>(HeaderId::www_authenticate); ++i) {
    const auto id = static_cast<HeaderId>(i);
    CAPTURE(header_name(id));
    CHECK_FALSE(header_name(id).empty());
    CHECK(header_id(header_name(id)) == id);
  }
  CHECK(header_id("cALL-id") == HeaderId::call_id);
  CHECK(header_id("Call-IDs") == HeaderId::other);
  CHECK(header_id("") == HeaderId::other);
  CHECK(header_id("A-Name-That-Is-Longer-Than-Any-Known") == HeaderId::other);
  CHECK(header_name(HeaderId::other).empty());
}

TEST_CASE("compact names stand for their headers") {
  CHECK(header_id("v") == HeaderId::via);
  CHECK(header_id("F") == HeaderId::from);
  CHECK(header_id("t") == HeaderId::to);
  CHECK(header_id("i") == HeaderId::call_id);
  CHECK(header_id("m") == HeaderId::contact);
  CHECK(header_id("l") == HeaderId::content_length);
  CHECK(header_id("c") == HeaderId::content_type);
  CHECK(header_id("k") == HeaderId::supported);
  CHECK(header_id("x") == HeaderId::session_expires);
  CHECK(header_id("q") == HeaderId::other);
}

TEST_CASE("methods are known by their exact spelling") {
  for (int i = 0; i < static_cast<int>(Method::other); ++i)
    CHECK(parse_method(to_string(static_cast<Method>(i))) == static_cast<Method>(i));
  CHECK(parse_method("invite") == Method::other);
  CHECK(parse_method("") == Method::other);
  CHECK(to_string(Method::register_) == "REGISTER");
}

TEST_CASE("lists and single fields are told apart") {
  CHECK(is_list(HeaderId::via));
  CHECK(is_list(HeaderId::contact));
  CHECK_FALSE(is_list(HeaderId::subject));
  CHECK_FALSE(is_list(HeaderId::www_authenticate));
  CHECK_FALSE(is_list(HeaderId::date));
  CHECK(is_single(HeaderId::cseq));
  CHECK_FALSE(is_single(HeaderId::via));
  CHECK_FALSE(is_single(HeaderId::other));
}

TEST_CASE("every status has a phrase") {
  for (int status = 100; status < 700; ++status) CHECK_FALSE(reason_phrase(status).empty());
  CHECK(reason_phrase(183) == "Session Progress");
  CHECK(reason_phrase(599) == "Server Failure");
}

}  // namespace nearend::sip
