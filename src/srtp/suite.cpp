#include "srtp/suite.hpp"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>

namespace nearend::srtp {
namespace {

constexpr std::array<SuiteShape, suite_count> shapes{{
    {"AEAD_AES_128_GCM", "SRTP_AEAD_AES_128_GCM", 16, 12, 16, 16, true},
    {"AEAD_AES_256_GCM", "SRTP_AEAD_AES_256_GCM", 32, 12, 16, 16, true},
    {"AES_256_CM_HMAC_SHA1_80", "", 32, 14, 10, 10, false},
    {"AES_256_CM_HMAC_SHA1_32", "", 32, 14, 4, 10, false},
    {"AES_CM_128_HMAC_SHA1_80", "SRTP_AES128_CM_SHA1_80", 16, 14, 10, 10, false},
    {"AES_CM_128_HMAC_SHA1_32", "SRTP_AES128_CM_SHA1_32", 16, 14, 4, 10, false},
}};

}  // namespace

const SuiteShape& shape_of(Suite suite) {
  return shapes[static_cast<size_t>(suite)];
}

std::optional<Suite> parse_suite(std::string_view name) {
  const auto found = std::ranges::find(shapes, name, &SuiteShape::name);
  if (found == shapes.end()) return std::nullopt;
  return static_cast<Suite>(found - shapes.begin());
}

Result<MasterKey> MasterKey::of(Suite suite, std::span<const uint8_t> bytes) {
  MasterKey key(suite);
  if (bytes.size() != key.bytes().size())
    return fail(Error::Kind::invalid, "key and salt of {} are {} bytes, not {}", shape_of(suite).name,
                key.bytes().size(), bytes.size());
  std::ranges::copy(bytes, key.bytes_.begin());
  return key;
}

Result<MasterKey> MasterKey::random(Suite suite) {
  MasterKey key(suite);
  if (RAND_priv_bytes(key.bytes_.data(), static_cast<int>(key.bytes().size())) != 1)
    return fail(Error::Kind::internal, "the system has no random bytes for a key");
  return key;
}

MasterKey::~MasterKey() {
  OPENSSL_cleanse(bytes_.data(), bytes_.size());
}

std::span<const uint8_t> MasterKey::bytes() const {
  const SuiteShape& shape = shape_of(suite_);
  return {bytes_.data(), size_t{shape.key_size} + shape.salt_size};
}

}  // namespace nearend::srtp
