#include "srtp/key_derivation.hpp"

#include <openssl/crypto.h>

#include <algorithm>

#include "srtp/evp.hpp"

namespace nearend::srtp {
namespace {

/// Labels of RFC 3711 4.3.1 and 4.3.2: those of RTCP are 3 above those of RTP.
enum class Label : uint8_t { cipher = 0, mac = 1, salt = 2 };

/// AES in counter mode over zeros, from the salt with the label in it: the pseudo-random function of 4.3.3.
bool derive(EVP_CIPHER_CTX* context, const MasterKey& master, uint8_t label, std::span<uint8_t> out) {
  constexpr size_t label_at = 7;  // in front of the 48 bits of index / rate, which stay zero
  std::array<uint8_t, 16> counter{};
  std::ranges::copy(master.salt(), counter.begin());
  counter[label_at] ^= label;
  std::ranges::fill(out, uint8_t{0});
  int size = 0;
  return EVP_EncryptInit_ex2(context, counter_mode(master.key().size()), master.key().data(), counter.data(),
                             nullptr) == 1 &&
         EVP_EncryptUpdate(context, out.data(), &size, out.data(), static_cast<int>(out.size())) == 1;
}

}  // namespace

SessionKeys::~SessionKeys() {
  OPENSSL_cleanse(cipher.data(), cipher.size());
  OPENSSL_cleanse(salt.data(), salt.size());
  OPENSSL_cleanse(mac.data(), mac.size());
}

Result<SessionKeys> derive_keys(const MasterKey& master, PacketKind kind) {
  const uint8_t base = kind == PacketKind::rtp ? 0 : 3;
  const auto label = [&](Label which) { return static_cast<uint8_t>(base + static_cast<uint8_t>(which)); };
  const CipherContext context(EVP_CIPHER_CTX_new());
  SessionKeys keys;
  const std::span<uint8_t> cipher(keys.cipher.data(), master.key().size());
  const std::span<uint8_t> salt(keys.salt.data(), master.salt().size());
  if (!context || !counter_mode(master.key().size()) || !derive(context.get(), master, label(Label::cipher), cipher) ||
      !derive(context.get(), master, label(Label::salt), salt) ||
      !derive(context.get(), master, label(Label::mac), keys.mac))
    return fail(Error::Kind::internal, "SRTP: OpenSSL does no AES in counter mode");
  return keys;
}

}  // namespace nearend::srtp
