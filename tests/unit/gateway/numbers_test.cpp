#include "gateway/numbers.hpp"

#include <doctest/doctest.h>

namespace nearend::gateway {
namespace {

using Match = NumberEntry::Match;

NumberEntry entry(Match match, std::string value, std::string account) {
  return {.match = match, .value = std::move(value), .account_sid = std::move(account)};
}

struct Book {
  Numbers numbers{{entry(Match::prefix, "+1", "AC-us"), entry(Match::prefix, "+1555", "AC-555"),
                   entry(Match::number, "+1 (555) 010-0", "AC-exact"),
                   entry(Match::sip_address, "Ann@Example.com", "AC-ann"),
                   entry(Match::sip_domain, "Example.com", "AC-domain"), entry(Match::prefix, "9", "AC-nine")}};
  std::string whose(std::string_view uri) const {
    const NumberEntry* found = numbers.find(*sip::parse_uri(uri));
    return found ? found->account_sid : "";
  }
};

}  // namespace

TEST_CASE("a called address is found as exact number, longest prefix, SIP address, SIP domain, in this order (M09)") {
  const Book book;
  CHECK(book.whose("sip:+15550100@gw.example") == "AC-exact");
  CHECK(book.whose("sip:+1-555-010.0@gw.example") == "AC-exact");
  CHECK(book.whose("tel:+1-555-0100") == "AC-exact");
  CHECK(book.whose("sip:+15550101@gw.example") == "AC-555");
  CHECK(book.whose("sip:+15560101@gw.example") == "AC-us");
  CHECK(book.whose("sip:ann@example.com") == "AC-ann");
  CHECK(book.whose("sip:ANN@EXAMPLE.COM;transport=tcp") == "AC-ann");
  CHECK(book.whose("sip:bob@example.com") == "AC-domain");
  CHECK(book.whose("sip:example.com") == "AC-domain");
  CHECK(book.whose("sip:911@example.com") == "AC-nine");  // a number's prefix goes before the domain
}

TEST_CASE("nobody's address is nobody's") {
  const Book book;
  CHECK(book.whose("sip:+4930123@gw.example").empty());
  CHECK(book.whose("sip:bob@other.example").empty());
  CHECK(book.whose("sip:ann@example.com.evil.example").empty());
  CHECK(book.whose("tel:+4930123").empty());
  CHECK(book.whose("sip:1555@gw.example").empty());  // without '+' it is another number
}

TEST_CASE("the signs that people write into numbers do not count") {
  CHECK(plain_number("+49 (30) 12-34.5") ==
        "+4930123"
        "45");
  CHECK(plain_number("*21#") == "*21#");
  CHECK(plain_number("12+3") == "12+3");
  CHECK(plain_number("ann") == "ann");
}

}  // namespace nearend::gateway
