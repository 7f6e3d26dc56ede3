// The figures of RFC 3711 appendix B and RFC 7714 sections 16 and 17.
#include <doctest/doctest.h>

#include <algorithm>

#include "srtp/context.hpp"
#include "srtp/transform.hpp"
#include "support/hex.hpp"

namespace {

using namespace nearend::srtp;
using nearend::support::unhex;
using Bytes = std::vector<uint8_t>;

SessionKeys session_keys(const Bytes& key, const Bytes& salt) {
  SessionKeys keys;
  std::ranges::copy(key, keys.cipher.begin());
  std::ranges::copy(salt, keys.salt.begin());
  return keys;
}

Transform transform(Suite suite, const SessionKeys& keys, PacketKind kind, Transform::Way way) {
  auto made = Transform::make(suite, keys, kind, way);
  REQUIRE(made);
  return std::move(*made);
}

Bytes sealed_rtp(Suite suite, const SessionKeys& keys, Bytes packet, uint32_t ssrc, uint64_t index) {
  const size_t size = packet.size();
  packet.resize(size + trailer_max);
  packet.resize(
      transform(suite, keys, PacketKind::rtp, Transform::Way::seal).seal_rtp(packet.data(), 12, size, ssrc, index));
  return packet;
}

const Bytes rtp = unhex(
    "8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 696e2070"
    "61727465 73207472 6573");
const Bytes rtcp = unhex(
    "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef deadbeef"
    "deadbeef deadbeef deadbeef");
const Bytes quid_pro_quo = unhex("51756964 2070726f 2071756f");

}  // namespace

TEST_CASE("the key stream of counter mode is that of RFC 3711 B.2") {
  const auto keys = session_keys(unhex("2B7E151628AED2A6ABF7158809CF4F3C"), unhex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD"));
  Bytes packet(12 + 48);
  packet[0] = 0x80;
  const Bytes out = sealed_rtp(Suite::aes_cm_128_hmac_sha1_80, keys, packet, 0, 0);
  REQUIRE(out.size() == 12 + 48 + 10);
  CHECK(Bytes(out.begin() + 12, out.begin() + 60) ==
        unhex("E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB 41E95B3BB0A2E8DD477901E4FCA894C0"));
}

TEST_CASE("session keys come from the master key as in RFC 3711 B.3") {
  const auto master = MasterKey::of(Suite::aes_cm_128_hmac_sha1_80,
                                    unhex("E1F97A0D3E018BE0D64FA32C06DE4139 0EC675AD498AFEEBB6960B3AABE6"));
  REQUIRE(master);
  const auto keys = derive_keys(*master, PacketKind::rtp);
  REQUIRE(keys);
  CHECK(Bytes(keys->cipher.begin(), keys->cipher.begin() + 16) == unhex("C61E7A93744F39EE10734AFE3FF7A087"));
  CHECK(Bytes(keys->salt.begin(), keys->salt.end()) == unhex("30CBBC08863D8C85D49DB34A9AE1"));
  CHECK(Bytes(keys->mac.begin(), keys->mac.end()) == unhex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"));
}

TEST_CASE("AEAD_AES_128_GCM and AEAD_AES_256_GCM seal RTP as in RFC 7714 16.1 and 16.2") {
  const auto small = session_keys(unhex("000102030405060708090a0b0c0d0e0f"), quid_pro_quo);
  const auto large =
      session_keys(unhex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"), quid_pro_quo);
  const Bytes with_small = unhex(
      "8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b 36de3adf"
      "8833899d 7f27beb1 6a9152cf 765ee439 0cce");
  const Bytes with_large = unhex(
      "8040f17b 8041f8d3 5501a0b2 32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 b50b2a02 76ffae0f 1ba63799"
      "b87b7aa3 db36dfff d6b0f9bb 7878d7a7 6c13");
  CHECK(sealed_rtp(Suite::aead_aes_128_gcm, small, rtp, 0x5501a0b2, 0xf17b) == with_small);
  CHECK(sealed_rtp(Suite::aead_aes_256_gcm, large, rtp, 0x5501a0b2, 0xf17b) == with_large);

  Bytes packet = with_large;
  auto opening = transform(Suite::aead_aes_256_gcm, large, PacketKind::rtp, Transform::Way::open);
  REQUIRE(opening.open_rtp(packet.data(), 12, packet.size(), 0x5501a0b2, 0xf17b) == rtp.size());
  packet.resize(rtp.size());
  CHECK(packet == rtp);
}

TEST_CASE("AEAD_AES_128_GCM and AEAD_AES_256_GCM seal RTCP as in RFC 7714 17.1 and 17.2") {
  struct Vector {
    Suite suite;
    Bytes key, sealed;
  };
  const Vector vectors[] = {
      {Suite::aead_aes_128_gcm, unhex("000102030405060708090a0b0c0d0e0f"),
       unhex("81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 730d6fda 4ce09b46"
             "86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4")},
      {Suite::aead_aes_256_gcm, unhex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"),
       unhex("81c8000d 4d617273 d50ae4d1 f5ce5d30 4ba297e4 7d470c28 2c3ece5d bffe0a50 a2eaa5c1 110555be 8415f658"
             "c61de047 6f1b6fad 1d1eb30c 4446839f 57ff6f6c b26ac3be 800005d4")}};
  for (const Vector& vector : vectors) {
    const auto keys = session_keys(vector.key, quid_pro_quo);
    Bytes packet = rtcp;
    packet.resize(rtcp.size() + trailer_max);
    packet.resize(transform(vector.suite, keys, PacketKind::rtcp, Transform::Way::seal)
                      .seal_rtcp(packet.data(), rtcp.size(), 0x4d617273, 0x5d4));
    CHECK(packet == vector.sealed);
    auto opening = transform(vector.suite, keys, PacketKind::rtcp, Transform::Way::open);
    CHECK(opening.index_word(packet.data(), packet.size()) == 0x800005d4);
    REQUIRE(opening.open_rtcp(packet.data(), packet.size(), 0x4d617273, 0x5d4) == rtcp.size());
    packet.resize(rtcp.size());
    CHECK(packet == rtcp);
  }
}

TEST_CASE("a whole packet of AES_CM_128_HMAC_SHA1_80 is the one that others make of it") {
  const auto master = MasterKey::of(Suite::aes_cm_128_hmac_sha1_80,
                                    unhex("e1f97a0d3e018be0d64fa32c06de4139 0ec675ad498afeebb6960b3aabe6"));
  REQUIRE(master);
  auto sender = Sender::make(*master);
  REQUIRE(sender);
  Bytes packet = unhex("800f1234decafbadcafebabeabababababababababababababababab");
  const size_t size = packet.size();
  packet.resize(size + trailer_max);
  const auto outcome = sender->protect(packet, size);
  REQUIRE(outcome.verdict == Verdict::good);
  packet.resize(outcome.size);
  CHECK(packet == unhex("800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb"));
}
