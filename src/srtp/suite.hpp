#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/result.hpp"

namespace nearend::srtp {

/// The protections that we do, best first: the order in which they are offered.
enum class Suite : uint8_t {
  aead_aes_128_gcm,         ///< RFC 7714
  aead_aes_256_gcm,         ///< RFC 7714
  aes_256_cm_hmac_sha1_80,  ///< RFC 6188
  aes_256_cm_hmac_sha1_32,  ///< RFC 6188
  aes_cm_128_hmac_sha1_80,  ///< RFC 3711, 4568: the one that everybody must know
  aes_cm_128_hmac_sha1_32,  ///< RFC 3711, 4568
};
inline constexpr size_t suite_count = 6;

/// What a suite is made of; sizes in bytes.
struct SuiteShape {
  std::string_view name;       ///< In a=crypto (RFC 4568 6.2, 6188, 7714 14.2).
  std::string_view dtls_name;  ///< What OpenSSL calls its use_srtp profile (RFC 5764 4.1.2); empty: none.
  uint8_t key_size, salt_size;
  uint8_t rtp_tag, rtcp_tag;
  bool is_aead;
};
const SuiteShape& shape_of(Suite suite);
std::optional<Suite> parse_suite(std::string_view name);

/// Bytes that protection may add: room that a buffer must have behind the packet (tag, and index of SRTCP).
inline constexpr size_t trailer_max = 20;
inline constexpr size_t master_bytes_max = 46;

/// A master key and its salt, as they stand behind "inline:". A value; wiped when it goes.
class MasterKey {
 public:
  /// `bytes`: key, then salt. Errors: invalid (another length than the suite's).
  static Result<MasterKey> of(Suite suite, std::span<const uint8_t> bytes);
  /// A new one from the system's random source. Errors: internal (it has none to give).
  static Result<MasterKey> random(Suite suite);
  MasterKey(const MasterKey&) = default;
  MasterKey& operator=(const MasterKey&) = default;
  ~MasterKey();

  Suite suite() const { return suite_; }
  std::span<const uint8_t> bytes() const;
  std::span<const uint8_t> key() const { return bytes().first(shape_of(suite_).key_size); }
  std::span<const uint8_t> salt() const { return bytes().subspan(shape_of(suite_).key_size); }
  bool operator==(const MasterKey&) const = default;

 private:
  explicit MasterKey(Suite suite) : suite_(suite) {}
  Suite suite_;
  std::array<uint8_t, master_bytes_max> bytes_{};
};

}  // namespace nearend::srtp
