#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"

struct ssl_ctx_st;
struct x509_st;

namespace nearend::srtp {

/// What a=fingerprint says of a certificate (RFC 8122 5): hash and value, "sha-256" and "AB:CD:…".
struct Fingerprint {
  std::string hash = "sha-256";
  std::string value;
  bool operator==(const Fingerprint&) const = default;
};

/// "sha-256 AB:CD:…". Errors: malformed, unsupported (hashes that are weak or unknown).
Result<Fingerprint> parse_fingerprint(std::string_view text);
std::string to_string(const Fingerprint& fingerprint);
/// True where the certificate is the one that was told.
bool is_certificate_of(const x509_st* certificate, const Fingerprint& told);

/// Who we are in DTLS: a key pair (ECDSA P-256) and a certificate that signs itself, made anew for each process, and
/// OpenSSL's settings with it. Any thread, once made.
class Certificate {
 public:
  /// Errors: internal (OpenSSL).
  static Result<std::shared_ptr<const Certificate>> make();
  /// The process's, made at the first call. Any thread; null where OpenSSL made none.
  static std::shared_ptr<const Certificate> of_process();
  ~Certificate();
  const Fingerprint& fingerprint() const { return fingerprint_; }
  ssl_ctx_st* context() const { return context_; }

 private:
  Certificate() = default;
  ssl_ctx_st* context_ = nullptr;
  Fingerprint fingerprint_;
};

}  // namespace nearend::srtp
