#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace nearend::srtp {

/// HMAC-SHA1 (RFC 2104) with the key's two blocks hashed beforehand, so that a packet costs its own blocks and one
/// more. No memory taken; OpenSSL's EVP_MAC takes some for every packet. A value; wiped when it
/// goes.
class HmacSha1 {
 public:
  static constexpr size_t size = 20;
  using Digest = std::array<uint8_t, size>;

  explicit HmacSha1(std::span<const uint8_t, 20> key);
  ~HmacSha1();
  HmacSha1(const HmacSha1&) = default;
  HmacSha1& operator=(const HmacSha1&) = default;

  /// Of both, one behind the other.
  Digest of(std::span<const uint8_t> first, std::span<const uint8_t> second) const;

 private:
  using State = std::array<uint32_t, 5>;
  State inner_, outer_;
};

}  // namespace nearend::srtp
