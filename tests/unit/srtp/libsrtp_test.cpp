// libsrtp2 at the other end of the line, both ways, with losses, disorder and wraps of the sequence.
#include <doctest/doctest.h>
#include <srtp2/srtp.h>

#include <cstring>
#include <vector>

#include "srtp/context.hpp"

namespace {

using namespace nearend::srtp;
using Bytes = std::vector<uint8_t>;

struct Library {
  Library() { REQUIRE(srtp_init() == srtp_err_status_ok); }
  ~Library() { srtp_shutdown(); }
};

struct Case {
  Suite suite;
  void (*set)(srtp_crypto_policy_t*);
  void (*set_rtcp)(srtp_crypto_policy_t*);
};
const Case cases[] = {
    {Suite::aead_aes_256_gcm, srtp_crypto_policy_set_aes_gcm_256_16_auth, srtp_crypto_policy_set_aes_gcm_256_16_auth},
    {Suite::aead_aes_128_gcm, srtp_crypto_policy_set_aes_gcm_128_16_auth, srtp_crypto_policy_set_aes_gcm_128_16_auth},
    {Suite::aes_256_cm_hmac_sha1_80, srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80,
     srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80},
    {Suite::aes_256_cm_hmac_sha1_32, srtp_crypto_policy_set_aes_cm_256_hmac_sha1_32,
     srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80},
    {Suite::aes_cm_128_hmac_sha1_80, srtp_crypto_policy_set_rtp_default, srtp_crypto_policy_set_rtcp_default},
    {Suite::aes_cm_128_hmac_sha1_32, srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32,
     srtp_crypto_policy_set_rtcp_default},
};

class Peer {
 public:
  Peer(const Case& one, const MasterKey& key, srtp_ssrc_type_t direction)
      : key_(key.bytes().begin(), key.bytes().end()) {
    srtp_policy_t policy;
    std::memset(&policy, 0, sizeof(policy));
    one.set(&policy.rtp);
    one.set_rtcp(&policy.rtcp);
    policy.ssrc.type = direction;
    policy.key = key_.data();
    policy.window_size = 128;
    REQUIRE(srtp_create(&session_, &policy) == srtp_err_status_ok);
  }
  ~Peer() { srtp_dealloc(session_); }
  srtp_t get() const { return session_; }

 private:
  Bytes key_;
  srtp_t session_ = nullptr;
};

Bytes rtp(uint16_t sequence) {
  Bytes packet(12 + 33);
  for (size_t i = 0; i < packet.size(); ++i) packet[i] = static_cast<uint8_t>(i * 5 + sequence);
  packet[0] = 0x80;
  packet[1] = 8;
  packet[2] = static_cast<uint8_t>(sequence >> 8);
  packet[3] = static_cast<uint8_t>(sequence);
  for (size_t i = 8; i < 12; ++i) packet[i] = static_cast<uint8_t>(i);
  return packet;
}
Bytes rtcp(uint8_t number) {
  Bytes packet{0x80, 200, 0, 6, 8, 9, 10, 11};
  packet.resize(28, number);
  return packet;
}

Bytes ours(Sender& sender, const Bytes& plain, bool is_rtcp) {
  Bytes packet = plain;
  packet.resize(plain.size() + trailer_max);
  const auto outcome = is_rtcp ? sender.protect_rtcp(packet, plain.size()) : sender.protect(packet, plain.size());
  REQUIRE(outcome.verdict == Verdict::good);
  packet.resize(outcome.size);
  return packet;
}
Bytes theirs(const Peer& peer, const Bytes& plain, bool is_rtcp) {
  Bytes packet = plain;
  packet.resize(plain.size() + SRTP_MAX_TRAILER_LEN + 4);
  int size = static_cast<int>(plain.size());
  const auto status =
      is_rtcp ? srtp_protect_rtcp(peer.get(), packet.data(), &size) : srtp_protect(peer.get(), packet.data(), &size);
  REQUIRE(status == srtp_err_status_ok);
  packet.resize(static_cast<size_t>(size));
  return packet;
}
bool they_read(const Peer& peer, Bytes packet, const Bytes& plain, bool is_rtcp) {
  int size = static_cast<int>(packet.size());
  const auto status = is_rtcp ? srtp_unprotect_rtcp(peer.get(), packet.data(), &size)
                              : srtp_unprotect(peer.get(), packet.data(), &size);
  if (status != srtp_err_status_ok) return false;
  packet.resize(static_cast<size_t>(size));
  return packet == plain;
}
bool we_read(Receiver& receiver, Bytes packet, const Bytes& plain, bool is_rtcp) {
  const auto outcome = is_rtcp ? receiver.unprotect_rtcp(packet) : receiver.unprotect(packet);
  if (outcome.verdict != Verdict::good) return false;
  packet.resize(outcome.size);
  return packet == plain;
}

/// Calls `carry` for numbers that wrap twice, in a disturbed order and with holes.
template <class Carry>
void disturb(Carry carry) {
  for (uint32_t number = 50'000; number < 50'000 + 150'000; number += 3 + number % 17) {
    if (number % 5 == 0) continue;
    carry(static_cast<uint16_t>(number + 40));
    carry(static_cast<uint16_t>(number));
  }
}

}  // namespace

TEST_CASE("libsrtp2 reads what we protect") {
  const Library library;
  for (const Case& one : cases) {
    CAPTURE(shape_of(one.suite).name);
    const MasterKey key = *MasterKey::random(one.suite);
    const Peer peer(one, key, ssrc_any_inbound);
    auto sender = *Sender::make(key);
    int read = 0, sent = 0;
    disturb([&](uint16_t sequence) {
      const Bytes plain = rtp(sequence);
      Bytes packet = plain;
      packet.resize(plain.size() + trailer_max);
      const auto outcome = sender.protect(packet, plain.size());
      if (outcome.verdict == Verdict::replayed) return;  // the disorder came to this number before
      REQUIRE(outcome.verdict == Verdict::good);
      packet.resize(outcome.size);
      ++sent;
      read += they_read(peer, packet, plain, false);
    });
    CHECK(sent > 10'000);
    CHECK(read == sent);
    for (uint8_t i = 0; i < 200; ++i) CHECK(they_read(peer, ours(sender, rtcp(i), true), rtcp(i), true));
  }
}

TEST_CASE("we read what libsrtp2 protects") {
  const Library library;
  for (const Case& one : cases) {
    CAPTURE(shape_of(one.suite).name);
    const MasterKey key = *MasterKey::random(one.suite);
    const Peer peer(one, key, ssrc_any_outbound);
    auto receiver = *Receiver::make(key);
    int read = 0, sent = 0;
    Bytes held, held_plain;
    for (uint32_t number = 50'000; number < 50'000 + 150'000; number += 1 + number % 9) {
      const Bytes plain = rtp(static_cast<uint16_t>(number));
      const Bytes packet = theirs(peer, plain, false);
      if (number % 6 == 0) continue;  // lost
      ++sent;
      if (number % 4 == 0 && held.empty()) {  // late by one or more
        held = packet;
        held_plain = plain;
        continue;
      }
      read += we_read(receiver, packet, plain, false);
      if (held.empty()) continue;
      read += we_read(receiver, held, held_plain, false);
      held.clear();
    }
    if (!held.empty()) read += we_read(receiver, held, held_plain, false);
    CHECK(sent > 10'000);
    CHECK(read == sent);
    for (uint8_t i = 0; i < 200; ++i) CHECK(we_read(receiver, theirs(peer, rtcp(i), true), rtcp(i), true));
  }
}

TEST_CASE("libsrtp2 and we refuse each other's packets under another key") {
  const Library library;
  for (const Case& one : cases) {
    const MasterKey key = *MasterKey::random(one.suite);
    const Peer reading(one, key, ssrc_any_inbound);
    const Peer writing(one, key, ssrc_any_outbound);
    const MasterKey other = *MasterKey::random(one.suite);
    auto sender = *Sender::make(other);
    auto receiver = *Receiver::make(other);
    CHECK_FALSE(they_read(reading, ours(sender, rtp(1), false), rtp(1), false));
    CHECK_FALSE(we_read(receiver, theirs(writing, rtp(1), false), rtp(1), false));
  }
}
