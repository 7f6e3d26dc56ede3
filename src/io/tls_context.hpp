#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.hpp"
#include "io/net.hpp"

struct ssl_ctx_st;
struct ssl_st;

namespace nearend::io {

enum class TlsRole { client, server };

/// OpenSSL contexts by their settings: TLS 1.2 or newer, no renegotiation, no compression. Reading the system's roots
/// takes milliseconds, so contexts are kept until a file they were made of changes. One thread.
class TlsContexts {
 public:
  /// A context; valid as long as somebody holds it. Errors name the file.
  Result<std::shared_ptr<ssl_ctx_st>> get(TlsRole role, const TlsSettings& settings);

 private:
  std::unordered_map<std::string, std::shared_ptr<ssl_ctx_st>> contexts_;
};

/// Whether a context could be made of the settings. Errors begin with the key whose file is at fault
/// (`certificate_file: …`) and say what is wrong with it.
Result<void> check_tls(TlsRole role, const TlsSettings& settings);

/// A new SSL object of the context (the caller frees it, or gives it to a stream that does); for a client the name to
/// send and to check is set.
Result<ssl_st*> make_ssl(ssl_ctx_st& context, TlsRole role, const std::string& server_name);

/// Common name, DNS and URI names of the certificate the peer proved; empty when it showed none.
std::vector<std::string> verified_peer_names(ssl_st& ssl);

}  // namespace nearend::io
