#include "io/tls_context.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include "base/ip.hpp"

namespace nearend::io {
namespace {

constexpr size_t contexts_max = 256;

/// The reason OpenSSL gives last; its queue is emptied.
std::string last_ssl_error() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = code ? ERR_reason_error_string(code) : nullptr;
  return reason ? reason : "unknown reason";
}

std::string stamp_of(const std::string& file) {
  struct stat facts{};
  if (file.empty() || ::stat(file.c_str(), &facts) != 0) return file;
  return fmt::format("{}@{}.{}", file, facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec);
}

Result<void> load_identity(SSL_CTX* context, const TlsSettings& settings) {
  if (SSL_CTX_use_certificate_chain_file(context, settings.certificate_file.c_str()) != 1)
    return fail(Error::Kind::invalid, "certificate file '{}': {}", settings.certificate_file, last_ssl_error());
  if (SSL_CTX_use_PrivateKey_file(context, settings.key_file.c_str(), SSL_FILETYPE_PEM) != 1)
    return fail(Error::Kind::invalid, "key file '{}': {}", settings.key_file, last_ssl_error());
  return {};
}

Result<void> load_trust(SSL_CTX* context, TlsRole role, const TlsSettings& settings) {
  if (settings.trust_file.empty()) {
    if (role == TlsRole::client) SSL_CTX_set_default_verify_paths(context);
    return {};
  }
  if (SSL_CTX_load_verify_locations(context, settings.trust_file.c_str(), nullptr) != 1)
    return fail(Error::Kind::invalid, "trust file '{}': {}", settings.trust_file, last_ssl_error());
  if (role == TlsRole::server)
    SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(settings.trust_file.c_str()));
  return {};
}

int verify_mode(TlsRole role, const TlsSettings& settings) {
  if (role == TlsRole::client) return SSL_VERIFY_PEER;
  if (settings.trust_file.empty()) return SSL_VERIFY_NONE;
  return SSL_VERIFY_PEER | (settings.is_peer_required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0);
}

Result<std::shared_ptr<SSL_CTX>> make_context(TlsRole role, const TlsSettings& settings) {
  if (role == TlsRole::server && settings.is_peer_required && settings.trust_file.empty())
    return fail(Error::Kind::invalid,
                "TLS: clients must show certificates, but there is no trust file to check them with");
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(role == TlsRole::client ? TLS_client_method() : TLS_server_method()),
                                   SSL_CTX_free);  // Shared by the store and the streams that use it.
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_RELEASE_BUFFERS);
  static constexpr unsigned char session_name[] = "nearend";
  SSL_CTX_set_session_id_context(context.get(), session_name, sizeof session_name - 1);
  SSL_CTX_set_verify(context.get(), verify_mode(role, settings), nullptr);
  if (!settings.certificate_file.empty() || role == TlsRole::server)
    if (auto loaded = load_identity(context.get(), settings); !loaded) return pass(loaded);
  if (auto loaded = load_trust(context.get(), role, settings); !loaded) return pass(loaded);
  return context;
}

void add_name(std::vector<std::string>& names, const ASN1_STRING* text) {
  names.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                     static_cast<size_t>(ASN1_STRING_length(text)));
}

}  // namespace

Result<std::shared_ptr<ssl_ctx_st>> TlsContexts::get(TlsRole role, const TlsSettings& settings) {
  std::string key = fmt::format("{}|{}|{}|{}|{}", role == TlsRole::client, stamp_of(settings.certificate_file),
                                stamp_of(settings.key_file), stamp_of(settings.trust_file), settings.is_peer_required);
  if (const auto found = contexts_.find(key); found != contexts_.end()) return found->second;
  auto made = make_context(role, settings);
  if (!made) return pass(made);
  if (contexts_.size() >= contexts_max) contexts_.clear();
  contexts_.emplace(std::move(key), *made);
  return *made;
}

Result<void> check_tls(TlsRole role, const TlsSettings& settings) {
  auto made = make_context(role, settings);
  if (made) return {};
  const std::string& text = made.error().text;
  const std::string_view key = text.starts_with("certificate") ? "certificate_file"
                               : text.starts_with("key")       ? "key_file"
                                                               : "trust_file";
  return fail(made.error().kind, "{}: {}", key, text);
}

Result<ssl_st*> make_ssl(ssl_ctx_st& context, TlsRole role, const std::string& server_name) {
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(&context), SSL_free);
  if (!ssl) return fail(Error::Kind::internal, "TLS: {}", last_ssl_error());
  if (role == TlsRole::client && !server_name.empty()) {
    if (parse_ip(server_name)) {
      X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), server_name.c_str());
    } else {
      SSL_set_tlsext_host_name(ssl.get(), server_name.c_str());
      if (SSL_set1_host(ssl.get(), server_name.c_str()) != 1)
        return fail(Error::Kind::invalid, "TLS: '{}' cannot be a server name", server_name);
    }
  }
  return ssl.release();
}

std::vector<std::string> verified_peer_names(ssl_st& ssl) {
  std::vector<std::string> names;
  X509* certificate = SSL_get0_peer_certificate(&ssl);
  if (!certificate || SSL_get_verify_result(&ssl) != X509_V_OK) return names;
  const X509_NAME* subject = X509_get_subject_name(certificate);
  const int place = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (place >= 0) add_name(names, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, place)));
  auto* others = static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(others); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(others, i);
    if (name->type == GEN_DNS || name->type == GEN_URI) add_name(names, name->d.ia5);
  }
  GENERAL_NAMES_free(others);
  return names;
}

}  // namespace nearend::io
