#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace nearend::sdp {

/// a=crypto, keys of SRTP in a description (SDES, RFC 4568 9.1). A value; whoever logs it leaves the key out.
struct Crypto {
  uint32_t tag = 1;
  std::string suite;  ///< "AEAD_AES_128_GCM"
  std::string key;    ///< Master key and salt, as bytes.
  bool operator==(const Crypto&) const = default;
};

/// How many bytes key and salt of a suite have; 0 for one that we do not do.
size_t crypto_key_size(std::string_view suite);

/// The attribute's value. Errors: malformed (grammar, length of the key, lifetime of 0 or above what SRTP allows),
/// unsupported (other suites, several keys or an MKI, session parameters that change the protection). A lifetime
/// is for its owner to keep; WSH is advice.
Result<Crypto> parse_crypto(std::string_view value);
std::string to_string(const Crypto& crypto);

}  // namespace nearend::sdp
