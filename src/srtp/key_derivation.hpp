#pragma once

#include "srtp/suite.hpp"

namespace nearend::srtp {

/// The keys that work on packets of one kind (RTP or RTCP). A value; wiped when it goes.
struct SessionKeys {
  SessionKeys() = default;
  SessionKeys(const SessionKeys&) = default;
  SessionKeys& operator=(const SessionKeys&) = default;
  ~SessionKeys();

  std::array<uint8_t, 32> cipher{};  ///< As many bytes as the suite's key.
  std::array<uint8_t, 14> salt{};    ///< As many as its salt.
  std::array<uint8_t, 20> mac{};     ///< HMAC-SHA1's; unused with AEAD.
};

enum class PacketKind : uint8_t { rtp, rtcp };

/// RFC 3711 4.3 with a key derivation rate of 0, by RFC 6188 for 256 bits, by RFC 7714 11 for AEAD (the salt of 96 bits
/// is followed by 16 zero bits). Errors: internal (OpenSSL lacks the cipher).
Result<SessionKeys> derive_keys(const MasterKey& master, PacketKind kind);

}  // namespace nearend::srtp
