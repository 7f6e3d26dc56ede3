#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.hpp"
#include "sip/uri.hpp"

namespace nearend::sip {

/// A name and secret for one realm at one host. Never sent elsewhere (threat TH6).
struct Credentials {
  std::string username;
  std::string password;
  std::string realm;  ///< Must equal the challenge's. Empty: any realm of `host`, and then never with MD5.
  std::string host;   ///< The Request-URI's host must equal this; empty: the caller has checked where it sends.
};

enum class DigestAlgorithm : uint8_t { md5, sha256, sha512_256 };
std::string_view to_string(DigestAlgorithm algorithm);  ///< "SHA-512-256".

/// WWW-Authenticate or Proxy-Authenticate with the scheme Digest (RFC 7616 3.3, RFC 8760).
struct Challenge {
  std::string realm;
  std::string nonce;
  std::string opaque;
  DigestAlgorithm algorithm = DigestAlgorithm::md5;
  bool has_algorithm = false;  ///< False: MD5 by default.
  bool is_stale = false;
  bool has_qop = false;
  bool offers_auth = false;  ///< qop holds "auth"; auth-int alone is not for us.
  bool is_session = false;   ///< "-sess": not for us.
  std::string to_string() const;
};
/// `unsupported` for other schemes and algorithms.
Result<Challenge> parse_challenge(std::string_view value);

/// Authorization or Proxy-Authorization with the scheme Digest.
struct Authorization {
  std::string username, realm, nonce, uri, response, opaque, cnonce, qop;
  DigestAlgorithm algorithm = DigestAlgorithm::md5;
  bool has_algorithm = false;
  uint32_t nc = 0;  ///< 0 when absent.
  std::string to_string() const;
};
Result<Authorization> parse_authorization(std::string_view value);

/// The response of RFC 7616 3.4.1 for qop auth, or without qop (RFC 2069) when `qop` is empty. `ha1` is lower-case hex.
std::string digest_response(DigestAlgorithm algorithm, std::string_view ha1, std::string_view nonce, uint32_t nc,
                            std::string_view cnonce, std::string_view qop, std::string_view method,
                            std::string_view uri);
std::string digest_ha1(DigestAlgorithm algorithm, std::string_view username, std::string_view realm,
                       std::string_view password);

/// Counts the uses of a server's nonce; one a dialog or registration. Its memory lets later requests answer without a
/// round trip.
struct NonceState {
  std::string nonce;
  uint32_t nc = 0;
};

/// Answers the strongest of `challenges` (values of the header, in order) that fits the credentials' realm; `uri` is
/// the Request-URI as sent. Gives the header value. Refused: another realm or host, MD5 where the realm is not named,
/// nothing that we support, and a nonce that was answered before and came back not stale (wrong password: do not loop).
Result<std::string> authorize(const std::vector<std::string_view>& challenges, const Credentials& credentials,
                              std::string_view method, std::string_view uri, NonceState& state,
                              std::string_view cnonce);

/// The server's side: makes challenges and checks answers. Nonces carry their time and are bound to the source by an
/// HMAC, so unanswered ones cost no memory; only nonces in use are remembered for nc. One loop, one thread.
class DigestServer {
 public:
  using Clock = std::chrono::steady_clock;
  struct Settings {
    std::string realm;
    std::string secret;  ///< Key of the nonces, at least 16 bytes; random, or shared by a pool of gateways.
    std::chrono::seconds nonce_life{60};    ///< After it a right answer earns stale=true.
    size_t nonces_remembered_max = 65'536;  ///< The oldest go first; their nonces become stale.
    std::vector<DigestAlgorithm> algorithms{DigestAlgorithm::sha256,
                                            DigestAlgorithm::md5};  ///< Offered, best first (RFC 8760 2.4).
  };
  enum class Verdict : uint8_t {
    good,
    stale,     ///< The password is right, but the nonce is old or not ours for this source: challenge with stale.
    replayed,  ///< The password is right, but this nonce and nc were seen before: challenge with stale; count it.
    bad,       ///< Wrong password, unknown user, another URI, realm or algorithm: challenge; count it.
  };

  explicit DigestServer(Settings settings) : settings_(std::move(settings)) {}

  /// One header value an algorithm, all with one fresh nonce. `source` is the peer's address without port.
  std::vector<std::string> challenges(std::string_view source, Clock::time_point now, bool is_stale = false);
  /// The first well-formed answer for our realm among the header's values; nothing when there is none: challenge then.
  /// Look its user's password up, then verify().
  std::optional<Authorization> find(const std::vector<std::string_view>& authorizations) const;
  /// `password` is nothing for an unknown user, which takes the same time (threat TH16). `request_uri` must be
  /// equivalent to the answer's uri. Calls with "auth" may come out of order by up to 63 (RFC 7616 3.4 nc).
  Verdict verify(const Authorization& authorization, std::optional<std::string_view> password, std::string_view method,
                 std::string_view request_uri, std::string_view source, Clock::time_point now);
  size_t nonces_remembered() const { return used_.size(); }

 private:
  /// Which counts of a nonce have been seen: the highest, and a bit for each of the 64 up to it.
  struct Seen {
    uint32_t highest = 0;
    uint64_t window = 0;
    bool take(uint32_t nc);
  };
  struct Remembered {
    std::string nonce;
    Clock::time_point made;
  };
  std::string signature(std::string_view stamp, std::string_view source) const;
  std::optional<Clock::time_point> made_at(std::string_view nonce, std::string_view source) const;
  Verdict count(const std::string& nonce, uint32_t nc, Clock::time_point made, Clock::time_point now);
  void forget(Clock::time_point now);

  Settings settings_;
  uint64_t challenge_count_ = 0;
  std::unordered_map<std::string, Seen> used_;
  std::deque<Remembered> order_;  ///< Of `used_`, in order of first use.
  Clock::time_point forgotten_until_ =
      Clock::time_point::min();  ///< Nonces made up to then and not remembered are stale.
};

}  // namespace nearend::sip
