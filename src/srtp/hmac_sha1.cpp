// SHA1_* are OpenSSL's own routines for the processor at hand; version 3 only advises EVP instead, which allocates.
#define OPENSSL_API_COMPAT 0x10100000L
#include "srtp/hmac_sha1.hpp"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>

namespace nearend::srtp {
namespace {

using State = std::array<uint32_t, 5>;

/// The state after one block of the key mixed with `pad`.
State after_key(std::span<const uint8_t> key, uint8_t pad) {
  std::array<uint8_t, SHA_CBLOCK> block;
  block.fill(pad);
  for (size_t i = 0; i < key.size(); ++i) block[i] ^= key[i];
  SHA_CTX hash;
  SHA1_Init(&hash);
  SHA1_Update(&hash, block.data(), block.size());
  const State state{hash.h0, hash.h1, hash.h2, hash.h3, hash.h4};
  OPENSSL_cleanse(block.data(), block.size());
  OPENSSL_cleanse(&hash, sizeof(hash));
  return state;
}

SHA_CTX resumed(const State& state) {
  SHA_CTX hash;
  hash.h0 = state[0];
  hash.h1 = state[1];
  hash.h2 = state[2];
  hash.h3 = state[3];
  hash.h4 = state[4];
  hash.Nl = SHA_CBLOCK * 8;
  hash.Nh = 0;
  hash.num = 0;
  return hash;
}

}  // namespace

HmacSha1::HmacSha1(std::span<const uint8_t, 20> key) : inner_(after_key(key, 0x36)), outer_(after_key(key, 0x5c)) {}

HmacSha1::~HmacSha1() {
  OPENSSL_cleanse(inner_.data(), sizeof(inner_));
  OPENSSL_cleanse(outer_.data(), sizeof(outer_));
}

HmacSha1::Digest HmacSha1::of(std::span<const uint8_t> first, std::span<const uint8_t> second) const {
  Digest digest;
  SHA_CTX hash = resumed(inner_);
  SHA1_Update(&hash, first.data(), first.size());
  SHA1_Update(&hash, second.data(), second.size());
  SHA1_Final(digest.data(), &hash);
  hash = resumed(outer_);
  SHA1_Update(&hash, digest.data(), digest.size());
  SHA1_Final(digest.data(), &hash);
  return digest;
}

}  // namespace nearend::srtp
