#include "sdp/crypto.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "sdp/negotiate.hpp"

namespace nearend::sdp {
namespace {

// RFC 4568 9.2, its first example.
constexpr std::string_view key_80 = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";
const IpAddress us = *parse_ip("198.51.100.1");

LocalMedia secure_line(std::string protocol = "RTP/SAVP") {
  LocalMedia line;
  line.rtp = {us, 20000};
  line.protocol = std::move(protocol);
  line.crypto = {{1, "AEAD_AES_128_GCM", std::string(28, 'g')},
                 {2, "AEAD_AES_256_GCM", std::string(44, 'h')},
                 {3, "AES_CM_128_HMAC_SHA1_80", std::string(30, 'a')},
                 {4, "AES_CM_128_HMAC_SHA1_32", std::string(30, 'b')}};
  return line;
}

SessionDescription described(std::string_view protocol, std::string_view attributes) {
  auto read = parse_sdp("v=0\r\no=- 5 5 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 4000 " +
                        std::string(protocol) + " 0\r\n" + std::string(attributes));
  REQUIRE(read);
  return *read;
}
std::string keyed(int tag, std::string_view suite, std::string_view key = key_80) {
  return fmt::format("a=crypto:{} {} inline:{}\r\n", tag, suite, key);
}

Speaker::Answer answer(const SessionDescription& offer, const LocalMedia& line) {
  return Speaker(1, us).answer(offer, {line});
}
Result<std::vector<Agreed>> accept(const LocalMedia& line, const SessionDescription& theirs) {
  return accept_answer(Speaker(1, us).offer({line}), {line}, theirs);
}

}  // namespace

TEST_CASE("a=crypto is read with lifetime, padding and advice, and written back") {
  const auto read = parse_crypto(fmt::format("1 AES_CM_128_HMAC_SHA1_80 inline:{}|2^20 WSH=64 -PRIVATE=1", key_80));
  REQUIRE(read);
  CHECK(read->tag == 1);
  CHECK(read->key.size() == 30);
  CHECK(to_string(*read) == fmt::format("1 AES_CM_128_HMAC_SHA1_80 inline:{}", key_80));
  CHECK(parse_crypto(to_string(*read)) == *read);
  const Crypto large{7, "AEAD_AES_256_GCM", std::string(44, '\1')};
  std::string text = to_string(large);
  CHECK(parse_crypto(text) == large);
  CHECK(text.ends_with("="));
  while (text.ends_with("=")) text.pop_back();
  CHECK(parse_crypto(text) == large);
}

TEST_CASE("a=crypto that cannot be used is refused and its key not quoted") {
  const std::string key(key_80);
  struct Bad {
    std::string value;
    Error::Kind kind;
  };
  const Bad all[] = {
      {"", Error::Kind::malformed},
      {"x AES_CM_128_HMAC_SHA1_80 inline:" + key, Error::Kind::malformed},
      {"1234567890 AES_CM_128_HMAC_SHA1_80 inline:" + key, Error::Kind::malformed},
      {"1 F8_128_HMAC_SHA1_80 inline:" + key, Error::Kind::unsupported},
      {"1 AES_CM_128_HMAC_SHA1_80", Error::Kind::unsupported},
      {"1 AES_CM_128_HMAC_SHA1_80 uri:" + key, Error::Kind::unsupported},
      {"1 AES_CM_128_HMAC_SHA1_80 inline:" + key.substr(4), Error::Kind::malformed},
      {"1 AEAD_AES_128_GCM inline:" + key, Error::Kind::malformed},
      {"1 AES_CM_128_HMAC_SHA1_80 inline:" + key.substr(1) + "%", Error::Kind::malformed},
      {"1 AES_CM_128_HMAC_SHA1_80 inline:" + key + "|1:4", Error::Kind::unsupported},
      {"1 AES_CM_128_HMAC_SHA1_80 inline:" + key + "|2^20|1:4", Error::Kind::unsupported},
      {"1 AES_CM_128_HMAC_SHA1_80 inline:" + key + "|2^49", Error::Kind::malformed},
      {"1 AES_CM_128_HMAC_SHA1_80 inline:" + key + "|0", Error::Kind::malformed},
      {"1 AES_CM_128_HMAC_SHA1_80 inline:" + key + ";inline:" + key, Error::Kind::unsupported},
      {"1 AES_CM_128_HMAC_SHA1_80 inline:" + key + " UNENCRYPTED_SRTP", Error::Kind::unsupported},
      {"1 AES_CM_128_HMAC_SHA1_80 inline:" + key + " UNAUTHENTICATED_SRTP", Error::Kind::unsupported},
      {"1 AES_CM_128_HMAC_SHA1_80 inline:" + key + " KDR=1", Error::Kind::unsupported},
  };
  for (const Bad& bad : all) {
    CAPTURE(bad.value);
    const auto read = parse_crypto(bad.value);
    REQUIRE_FALSE(read);
    CHECK(read.error().kind == bad.kind);
    CHECK(read.error().text.find(key.substr(8, 12)) == std::string::npos);
  }
}

TEST_CASE("an answer takes the offerer's first usable keys with their tag, and ours for the same suite") {
  const auto offer = described("RTP/SAVP", keyed(1, "F8_128_HMAC_SHA1_80") + keyed(5, "AES_CM_128_HMAC_SHA1_32") +
                                               keyed(6, "AES_CM_128_HMAC_SHA1_80"));
  const auto answered = answer(offer, secure_line());
  REQUIRE(answered.is_acceptable);
  const Media& media = answered.description.media[0];
  CHECK(media.protocol == "RTP/SAVP");
  const auto crypto = parse_crypto(*media.attribute("crypto"));
  REQUIRE(crypto);
  CHECK(crypto->tag == 5);
  CHECK(crypto->key == std::string(30, 'b'));
  REQUIRE(answered.lines[0].crypto);
  CHECK(answered.lines[0].crypto->send == std::string(30, 'b'));
  CHECK(answered.lines[0].crypto->receive ==
        parse_crypto(fmt::format("1 AES_CM_128_HMAC_SHA1_80 inline:{}", key_80))->key);
  CHECK(answer(described("RTP/SAVPF", keyed(1, "AES_CM_128_HMAC_SHA1_80")), secure_line()).is_acceptable);
}

TEST_CASE(
    "a secure offer without usable keys is refused, never answered in clear; nor is a plain one where keys must be") {
  CHECK_FALSE(answer(described("RTP/SAVP", ""), secure_line()).is_acceptable);
  CHECK_FALSE(answer(described("RTP/SAVP", keyed(1, "F8_128_HMAC_SHA1_80")), secure_line()).is_acceptable);
  CHECK_FALSE(answer(described("RTP/SAVP", ""), secure_line("RTP/AVP")).is_acceptable);
  CHECK_FALSE(answer(described("RTP/AVP", ""), secure_line()).is_acceptable);
  CHECK_FALSE(answer(described("UDP/TLS/RTP/SAVP", ""), secure_line()).is_acceptable);
  LocalMedia plain;
  plain.rtp = {us, 20000};
  CHECK_FALSE(answer(described("RTP/SAVP", keyed(1, "AES_CM_128_HMAC_SHA1_80")), plain).is_acceptable);
  LocalMedia required = secure_line("RTP/AVP");
  required.is_crypto_required = true;
  CHECK_FALSE(answer(described("RTP/AVP", ""), required).is_acceptable);
  CHECK(answer(described("RTP/AVP", keyed(1, "AES_CM_128_HMAC_SHA1_80")), required).is_acceptable);
}

TEST_CASE("keys beside plain RTP (RFC 8643) are taken where both have them, and else it stays plain") {
  const auto with = answer(described("RTP/AVP", keyed(2, "AES_CM_128_HMAC_SHA1_80")), secure_line("RTP/AVP"));
  CHECK(with.lines[0].crypto);
  CHECK(with.description.media[0].protocol == "RTP/AVP");
  CHECK(with.description.media[0].has("crypto"));
  const auto without = answer(described("RTP/AVP", ""), secure_line("RTP/AVP"));
  CHECK(without.is_acceptable);
  CHECK_FALSE(without.lines[0].crypto);
  CHECK_FALSE(without.description.media[0].has("crypto"));

  const auto ours = Speaker(1, us).offer({secure_line("RTP/AVP")});
  CHECK(ours.media[0].protocol == "RTP/AVP");
  CHECK(std::ranges::count(ours.media[0].attributes, "crypto", &Attribute::name) == 4);
  CHECK((*accept(secure_line("RTP/AVP"), described("RTP/AVP", keyed(3, "AES_CM_128_HMAC_SHA1_80"))))[0].crypto);
  CHECK_FALSE((*accept(secure_line("RTP/AVP"), described("RTP/AVP", "")))[0].crypto);
}

TEST_CASE("an answer to our keys must name one of them, once, with its suite") {
  const auto good = accept(secure_line(), described("RTP/SAVP", keyed(3, "AES_CM_128_HMAC_SHA1_80")));
  REQUIRE(good);
  CHECK((*good)[0].crypto->send == std::string(30, 'a'));
  CHECK_FALSE(accept(secure_line(), described("RTP/SAVP", "")));
  CHECK_FALSE(accept(secure_line(), described("RTP/AVP", "")));
  CHECK_FALSE(accept(secure_line(), described("RTP/SAVP", keyed(9, "AES_CM_128_HMAC_SHA1_80"))));
  CHECK_FALSE(accept(secure_line(), described("RTP/SAVP", keyed(4, "AES_CM_128_HMAC_SHA1_80"))));
  CHECK_FALSE(accept(secure_line(),
                     described("RTP/SAVP", keyed(3, "AES_CM_128_HMAC_SHA1_80") + keyed(4, "AES_CM_128_HMAC_SHA1_32"))));
  CHECK_FALSE(accept(secure_line("RTP/AVP"), described("RTP/AVP", keyed(3, "F8_128_HMAC_SHA1_80"))));
  LocalMedia required = secure_line("RTP/AVP");
  required.is_crypto_required = true;
  CHECK_FALSE(accept(required, described("RTP/AVP", "")));
}

TEST_CASE("keys of one side never cross with a relayed line") {
  Media video;
  video.kind = "video";
  video.port = 4002;
  video.formats = {"96"};
  for (std::string_view name : {"crypto", "fingerprint", "setup", "key-mgmt", "rtpmap"}) video.set_attribute(name, "x");
  LocalMedia line;
  line.kind = "video";
  line.rtp = {us, 20002};
  line.relayed = video;
  const auto offer = Speaker(1, us).offer({line});
  CHECK(offer.media[0].has("rtpmap"));
  for (std::string_view name : {"crypto", "fingerprint", "setup", "key-mgmt"}) CHECK_FALSE(offer.media[0].has(name));
}

}  // namespace nearend::sdp
