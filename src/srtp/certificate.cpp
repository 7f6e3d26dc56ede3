#include "srtp/certificate.hpp"

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <array>

#include "base/text.hpp"
#include "srtp/dtls.hpp"
#include "srtp/suite.hpp"

namespace nearend::srtp {
namespace {

constexpr long valid_s = 30L * 24 * 3600;
constexpr const char* ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES";

template <class T, void (*release)(T*)>
struct Free {
  void operator()(T* owned) const { release(owned); }
};
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY, EVP_PKEY_free>>;
using X509Owner = std::unique_ptr<X509, Free<X509, X509_free>>;

const EVP_MD* hash_of(std::string_view name) {
  if (equal_ignoring_case(name, "sha-256")) return EVP_sha256();
  if (equal_ignoring_case(name, "sha-384")) return EVP_sha384();
  if (equal_ignoring_case(name, "sha-512")) return EVP_sha512();
  return nullptr;
}

std::string digest_text(const X509* certificate, const EVP_MD* hash) {
  std::array<uint8_t, EVP_MAX_MD_SIZE> digest;
  unsigned size = 0;
  if (X509_digest(certificate, hash, digest.data(), &size) != 1) return {};
  std::string text;
  for (unsigned i = 0; i < size; ++i) text += fmt::format("{}{:02X}", i ? ":" : "", digest[i]);
  return text;
}

X509Owner self_signed(EVP_PKEY* key, uint64_t serial) {
  X509Owner certificate(X509_new());
  X509* x509 = certificate.get();
  if (!x509) return nullptr;
  X509_NAME* name = X509_get_subject_name(x509);
  const auto* common_name = reinterpret_cast<const unsigned char*>("nearend");
  const bool is_made = X509_set_version(x509, X509_VERSION_3) == 1 &&
                       ASN1_INTEGER_set_uint64(X509_get_serialNumber(x509), serial) == 1 &&
                       X509_gmtime_adj(X509_getm_notBefore(x509), -24 * 3600L) != nullptr &&
                       X509_gmtime_adj(X509_getm_notAfter(x509), valid_s) != nullptr &&
                       X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, common_name, -1, -1, 0) == 1 &&
                       X509_set_issuer_name(x509, name) == 1 && X509_set_pubkey(x509, key) == 1 &&
                       X509_sign(x509, key, EVP_sha256()) > 0;
  if (!is_made) certificate.reset();
  return certificate;
}

/// The suites that use_srtp knows, best first (RFC 5764 4.1.2, RFC 7714 14.2).
std::string profiles() {
  std::string names;
  for (size_t i = 0; i < suite_count; ++i) {
    const std::string_view name = shape_of(static_cast<Suite>(i)).dtls_name;
    if (!name.empty()) (names += names.empty() ? "" : ":") += name;
  }
  return names;
}

}  // namespace

Result<Fingerprint> parse_fingerprint(std::string_view text) {
  const auto words = split(trim(text), ' ');
  if (words.size() != 2) return fail(Error::Kind::malformed, "fingerprint: 'hash value' expected");
  const EVP_MD* hash = hash_of(words[0]);
  if (!hash) return fail(Error::Kind::unsupported, "fingerprint: hash '{}'", words[0]);
  Fingerprint fingerprint{to_lower(words[0]), {}};
  for (char c : words[1]) fingerprint.value += static_cast<char>(c >= 'a' && c <= 'f' ? c - 'a' + 'A' : c);
  const auto is_right = [&](size_t i) {
    const char c = fingerprint.value[i];
    return i % 3 == 2 ? c == ':' : (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F');
  };
  bool is_good = fingerprint.value.size() == static_cast<size_t>(EVP_MD_get_size(hash)) * 3 - 1;
  for (size_t i = 0; is_good && i < fingerprint.value.size(); ++i) is_good = is_right(i);
  if (!is_good) return fail(Error::Kind::malformed, "fingerprint: {} pairs of digits expected", EVP_MD_get_size(hash));
  return fingerprint;
}

std::string to_string(const Fingerprint& fingerprint) {
  return fmt::format("{} {}", fingerprint.hash, fingerprint.value);
}

bool is_certificate_of(const x509_st* certificate, const Fingerprint& told) {
  const EVP_MD* hash = hash_of(told.hash);
  return certificate && hash && !told.value.empty() && digest_text(certificate, hash) == told.value;
}

Result<std::shared_ptr<const Certificate>> Certificate::make() {
  const auto broken = [] { return fail(Error::Kind::internal, "DTLS: OpenSSL made no certificate"); };
  const Key key(EVP_EC_gen("P-256"));
  auto serial = MasterKey::random(Suite::aead_aes_128_gcm);
  if (!key || !serial) return broken();
  uint64_t number = 1;
  for (uint8_t byte : serial->key().first(7)) number = number << 8 | byte;
  const X509Owner certificate = self_signed(key.get(), number);
  if (!certificate) return broken();
  std::shared_ptr<Certificate> made(new Certificate);
  made->fingerprint_.value = digest_text(certificate.get(), EVP_sha256());
  SSL_CTX* context = made->context_ = SSL_CTX_new(DTLS_method());
  if (!context || SSL_CTX_set_min_proto_version(context, DTLS1_2_VERSION) != 1 ||
      SSL_CTX_set_cipher_list(context, ciphers) != 1 || SSL_CTX_use_certificate(context, certificate.get()) != 1 ||
      SSL_CTX_use_PrivateKey(context, key.get()) != 1 ||
      SSL_CTX_set_tlsext_use_srtp(context, profiles().c_str()) != 0)  // 0 is good, unlike elsewhere
    return broken();
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_QUERY_MTU);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_read_ahead(context, 1);
  Dtls::require_fingerprint(context);
  return made;
}

std::shared_ptr<const Certificate> Certificate::of_process() {
  static const std::shared_ptr<const Certificate> ours = make().value_or(nullptr);
  return ours;
}

Certificate::~Certificate() {
  SSL_CTX_free(context_);
}

}  // namespace nearend::srtp
