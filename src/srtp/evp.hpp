#pragma once

#include <openssl/evp.h>

#include <memory>

namespace nearend::srtp {

/// OpenSSL's cipher context, freed (and its keys wiped) with its owner.
struct FreeCipherContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, FreeCipherContext>;

/// An algorithm, fetched once for the process; null when OpenSSL has none of that name. Any thread.
const EVP_CIPHER* counter_mode(size_t key_size);
const EVP_CIPHER* galois_mode(size_t key_size);

}  // namespace nearend::srtp
