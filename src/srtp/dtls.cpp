#include "srtp/dtls.hpp"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <utility>

namespace nearend::srtp {
namespace {

constexpr size_t record_header = 13;  // RFC 6347 4.1
constexpr time_t never_s = 1'000'000'000;
constexpr std::string_view exporter_label = "EXTRACTOR-dtls_srtp";

std::string openssl_reason() {
  const unsigned long code = ERR_peek_last_error();
  const char* reason = code ? ERR_reason_error_string(code) : nullptr;
  ERR_clear_error();
  return reason ? reason : "no reason given";
}

}  // namespace

struct Dtls::Session {
  ~Session() { SSL_free(ssl); }
  std::shared_ptr<const Certificate> ours;  // shared by the associations of the process
  Fingerprint theirs;
  SSL* ssl = nullptr;
  BIO* in = nullptr;   // owned by ssl
  BIO* out = nullptr;  // owned by ssl
  bool is_stranger = false;
  Instant now{};
  std::optional<Instant> again_at;
  std::chrono::milliseconds again_after = again_first;
  int again_count = 0;
  bool is_again = false;          // what goes out now went out before
  timeval* openssl_at = nullptr;  // OpenSSL's own time for that, in ssl

  /// OpenSSL tells its datagram socket when it means to send again, and looks at the system's clock for it. That time
  /// is put off for ever here and brought near in send_again(): the clock is the caller's. (From 3.2 on what is told
  /// is a copy, and OpenSSL keeps its own time; deadline() follows it.)
  static long on_bio(BIO* bio, int operation, const char* argument, size_t, int command, long, int result, size_t*) {
    if (operation != BIO_CB_CTRL || command != BIO_CTRL_DGRAM_SET_NEXT_TIMEOUT || !argument) return result;
    auto* session = reinterpret_cast<Session*>(BIO_get_callback_arg(bio));
    auto* told = reinterpret_cast<timeval*>(const_cast<char*>(argument));
    session->openssl_at = told;
    if (told->tv_sec == 0 && told->tv_usec == 0) {
      session->again_at.reset();  // answered
      return result;
    }
    told->tv_sec += never_s;
    if (!session->is_again) session->again_after = again_first;
    session->again_at = session->now + session->again_after;
    return result;
  }
  static bool has_own_clock() {
    constexpr unsigned long first_other = 0x30200000;
    static const bool is_so = OpenSSL_version_num() < first_other;
    return is_so;
  }
  /// Negative: no hope.
  int send_again() {
    if (++again_count > again_max) return -1;
    again_after = std::min(2 * again_after, again_last);
    if (openssl_at) *openssl_at = {.tv_sec = 1, .tv_usec = 0};
    is_again = true;
    const int sent = static_cast<int>(DTLSv1_handle_timeout(ssl));
    is_again = false;
    return sent;
  }

  /// Whoever signed it: the certificate is proved by the description, or not at all.
  static int verify(X509_STORE_CTX* store, void*) {
    auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
    auto* session = static_cast<Session*>(SSL_get_app_data(ssl));
    const bool is_known = session && is_certificate_of(X509_STORE_CTX_get0_cert(store), session->theirs);
    if (session) session->is_stranger = !is_known;
    X509_STORE_CTX_set_error(store, is_known ? X509_V_OK : X509_V_ERR_CERT_REJECTED);
    return is_known;
  }
};

void Dtls::require_fingerprint(ssl_ctx_st* context) {
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_cert_verify_callback(context, Session::verify, nullptr);
}

Dtls::Dtls(std::unique_ptr<Session> session, Role role) : session_(std::move(session)), role_(role) {}
Dtls::~Dtls() = default;

Result<std::unique_ptr<Dtls>> Dtls::make(std::shared_ptr<const Certificate> ours, Role role, Fingerprint theirs,
                                         Instant now) {
  auto session = std::make_unique<Session>();
  session->now = now;
  session->ours = std::move(ours);
  session->theirs = std::move(theirs);
  session->ssl = SSL_new(session->ours->context());
  session->in = BIO_new(BIO_s_mem());
  session->out = BIO_new(BIO_s_mem());
  if (!session->ssl || !session->in || !session->out) {
    BIO_free(session->in);
    BIO_free(session->out);
    return fail(Error::Kind::internal, "DTLS: OpenSSL has no memory");
  }
  SSL* ssl = session->ssl;
  BIO_set_mem_eof_return(session->in, -1);
  if (Session::has_own_clock()) {
    BIO_set_callback_ex(session->in, Session::on_bio);
    BIO_set_callback_arg(session->in, reinterpret_cast<char*>(session.get()));
  }
  SSL_set_bio(ssl, session->in, session->out);
  SSL_set_app_data(ssl, session.get());
  SSL_set_mtu(ssl, static_cast<long>(datagram_max));
  DTLS_set_link_mtu(ssl, static_cast<long>(datagram_max));
  role == Role::client ? SSL_set_connect_state(ssl) : SSL_set_accept_state(ssl);
  std::unique_ptr<Dtls> made(new Dtls(std::move(session), role));
  if (role == Role::client) made->advance();
  return made;
}

void Dtls::failed(std::string reason) {
  state_ = State::failed;
  reason_ = std::move(reason);
}

void Dtls::advance() {
  ERR_clear_error();
  SSL* ssl = session_->ssl;
  if (state_ == State::shaking) {
    const int result = SSL_do_handshake(ssl);
    if (result == 1) {
      export_keys();
    } else if (const int error = SSL_get_error(ssl, result);
               error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
      const std::string reason = openssl_reason();
      failed(session_->is_stranger ? "the certificate is not the one of the description" : reason);
    }
    return;
  }
  // What comes later is the far end's last flight once more, or its farewell; application data is nobody's.
  std::array<uint8_t, 2048> unused;
  while (SSL_read(ssl, unused.data(), unused.size()) > 0) continue;
  if (SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN) state_ = State::closed;
  ERR_clear_error();
}

void Dtls::input(std::span<const uint8_t> datagram, Instant now) {
  session_->now = now;
  if (state_ == State::failed || state_ == State::closed || demultiplex(datagram) != Demultiplexed::dtls) return;
  // One datagram at a time: a memory BIO knows no borders.
  (void)BIO_reset(session_->in);
  BIO_write(session_->in, datagram.data(), static_cast<int>(datagram.size()));
  advance();
}

/// RFC 5764 4.2: keys of client and server, then their salts.
void Dtls::export_keys() {
  SSL* ssl = session_->ssl;
  const SRTP_PROTECTION_PROFILE* profile = SSL_get_selected_srtp_profile(ssl);
  std::optional<Suite> suite;
  for (size_t i = 0; profile && i < suite_count; ++i)
    if (shape_of(static_cast<Suite>(i)).dtls_name == profile->name) suite = static_cast<Suite>(i);
  if (!suite) return failed("no common SRTP protection profile");
  const SuiteShape& shape = shape_of(*suite);
  const size_t key_size = shape.key_size, salt_size = shape.salt_size;
  std::array<uint8_t, 2 * master_bytes_max> material;
  if (SSL_export_keying_material(ssl, material.data(), 2 * (key_size + salt_size), exporter_label.data(),
                                 exporter_label.size(), nullptr, 0, 0) != 1)
    return failed(openssl_reason());
  const auto master = [&](size_t which) {
    std::array<uint8_t, master_bytes_max> bytes;
    std::copy_n(material.data() + which * key_size, key_size, bytes.data());
    std::copy_n(material.data() + 2 * key_size + which * salt_size, salt_size, bytes.data() + key_size);
    auto key = MasterKey::of(*suite, std::span(bytes).first(key_size + salt_size));
    OPENSSL_cleanse(bytes.data(), bytes.size());
    return key;
  };
  const auto client = master(0), server = master(1);
  OPENSSL_cleanse(material.data(), material.size());
  if (!client || !server) return failed("keys of a wrong length");
  send_ = role_ == Role::client ? *client : *server;
  receive_ = role_ == Role::client ? *server : *client;
  state_ = State::connected;
}

std::vector<Dtls::Datagram> Dtls::take_output() {
  std::vector<Datagram> all;
  uint8_t* data = nullptr;
  const long size = BIO_get_mem_data(session_->out, &data);
  std::span<const uint8_t> rest(data, size > 0 ? static_cast<size_t>(size) : 0);
  // Records are put together again as far as a datagram takes them.
  while (rest.size() >= record_header) {
    const size_t record = std::min(rest.size(), record_header + (size_t{rest[11]} << 8 | rest[12]));
    if (all.empty() || all.back().size() + record > datagram_max) all.emplace_back();
    all.back().insert(all.back().end(), rest.begin(), rest.begin() + static_cast<long>(record));
    rest = rest.subspan(record);
  }
  (void)BIO_reset(session_->out);
  return all;
}

std::optional<Dtls::Instant> Dtls::deadline() const {
  if (state_ != State::shaking) return std::nullopt;
  if (Session::has_own_clock()) return session_->again_at;
  timeval left{};
  if (DTLSv1_get_timeout(session_->ssl, &left) != 1) return std::nullopt;
  return session_->now + std::chrono::seconds(left.tv_sec) + std::chrono::microseconds(left.tv_usec);
}

void Dtls::on_time(Instant now) {
  session_->now = now;
  const auto due = deadline();
  if (!due || now < *due) return;
  ERR_clear_error();
  if (session_->send_again() < 0) failed("no answer to the handshake");
}

void Dtls::close() {
  if (state_ != State::connected) return;
  (void)SSL_shutdown(session_->ssl);
  state_ = State::closed;
  ERR_clear_error();
}

Demultiplexed demultiplex(std::span<const uint8_t> datagram) {
  if (datagram.empty()) return Demultiplexed::other;
  const uint8_t first = datagram[0];
  if (first <= 3) return Demultiplexed::stun;
  if (first >= 20 && first <= 63) return Demultiplexed::dtls;
  if (first < 128 || first > 191 || datagram.size() < 2) return Demultiplexed::other;
  return datagram[1] >= 192 && datagram[1] <= 223 ? Demultiplexed::rtcp : Demultiplexed::rtp;
}

}  // namespace nearend::srtp
