#include "srtp/transform.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <cstring>

namespace nearend::srtp {
namespace {

void write32(uint8_t* at, uint32_t value) {
  for (int i = 0; i < 4; ++i) at[i] = static_cast<uint8_t>(value >> (24 - 8 * i));
}
uint32_t read32(const uint8_t* at) {
  return uint32_t{at[0]} << 24 | uint32_t{at[1]} << 16 | uint32_t{at[2]} << 8 | at[3];
}
/// Mixes the lowest `count` bytes of a number into what is there, highest first.
void mix(uint8_t* at, uint64_t value, int count) {
  for (int i = 0; i < count; ++i) at[i] ^= static_cast<uint8_t>(value >> (8 * (count - 1 - i)));
}

}  // namespace

Transform::Transform(Suite suite, const SessionKeys& keys, PacketKind kind, CipherContext context)
    : kind_(kind),
      is_aead_(shape_of(suite).is_aead),
      tag_(kind == PacketKind::rtp ? shape_of(suite).rtp_tag : shape_of(suite).rtcp_tag),
      salt_(keys.salt),
      mac_(keys.mac),
      context_(std::move(context)) {}

Result<Transform> Transform::make(Suite suite, const SessionKeys& keys, PacketKind kind, Way way) {
  const SuiteShape& shape = shape_of(suite);
  const EVP_CIPHER* cipher = shape.is_aead ? galois_mode(shape.key_size) : counter_mode(shape.key_size);
  CipherContext context(EVP_CIPHER_CTX_new());
  // Counter mode is its own inverse.
  const int is_sealing = way == Way::seal || !shape.is_aead;
  if (!cipher || !context ||
      EVP_CipherInit_ex2(context.get(), cipher, keys.cipher.data(), nullptr, is_sealing, nullptr) != 1)
    return fail(Error::Kind::internal, "SRTP: OpenSSL does no {}", shape.name);
  return Transform(suite, keys, kind, std::move(context));
}

/// RFC 3711 4.1.1: salt, SSRC and index, each at its place, and a count of blocks in the last two bytes.
std::array<uint8_t, 16> Transform::counter(uint32_t ssrc, uint64_t index) const {
  std::array<uint8_t, 16> block{};
  std::memcpy(block.data(), salt_.data(), salt_.size());
  mix(&block[4], ssrc, 4);
  mix(&block[8], index, 6);
  return block;
}

/// RFC 7714 8.1 and 9.1: with SRTCP the index is 31 bits, so the same bytes fit both.
std::array<uint8_t, 12> Transform::nonce(uint32_t ssrc, uint64_t index) const {
  std::array<uint8_t, 12> bytes;
  std::memcpy(bytes.data(), salt_.data(), bytes.size());
  mix(&bytes[2], ssrc, 4);
  mix(&bytes[6], index, 6);
  return bytes;
}

bool Transform::encrypt(const std::array<uint8_t, 16>& counter, uint8_t* bytes, size_t size) {
  int done = 0;
  return size == 0 || (EVP_EncryptInit_ex2(context_.get(), nullptr, nullptr, counter.data(), nullptr) == 1 &&
                       EVP_EncryptUpdate(context_.get(), bytes, &done, bytes, static_cast<int>(size)) == 1);
}

bool Transform::seal_aead(const std::array<uint8_t, 12>& nonce, std::span<const uint8_t> plain,
                          std::span<const uint8_t> plain_2, uint8_t* bytes, size_t size, uint8_t* tag) {
  EVP_CIPHER_CTX* context = context_.get();
  int done = 0;
  return EVP_EncryptInit_ex2(context, nullptr, nullptr, nonce.data(), nullptr) == 1 &&
         EVP_EncryptUpdate(context, nullptr, &done, plain.data(), static_cast<int>(plain.size())) == 1 &&
         (plain_2.empty() ||
          EVP_EncryptUpdate(context, nullptr, &done, plain_2.data(), static_cast<int>(plain_2.size())) == 1) &&
         (size == 0 || EVP_EncryptUpdate(context, bytes, &done, bytes, static_cast<int>(size)) == 1) &&
         EVP_EncryptFinal_ex(context, bytes + size, &done) == 1 &&
         EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, tag_, tag) == 1;
}

bool Transform::open_aead(const std::array<uint8_t, 12>& nonce, std::span<const uint8_t> plain,
                          std::span<const uint8_t> plain_2, uint8_t* bytes, size_t size, const uint8_t* tag) {
  EVP_CIPHER_CTX* context = context_.get();
  int done = 0;
  return EVP_DecryptInit_ex2(context, nullptr, nullptr, nonce.data(), nullptr) == 1 &&
         EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, tag_, const_cast<uint8_t*>(tag)) == 1 &&
         EVP_DecryptUpdate(context, nullptr, &done, plain.data(), static_cast<int>(plain.size())) == 1 &&
         (plain_2.empty() ||
          EVP_DecryptUpdate(context, nullptr, &done, plain_2.data(), static_cast<int>(plain_2.size())) == 1) &&
         (size == 0 || EVP_DecryptUpdate(context, bytes, &done, bytes, static_cast<int>(size)) == 1) &&
         EVP_DecryptFinal_ex(context, bytes + size, &done) == 1;
}

size_t Transform::seal_rtp(uint8_t* packet, size_t header, size_t size, uint32_t ssrc, uint64_t index) {
  if (is_aead_) {
    const bool is_done =
        seal_aead(nonce(ssrc, index), {packet, header}, {}, packet + header, size - header, packet + size);
    return is_done ? size + tag_ : 0;
  }
  if (!encrypt(counter(ssrc, index), packet + header, size - header)) return 0;
  std::array<uint8_t, 4> roc;
  write32(roc.data(), static_cast<uint32_t>(index >> 16));
  const auto digest = mac_.of({packet, size}, roc);
  std::memcpy(packet + size, digest.data(), tag_);
  return size + tag_;
}

size_t Transform::open_rtp(uint8_t* packet, size_t header, size_t size, uint32_t ssrc, uint64_t index) {
  if (size < header + tag_) return 0;
  const size_t inner = size - tag_;
  if (is_aead_)
    return open_aead(nonce(ssrc, index), {packet, header}, {}, packet + header, inner - header, packet + inner) ? inner
                                                                                                                : 0;
  std::array<uint8_t, 4> roc;
  write32(roc.data(), static_cast<uint32_t>(index >> 16));
  const auto digest = mac_.of({packet, inner}, roc);
  if (CRYPTO_memcmp(packet + inner, digest.data(), tag_) != 0) return 0;
  return encrypt(counter(ssrc, index), packet + header, inner - header) ? inner : 0;
}

size_t Transform::seal_rtcp(uint8_t* packet, size_t size, uint32_t ssrc, uint32_t index) {
  uint8_t* body = packet + rtcp_header_size;
  const size_t body_size = size - rtcp_header_size;
  const uint32_t word = index | encrypted_flag;
  if (is_aead_) {
    // RFC 7714 9.2: the word is authenticated behind the header, and sent behind the tag.
    uint8_t* at = packet + size + tag_;
    write32(at, word);
    return seal_aead(nonce(ssrc, index), {packet, rtcp_header_size}, {at, index_size}, body, body_size, packet + size)
               ? size + tag_ + index_size
               : 0;
  }
  if (!encrypt(counter(ssrc, index), body, body_size)) return 0;
  write32(packet + size, word);
  const auto digest = mac_.of({packet, size + index_size}, {});
  std::memcpy(packet + size + index_size, digest.data(), tag_);
  return size + index_size + tag_;
}

uint32_t Transform::index_word(const uint8_t* packet, size_t size) const {
  return read32(packet + size - index_size - (is_aead_ ? 0 : tag_));
}

size_t Transform::open_rtcp(uint8_t* packet, size_t size, uint32_t ssrc, uint32_t index) {
  if (size < rtcp_header_size + index_size + tag_) return 0;
  const size_t inner = size - index_size - tag_;
  uint8_t* body = packet + rtcp_header_size;
  const size_t body_size = inner - rtcp_header_size;
  const bool is_encrypted = index_word(packet, size) & encrypted_flag;
  if (is_aead_) {
    const std::span<const uint8_t> word(packet + size - index_size, index_size);
    const size_t clear = is_encrypted ? rtcp_header_size : inner;
    return open_aead(nonce(ssrc, index), {packet, clear}, word, packet + clear, inner - clear, packet + inner) ? inner
                                                                                                               : 0;
  }
  const auto digest = mac_.of({packet, inner + index_size}, {});
  if (CRYPTO_memcmp(packet + inner + index_size, digest.data(), tag_) != 0) return 0;
  if (!is_encrypted) return inner;
  return encrypt(counter(ssrc, index), body, body_size) ? inner : 0;
}

}  // namespace nearend::srtp
