#include "call/settings_file.hpp"

namespace nearend::io {

void describe(config::Section& section, TlsSettings& tls) {
  section.key("certificate_file", tls.certificate_file, "PEM chain that is shown to the peer.");
  section.key("key_file", tls.key_file, "PEM of its private key.");
  section.key("trust_file", tls.trust_file,
              "PEM of the roots accepted; empty: the system's (calling), no client certificate asked (listening).");
  section.key(
      "server_name", tls.server_name,
      "Calling an address without a name: the name expected in the peer's certificate; empty: any that trust_file "
      "signs, or without one the address itself.");
  section.key("peer_required", tls.is_peer_required,
              "Listening: refuse peers without a certificate that trust_file signs.");
}

}  // namespace nearend::io

namespace nearend::sip {

void describe(config::Section& section, Credentials& credentials) {
  section.key("username", credentials.username, "Name for digest authentication.");
  section.key("password", credentials.password, "Its password.");
  section.key("realm", credentials.realm,
              "Only this realm is answered; empty: any realm of the host, and then never with MD5.");
  section.key("host", credentials.host, "Only challenges of this host are answered.");
}

}  // namespace nearend::sip
