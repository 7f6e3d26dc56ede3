#include "srtp/evp.hpp"

namespace nearend::srtp {

// Fetched ones stay for the life of the process: to look one up costs more than to encrypt a packet.
const EVP_CIPHER* counter_mode(size_t key_size) {
  static const EVP_CIPHER* const small = EVP_CIPHER_fetch(nullptr, "AES-128-CTR", nullptr);
  static const EVP_CIPHER* const large = EVP_CIPHER_fetch(nullptr, "AES-256-CTR", nullptr);
  return key_size == 16 ? small : large;
}

const EVP_CIPHER* galois_mode(size_t key_size) {
  static const EVP_CIPHER* const small = EVP_CIPHER_fetch(nullptr, "AES-128-GCM", nullptr);
  static const EVP_CIPHER* const large = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  return key_size == 16 ? small : large;
}

}  // namespace nearend::srtp
