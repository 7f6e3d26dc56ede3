#include "srtp/context.hpp"

#include <doctest/doctest.h>
#include <openssl/crypto.h>

#include <cstdlib>
#include <vector>

namespace {

using namespace nearend::srtp;
using Bytes = std::vector<uint8_t>;

// What OpenSSL takes from the heap, counted from the start of the program on.
size_t openssl_allocations = 0;
void* counted_malloc(size_t size, const char*, int) {
  ++openssl_allocations;
  return std::malloc(size);
}
void* counted_realloc(void* old, size_t size, const char*, int) {
  ++openssl_allocations;
  return std::realloc(old, size);
}
void plain_free(void* memory, const char*, int) {
  std::free(memory);
}
const bool is_counting = CRYPTO_set_mem_functions(counted_malloc, counted_realloc, plain_free) == 1;

constexpr Suite suites[] = {Suite::aead_aes_256_gcm,        Suite::aead_aes_128_gcm,
                            Suite::aes_256_cm_hmac_sha1_80, Suite::aes_256_cm_hmac_sha1_32,
                            Suite::aes_cm_128_hmac_sha1_80, Suite::aes_cm_128_hmac_sha1_32};

MasterKey key_of(Suite suite, uint8_t first = 1) {
  Bytes bytes(shape_of(suite).key_size + shape_of(suite).salt_size);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(first + 7 * i);
  return *MasterKey::of(suite, bytes);
}

Bytes rtp(uint16_t sequence, uint32_t ssrc = 0x01020304, size_t payload = 160) {
  Bytes packet(12 + payload, static_cast<uint8_t>(sequence));
  packet[0] = 0x80;
  packet[1] = 0;
  packet[2] = static_cast<uint8_t>(sequence >> 8);
  packet[3] = static_cast<uint8_t>(sequence);
  for (int i = 0; i < 4; ++i) packet[8 + i] = static_cast<uint8_t>(ssrc >> (24 - 8 * i));
  return packet;
}
Bytes rtcp(uint32_t ssrc = 0x01020304) {
  Bytes packet{0x80, 201, 0, 1, 0, 0, 0, 0};
  for (int i = 0; i < 4; ++i) packet[4 + i] = static_cast<uint8_t>(ssrc >> (24 - 8 * i));
  return packet;
}

Bytes protected_by(Sender& sender, const Bytes& plain) {
  Bytes packet = plain;
  packet.resize(plain.size() + trailer_max);
  const auto outcome = sender.protect(packet, plain.size());
  if (outcome.verdict != Verdict::good) return {};
  packet.resize(outcome.size);
  return packet;
}
Bytes protected_rtcp(Sender& sender, const Bytes& plain) {
  Bytes packet = plain;
  packet.resize(plain.size() + trailer_max);
  packet.resize(sender.protect_rtcp(packet, plain.size()).size);
  return packet;
}
Verdict take(Receiver& receiver, Bytes packet, const Bytes* expected = nullptr) {
  const auto outcome = receiver.unprotect(packet);
  if (outcome.verdict == Verdict::good && expected) {
    packet.resize(outcome.size);
    CHECK(packet == *expected);
  }
  return outcome.verdict;
}

}  // namespace

TEST_CASE("what one end protects the other reads, over two wraps of the sequence, with losses and disorder") {
  for (Suite suite : suites) {
    CAPTURE(shape_of(suite).name);
    auto sender = *Sender::make(key_of(suite));
    auto receiver = *Receiver::make(key_of(suite));
    Bytes late;
    Bytes late_plain;
    int taken = 0;
    for (uint32_t number = 60'000; number < 60'000 + 140'000; number += 1 + number % 13) {
      const Bytes plain = rtp(static_cast<uint16_t>(number), 0x01020304, 20);
      const Bytes packet = protected_by(sender, plain);
      REQUIRE(packet.size() == plain.size() + shape_of(suite).rtp_tag);
      if (number % 11 == 0) continue;  // lost
      if (number % 7 == 0) {           // comes after the next
        late = packet;
        late_plain = plain;
        continue;
      }
      REQUIRE(take(receiver, packet, &plain) == Verdict::good);
      ++taken;
      if (!late.empty()) {
        REQUIRE(take(receiver, late, &late_plain) == Verdict::good);
        late.clear();
      }
    }
    CHECK(taken > 10'000);
  }
}

TEST_CASE("a packet is taken once, and an old one not at all") {
  for (Suite suite : suites) {
    auto sender = *Sender::make(key_of(suite));
    auto receiver = *Receiver::make(key_of(suite));
    const Bytes first = protected_by(sender, rtp(1));
    CHECK(take(receiver, first) == Verdict::good);
    CHECK(take(receiver, first) == Verdict::replayed);
    for (uint16_t i = 2; i < 200; ++i) CHECK(take(receiver, protected_by(sender, rtp(i))) == Verdict::good);
    CHECK(take(receiver, first) == Verdict::replayed);
  }
}

TEST_CASE("a changed bit, another key and a cut packet are refused, and nothing is learned from them") {
  for (Suite suite : suites) {
    CAPTURE(shape_of(suite).name);
    auto sender = *Sender::make(key_of(suite));
    auto receiver = *Receiver::make(key_of(suite));
    auto stranger = *Sender::make(key_of(suite, 99));
    const Bytes plain = rtp(7);
    const Bytes good = protected_by(sender, plain);
    for (size_t i = 0; i < good.size(); ++i) {
      Bytes bent = good;
      bent[i] ^= 0x40;
      CHECK(take(receiver, bent) != Verdict::good);
    }
    // Far ahead: had it been believed, the next good one would be too old.
    CHECK(take(receiver, protected_by(stranger, rtp(30'000))) == Verdict::forged);
    for (size_t size = 0; size < good.size(); ++size)
      CHECK(take(receiver, Bytes(good.begin(), good.begin() + static_cast<long>(size))) != Verdict::good);
    CHECK(take(receiver, good, &plain) == Verdict::good);
  }
}

TEST_CASE("no sequence number is sent twice under one key, and ROC follows the numbers") {
  auto sender = *Sender::make(key_of(Suite::aead_aes_128_gcm));
  const Bytes first = protected_by(sender, rtp(10));
  CHECK_FALSE(first.empty());
  CHECK(protected_by(sender, rtp(10)).empty());
  for (uint16_t i = 11; i != 10; ++i) REQUIRE_FALSE(protected_by(sender, rtp(i)).empty());
  const Bytes second = protected_by(sender, rtp(10));  // the same number one turn later
  REQUIRE_FALSE(second.empty());
  CHECK(second != first);
  CHECK(protected_by(sender, rtp(static_cast<uint16_t>(10 - 200))).empty());
}

TEST_CASE("each source of a key has its own line of numbers, up to a limit") {
  auto sender = *Sender::make(key_of(Suite::aes_cm_128_hmac_sha1_80));
  auto receiver = *Receiver::make(key_of(Suite::aes_cm_128_hmac_sha1_80));
  for (uint32_t ssrc = 1; ssrc <= sources_max; ++ssrc)
    REQUIRE(take(receiver, protected_by(sender, rtp(5, ssrc))) == Verdict::good);
  Bytes packet = rtp(5, sources_max + 1);
  packet.resize(packet.size() + trailer_max);
  CHECK(sender.protect(packet, packet.size() - trailer_max).verdict == Verdict::exhausted);
}

TEST_CASE("header extension and CSRCs stay in clear and are authenticated") {
  for (Suite suite : suites) {
    auto sender = *Sender::make(key_of(suite));
    auto receiver = *Receiver::make(key_of(suite));
    Bytes plain = rtp(3);
    plain[0] = 0x91;  // one CSRC, an extension of one word
    const Bytes words{1, 2, 3, 4, 0xbe, 0xde, 0, 1, 9, 8, 7, 6};
    plain.insert(plain.begin() + 12, words.begin(), words.end());
    const Bytes packet = protected_by(sender, plain);
    CHECK(Bytes(packet.begin(), packet.begin() + 24) == Bytes(plain.begin(), plain.begin() + 24));
    Bytes bent = packet;
    bent[21] ^= 1;
    CHECK(take(receiver, bent) == Verdict::forged);
    CHECK(take(receiver, packet, &plain) == Verdict::good);
  }
}

TEST_CASE("RTCP is protected, numbered and taken once") {
  for (Suite suite : suites) {
    CAPTURE(shape_of(suite).name);
    auto sender = *Sender::make(key_of(suite));
    auto receiver = *Receiver::make(key_of(suite));
    const Bytes plain = rtcp();
    for (int i = 0; i < 300; ++i) {
      Bytes packet = protected_rtcp(sender, plain);
      REQUIRE(packet.size() == plain.size() + 4 + shape_of(suite).rtcp_tag);
      Bytes again = packet, bent = packet;
      bent[5] ^= 1;
      CHECK(receiver.unprotect_rtcp(bent).verdict == Verdict::forged);
      const auto outcome = receiver.unprotect_rtcp(packet);
      REQUIRE(outcome.verdict == Verdict::good);
      packet.resize(outcome.size);
      CHECK(packet == plain);
      CHECK(receiver.unprotect_rtcp(again).verdict == Verdict::replayed);
    }
    for (size_t size = 0; size < 12; ++size) {
      Bytes cut(size, 0x80);
      CHECK(receiver.unprotect_rtcp(cut).verdict == Verdict::malformed);
    }
  }
}

TEST_CASE("a buffer without room for the tag is refused") {
  auto sender = *Sender::make(key_of(Suite::aead_aes_256_gcm));
  Bytes packet = rtp(1);
  CHECK(sender.protect(packet, packet.size()).verdict == Verdict::malformed);
  CHECK(sender.protect(packet, packet.size() + 1).verdict == Verdict::malformed);
  Bytes report = rtcp();
  CHECK(sender.protect_rtcp(report, report.size()).verdict == Verdict::malformed);
}

TEST_CASE("packets take no memory of OpenSSL's") {
  REQUIRE(is_counting);
  for (Suite suite : suites) {
    CAPTURE(shape_of(suite).name);
    auto sender = *Sender::make(key_of(suite));
    auto receiver = *Receiver::make(key_of(suite));
    const size_t before = openssl_allocations;
    Bytes packet(200 + trailer_max);
    bool is_good = true;
    for (uint16_t i = 0; i < 1000; ++i) {
      packet.assign(packet.size(), 0);
      packet[0] = 0x80;
      packet[2] = static_cast<uint8_t>(i >> 8);
      packet[3] = static_cast<uint8_t>(i);
      const auto out = sender.protect(packet, 172);
      is_good = is_good && receiver.unprotect(std::span(packet).first(out.size)).verdict == Verdict::good;
      packet[0] = 0x80;
      const auto report = sender.protect_rtcp(packet, 60);
      is_good = is_good && receiver.unprotect_rtcp(std::span(packet).first(report.size)).verdict == Verdict::good;
    }
    CHECK(is_good);
    CHECK(openssl_allocations == before);
  }
}

TEST_CASE("a master key has its suite's length, and a random one is another each time") {
  CHECK_FALSE(MasterKey::of(Suite::aes_cm_128_hmac_sha1_80, Bytes(29)));
  CHECK_FALSE(MasterKey::of(Suite::aead_aes_256_gcm, Bytes(46)));
  CHECK(MasterKey::of(Suite::aead_aes_256_gcm, Bytes(44)));
  CHECK_FALSE(*MasterKey::random(Suite::aead_aes_128_gcm) == *MasterKey::random(Suite::aead_aes_128_gcm));
  for (Suite suite : suites) CHECK(parse_suite(shape_of(suite).name) == suite);
  CHECK_FALSE(parse_suite("F8_128_HMAC_SHA1_80"));
}
