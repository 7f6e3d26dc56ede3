#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <string>

namespace nearend::test {

/// A directory that lives as long as the test.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string form = (std::filesystem::temp_directory_path() / "nearend-test-XXXXXX").string();
    path_ = mkdtemp(form.data());
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

/// An authority and certificates signed by it, written as PEM files: authority.pem, and for each name NAME.pem and
/// NAME.key.
class TestAuthority {
 public:
  TestAuthority() : key_(EVP_EC_gen("P-256")), certificate_(X509_new()) {
    fill(certificate_, key_, "test authority", true);
    X509_set_issuer_name(certificate_, X509_get_subject_name(certificate_));
    X509_sign(certificate_, key_, EVP_sha256());
    write_certificate(authority_file(), certificate_);
  }
  TestAuthority(const TestAuthority&) = delete;
  ~TestAuthority() {
    X509_free(certificate_);
    EVP_PKEY_free(key_);
  }

  std::string authority_file() const { return directory_.file("authority.pem"); }
  std::string certificate_file(const std::string& name) const { return directory_.file(name + ".pem"); }
  std::string key_file(const std::string& name) const { return directory_.file(name + ".key"); }

  /// Makes a certificate for `name`, valid for 127.0.0.1 too.
  void issue(const std::string& name) {
    EVP_PKEY* key = EVP_EC_gen("P-256");
    X509* certificate = X509_new();
    fill(certificate, key, name, false);
    X509_set_issuer_name(certificate, X509_get_subject_name(certificate_));
    X509_sign(certificate, key_, EVP_sha256());
    write_certificate(certificate_file(name), certificate);
    FILE* file = fopen(key_file(name).c_str(), "w");
    PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
    fclose(file);
    X509_free(certificate);
    EVP_PKEY_free(key);
  }

 private:
  static void add_extension(X509* certificate, int kind, const std::string& value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, kind, value.c_str());
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
  }
  static void fill(X509* certificate, EVP_PKEY* key, const std::string& name, bool is_authority) {
    static long serial = 1;
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    if (is_authority)
      add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE");
    else
      add_extension(certificate, NID_subject_alt_name, "DNS:" + name + ",IP:127.0.0.1");
  }
  static void write_certificate(const std::string& name, X509* certificate) {
    FILE* file = fopen(name.c_str(), "w");
    PEM_write_X509(file, certificate);
    fclose(file);
  }

  TemporaryDirectory directory_;
  EVP_PKEY* key_;
  X509* certificate_;
};

}  // namespace nearend::test
