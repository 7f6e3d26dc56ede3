#include "base/text.hpp"

#include <doctest/doctest.h>

#include "base/crypto.hpp"
#include "base/ids.hpp"

using namespace nearend;

TEST_CASE("text is compared, trimmed and split without regard to the locale") {
  CHECK(to_lower("AbC-\xc3\x84") == "abc-\xc3\x84");
  CHECK(equal_ignoring_case("Via", "vIA"));
  CHECK_FALSE(equal_ignoring_case("Via", "Vi"));
  CHECK(trim(" \t a b\r\n") == "a b");
  CHECK(trim(" \t ").empty());
  CHECK(split("a, b,,c ,", ',') == std::vector<std::string_view>{"a", "b", "c"});
  CHECK(split("", ',').empty());
}

TEST_CASE("numbers are whole and fit, or are none") {
  CHECK(parse_unsigned("0") == 0);
  CHECK(parse_unsigned("18446744073709551615") == UINT64_MAX);
  for (const char* text : {"", " 1", "1 ", "-1", "+1", "1.5", "0x1", "18446744073709551616"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_unsigned(text));
  }
}

TEST_CASE("percent escapes go both ways and broken ones are refused") {
  std::string every;
  for (int byte = 0; byte < 256; ++byte) every.push_back(static_cast<char>(byte));
  CHECK(percent_decode(percent_encode(every)) == every);
  CHECK(percent_encode("a b+c~") == "a%20b%2Bc~");
  CHECK(percent_decode("a+b%2b", true) == "a b+");
  CHECK(percent_decode("a+b") == "a+b");
  for (const char* text : {"%", "%1", "%zz", "a%2", "%%20"}) {
    CAPTURE(text);
    CHECK_FALSE(percent_decode(text));
  }
}

TEST_CASE("a masked number keeps its last two digits") {
  CHECK(masked("+15551234567") == "+xxxxxxxxx67");
  CHECK(masked("12") == "12");
  CHECK(masked("") == "");
}

TEST_CASE("hashes and their spellings match their published vectors") {
  CHECK(hash_hex(HashKind::md5, "") == "d41d8cd98f00b204e9800998ecf8427e");
  CHECK(hash_hex(HashKind::sha1, "abc") == "a9993e364706816aba3e25717850c26c9cd0d89d");
  CHECK(hash_hex(HashKind::sha256, "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(hash_hex(HashKind::sha512_256, "abc") == "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23");
  // RFC 4231, test case 2.
  CHECK(hex(hmac_bytes(HashKind::sha256, "Jefe", "what do ya want for nothing?")) ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  // RFC 4648 section 10.
  CHECK(base64("") == "");
  CHECK(base64("f") == "Zg==");
  CHECK(base64("foobar") == "Zm9vYmFy");
  CHECK(equal_in_constant_time("abc", "abc"));
  CHECK_FALSE(equal_in_constant_time("abc", "abd"));
  CHECK_FALSE(equal_in_constant_time("abc", "ab"));
}

TEST_CASE("identifiers have their form and sort by time") {
  const std::string early = make_sid("CA", 1'700'000'000'000, 1, 2);
  const std::string late = make_sid("CA", 1'700'000'000'001, 0, 0);
  CHECK(is_sid("CA", early));
  CHECK(early < late);
  CHECK(early != make_sid("CA", 1'700'000'000'000, 1, 3));
  CHECK_FALSE(is_sid("RE", early));
  CHECK_FALSE(is_sid("CA", early + "0"));
  CHECK_FALSE(is_sid("CA", "CA" + std::string(32, 'g')));
  CHECK_FALSE(is_sid("CA", ""));
}
