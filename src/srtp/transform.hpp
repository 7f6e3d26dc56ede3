#pragma once

#include "srtp/evp.hpp"
#include "srtp/hmac_sha1.hpp"
#include "srtp/key_derivation.hpp"

namespace nearend::srtp {

/// One suite's cipher and authentication with its keys set up, in one direction, for packets of one kind. What must be
/// checked and counted (indices, replays) is the callers'. No memory taken after make(); one thread.
class Transform {
 public:
  enum class Way : uint8_t { seal, open };
  static constexpr size_t index_size = 4;        ///< The word of SRTCP.
  static constexpr size_t rtcp_header_size = 8;  ///< Stays in clear.
  static constexpr uint32_t encrypted_flag = 0x80000000;

  /// Errors: internal (OpenSSL lacks the cipher).
  static Result<Transform> make(Suite suite, const SessionKeys& keys, PacketKind kind, Way way);

  /// Encrypts what lies behind `header` bytes of the `size` in `packet` and appends the tag: gives the new size.
  /// `index` is ROC and sequence. 0: OpenSSL refused.
  size_t seal_rtp(uint8_t* packet, size_t header, size_t size, uint32_t ssrc, uint64_t index);
  /// The way back: the size without the tag, or 0 where the tag is not ours; then the packet's bytes are worthless.
  size_t open_rtp(uint8_t* packet, size_t header, size_t size, uint32_t ssrc, uint64_t index);
  /// The same for RTCP, behind its first 8 bytes; the word with the index is written and read here.
  size_t seal_rtcp(uint8_t* packet, size_t size, uint32_t ssrc, uint32_t index);
  size_t open_rtcp(uint8_t* packet, size_t size, uint32_t ssrc, uint32_t index);
  /// The word with the encryption flag and the index at the end of a protected RTCP packet, which must have that size.
  uint32_t index_word(const uint8_t* packet, size_t size) const;
  /// Size of what protection adds.
  size_t trailer() const { return tag_ + (kind_ == PacketKind::rtp ? 0 : index_size); }

 private:
  Transform(Suite suite, const SessionKeys& keys, PacketKind kind, CipherContext context);
  std::array<uint8_t, 16> counter(uint32_t ssrc, uint64_t index) const;
  std::array<uint8_t, 12> nonce(uint32_t ssrc, uint64_t index) const;
  bool encrypt(const std::array<uint8_t, 16>& counter, uint8_t* bytes, size_t size);
  bool seal_aead(const std::array<uint8_t, 12>& nonce, std::span<const uint8_t> plain, std::span<const uint8_t> plain_2,
                 uint8_t* bytes, size_t size, uint8_t* tag);
  bool open_aead(const std::array<uint8_t, 12>& nonce, std::span<const uint8_t> plain, std::span<const uint8_t> plain_2,
                 uint8_t* bytes, size_t size, const uint8_t* tag);

  PacketKind kind_;
  bool is_aead_;
  uint8_t tag_;
  std::array<uint8_t, 14> salt_;
  HmacSha1 mac_;
  CipherContext context_;
};

}  // namespace nearend::srtp
