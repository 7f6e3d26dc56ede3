#include "sip/digest.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>

namespace nearend::sip {
namespace {

using namespace std::chrono_literals;
using Verdict = DigestServer::Verdict;

/// RFC 7616 3.9.1.
constexpr std::string_view rfc_nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
constexpr std::string_view rfc_cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";

std::string rfc_response(DigestAlgorithm algorithm) {
  const std::string ha1 = digest_ha1(algorithm, "Mufasa", "http-auth@example.org", "Circle of Life");
  return digest_response(algorithm, ha1, rfc_nonce, 1, rfc_cnonce, "auth", "GET", "/dir/index.html");
}

const Credentials ann{"ann", "secret", "carrier", "sip.example"};

/// A server with its clock and one client; what they say to each other.
struct Talk {
  DigestServer server{{.realm = "carrier", .secret = "0123456789abcdef"}};
  DigestServer::Clock::time_point now{std::chrono::hours(1)};
  NonceState state;

  std::string challenge(DigestAlgorithm algorithm = DigestAlgorithm::sha256, std::string_view source = "192.0.2.1") {
    for (const std::string& value : server.challenges(source, now))
      if (parse_challenge(value)->algorithm == algorithm) return value;
    return {};
  }
  std::string answer(std::string_view challenge_value, const Credentials& credentials = ann) {
    auto value = authorize({challenge_value}, credentials, "REGISTER", "sip:sip.example", state, "cn");
    REQUIRE_MESSAGE(value, (value ? "" : value.error().text));
    return *value;
  }
  Verdict verify(std::string_view authorization, std::string_view source = "192.0.2.1",
                 std::string_view uri = "sip:sip.example") {
    const auto found = server.find({authorization});
    REQUIRE(found);
    const bool is_known = found->username == "ann";
    return server.verify(*found, is_known ? std::optional<std::string_view>("secret") : std::nullopt, "REGISTER", uri,
                         source, now);
  }
};

std::string with_nc(std::string_view nonce, uint32_t nc) {
  Authorization answer;
  answer.username = "ann";
  answer.realm = "carrier";
  answer.nonce = nonce;
  answer.uri = "sip:sip.example";
  answer.cnonce = "cn";
  answer.qop = "auth";
  answer.algorithm = DigestAlgorithm::sha256;
  answer.has_algorithm = true;
  answer.nc = nc;
  const std::string ha1 = digest_ha1(answer.algorithm, "ann", "carrier", "secret");
  answer.response = digest_response(answer.algorithm, ha1, nonce, nc, "cn", "auth", "REGISTER", answer.uri);
  return answer.to_string();
}

}  // namespace

TEST_CASE("responses are those of RFC 7616 3.9.1 and RFC 2069") {
  CHECK(rfc_response(DigestAlgorithm::md5) == "8ca523f5e9506fed4657c9700eebdbec");
  CHECK(rfc_response(DigestAlgorithm::sha256) == "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1");
  CHECK(rfc_response(DigestAlgorithm::sha512_256).size() == 64);
  const std::string ha1 = digest_ha1(DigestAlgorithm::md5, "Mufasa", "testrealm@host.com", "CircleOfLife");
  CHECK(digest_response(DigestAlgorithm::md5, ha1, "dcd98b7102dd2f0e8b11d0f600bfb0c093", 0, "", "", "GET",
                        "/dir/index.html") == "1949323746fe6a43ef61f9606e7febea");
}

TEST_CASE("challenges are read in every spelling that the field uses") {
  const auto full = parse_challenge(
      "digest  realm=\"a \\\"b\\\", c\" ,nonce=\"n\",opaque=\"\", stale = TRUE, algorithm=sha-512-256 ,qop=\"auth-int, "
      "auth\",domain=\"sip:x\"");
  REQUIRE(full);
  CHECK(full->realm == "a \"b\", c");
  CHECK(full->algorithm == DigestAlgorithm::sha512_256);
  CHECK(full->is_stale);
  CHECK(full->offers_auth);
  const auto old = parse_challenge("Digest realm=r,nonce=n");
  REQUIRE(old);
  CHECK(old->algorithm == DigestAlgorithm::md5);
  CHECK_FALSE(old->has_qop);
  CHECK(parse_challenge("Digest realm=\"r\",nonce=\"n\",algorithm=MD5-sess,qop=auth")->is_session);
  for (std::string_view text :
       {"", "Basic realm=\"x\"", "Digest", "Digest ", "Digest realm=\"r\"", "Digest nonce=\"n\"",
        "Digest realm=\"r,nonce=\"n\"", "Digest realm=\"r\",nonce=\"n\",nonce=\"m\"", "Digest realm=\"r\" nonce=\"n\"",
        "Digest realm=\"r\",nonce=\"n\",algorithm=X", "Digest =,nonce=\"n\""}) {
    CAPTURE(text);
    CHECK_FALSE(parse_challenge(text));
  }
}

TEST_CASE("answers are read whole or refused") {
  const std::string good = with_nc("n", 0x1f);
  CHECK(parse_authorization(good)->nc == 0x1f);
  CHECK(parse_authorization(good)->to_string() == good);
  for (std::string_view text :
       {"Digest username=\"a\",realm=\"r\",nonce=\"n\",uri=\"sip:x\"",
        "Digest username=\"\",realm=\"r\",nonce=\"n\",uri=\"sip:x\",response=\"0\"",
        "Digest username=\"a\",realm=\"r\",nonce=\"n\",uri=\"sip:x\",response=\"0\",qop=auth",
        "Digest username=\"a\",realm=\"r\",nonce=\"n\",uri=\"sip:x\",response=\"0\",qop=auth,cnonce=\"c\",nc=1",
        "Digest username=\"a\",realm=\"r\",nonce=\"n\",uri=\"sip:x\",response=\"0\",qop=auth,cnonce=\"c\",nc=00000000",
        "Digest username=\"a\",realm=\"r\",nonce=\"n\",uri=\"sip:x\",response=\"0\",qop=auth,nc=00000001",
        "Digest "
        "username=\"a\",realm=\"r\",nonce=\"n\",uri=\"sip:x\",response=\"0\",qop=auth-int,cnonce=\"c\",nc=00000001",
        "Digest username=\"a\",realm=\"r\",nonce=\"n\",uri=\"sip:x\",response=\"0\",algorithm=MD5-sess"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_authorization(text));
  }
}

TEST_CASE("the strongest algorithm is answered") {
  NonceState state;
  const std::vector<std::string_view> challenges{
      "Digest realm=\"carrier\",nonce=\"1\",qop=\"auth\"",
      "Digest realm=\"carrier\",nonce=\"2\",algorithm=SHA-512-256,qop=\"auth\"",
      "Digest realm=\"carrier\",nonce=\"3\",algorithm=SHA-256,qop=\"auth\"",
      "Digest realm=\"carrier\",nonce=\"4\",algorithm=SHA-3,qop=\"auth\"", "Basic realm=\"carrier\""};
  const auto answer = authorize(challenges, ann, "INVITE", "sip:1@sip.example:5060", state, "c");
  REQUIRE(answer);
  CHECK(parse_authorization(*answer)->algorithm == DigestAlgorithm::sha512_256);
  CHECK(parse_authorization(*answer)->nonce == "2");
  CHECK(parse_authorization(*answer)->uri == "sip:1@sip.example:5060");
}

TEST_CASE("credentials never go to another realm or host, nor by MD5 to a realm that is not named") {
  NonceState state;
  const auto attempt = [&](std::string_view challenge, const Credentials& credentials, std::string_view uri) {
    return authorize({challenge}, credentials, "BYE", uri, state, "c").has_value();
  };
  const std::string_view md5 = "Digest realm=\"carrier\",nonce=\"1\",qop=\"auth\"";
  const std::string_view sha = "Digest realm=\"carrier\",nonce=\"2\",qop=\"auth\",algorithm=SHA-256";
  const Credentials any_realm{"ann", "secret", "", "sip.example"};
  CHECK_FALSE(attempt("Digest realm=\"evil\",nonce=\"1\",algorithm=SHA-256,qop=\"auth\"", ann, "sip:sip.example"));
  CHECK_FALSE(attempt(sha, ann, "sip:evil.example"));
  CHECK_FALSE(attempt(sha, ann, "nonsense"));
  CHECK_FALSE(attempt(md5, any_realm, "sip:sip.example"));
  CHECK_FALSE(attempt("Digest realm=\"carrier\",nonce=\"1\",qop=\"auth-int\"", ann, "sip:sip.example"));
  CHECK_FALSE(attempt("Digest realm=\"carrier\",nonce=\"1\",algorithm=MD5-sess,qop=\"auth\"", ann, "sip:sip.example"));
  CHECK(state.nonce.empty());
  CHECK(attempt(sha, any_realm, "sip:x@SIP.example;transport=tls"));
  CHECK(attempt(md5, ann, "sip:sip.example"));
}

TEST_CASE("a challenge that comes back unchanged is not answered again, a stale one is") {
  NonceState state;
  const std::vector<std::string_view> first{"Digest realm=\"carrier\",nonce=\"1\",qop=\"auth\""};
  CHECK(authorize(first, ann, "INVITE", "sip:sip.example", state, "c"));
  CHECK_FALSE(authorize(first, ann, "INVITE", "sip:sip.example", state, "c"));
  const auto again = authorize({"Digest realm=\"carrier\",nonce=\"1\",qop=\"auth\",stale=true"}, ann, "INVITE",
                               "sip:sip.example", state, "c");
  REQUIRE(again);
  CHECK(parse_authorization(*again)->nc == 2);
  const auto fresh =
      authorize({"Digest realm=\"carrier\",nonce=\"2\",qop=\"auth\""}, ann, "INVITE", "sip:sip.example", state, "c");
  REQUIRE(fresh);
  CHECK(parse_authorization(*fresh)->nc == 1);
}

TEST_CASE("client and server agree for every algorithm, and without qop") {
  for (DigestAlgorithm algorithm : {DigestAlgorithm::md5, DigestAlgorithm::sha256, DigestAlgorithm::sha512_256}) {
    Talk talk;
    talk.server = DigestServer({.realm = "carrier", .secret = "k", .algorithms = {algorithm}});
    CHECK(talk.verify(talk.answer(talk.challenge(algorithm))) == Verdict::good);
  }
  Talk talk;
  Challenge old = *parse_challenge(talk.challenge());
  old.has_qop = false;
  const std::string answer = talk.answer(old.to_string());
  CHECK(talk.verify(answer) == Verdict::good);
  CHECK(talk.verify(answer) == Verdict::replayed);
}

TEST_CASE("a wrong password, an unknown user, another URI, realm or algorithm are refused") {
  Talk talk;
  CHECK(talk.verify(talk.answer(talk.challenge(), {"ann", "wrong", "carrier", ""})) == Verdict::bad);
  CHECK(talk.verify(talk.answer(talk.challenge(), {"bob", "secret", "carrier", ""})) == Verdict::bad);
  CHECK(talk.verify(talk.answer(talk.challenge(), {"bob", "", "carrier", ""})) == Verdict::bad);
  CHECK(talk.verify(talk.answer(talk.challenge()), "192.0.2.1", "sip:other.example") == Verdict::bad);
  Challenge other = *parse_challenge(talk.challenge());
  other.algorithm = DigestAlgorithm::sha512_256;
  CHECK(talk.verify(talk.answer(other.to_string())) == Verdict::bad);
  other.realm = other.nonce = "elsewhere";
  Credentials elsewhere = ann;
  elsewhere.realm = "elsewhere";
  CHECK_FALSE(talk.server.find({talk.answer(other.to_string(), elsewhere)}));
  CHECK_FALSE(talk.server.find({"Basic xyz", "NoOneKnowsThisScheme opaque-data=here"}));
  CHECK(talk.server.nonces_remembered() == 0);
}

TEST_CASE("an old nonce, one for another source and one of another secret are stale for who knows the password") {
  Talk talk;
  const std::string answer = talk.answer(talk.challenge());
  CHECK(talk.verify(answer, "198.51.100.7") == Verdict::stale);
  talk.now += 61s;
  CHECK(talk.verify(answer) == Verdict::stale);
  talk.now -= 62s;
  CHECK(talk.verify(answer) == Verdict::stale);
  talk.now += 1s;
  CHECK(talk.verify(answer) == Verdict::good);
  CHECK(talk.verify(with_nc("made up", 1)) == Verdict::stale);
  CHECK(parse_challenge(talk.server.challenges("192.0.2.1", talk.now, true)[0])->is_stale);
}

TEST_CASE("a count is good once, also out of order within its window") {
  Talk talk;
  const std::string nonce = parse_challenge(talk.challenge())->nonce;
  CHECK(talk.verify(with_nc(nonce, 2)) == Verdict::good);
  CHECK(talk.verify(with_nc(nonce, 2)) == Verdict::replayed);
  CHECK(talk.verify(with_nc(nonce, 1)) == Verdict::good);
  CHECK(talk.verify(with_nc(nonce, 1)) == Verdict::replayed);
  CHECK(talk.verify(with_nc(nonce, 200)) == Verdict::good);
  CHECK(talk.verify(with_nc(nonce, 137)) == Verdict::good);
  CHECK(talk.verify(with_nc(nonce, 136)) == Verdict::replayed);
  CHECK(talk.verify(with_nc(nonce, 0xffffffff)) == Verdict::good);
  CHECK(talk.server.nonces_remembered() == 1);
}

TEST_CASE("two challenges in the same instant differ, and memory is bounded") {
  Talk talk;
  talk.server = DigestServer({.realm = "carrier", .secret = "k", .nonces_remembered_max = 3});
  std::vector<std::string> nonces;
  for (int i = 0; i < 5; ++i) {
    nonces.push_back(parse_challenge(talk.challenge())->nonce);
    CHECK(talk.verify(with_nc(nonces.back(), 1)) == Verdict::good);
    talk.now += 1s;
  }
  CHECK(nonces[0] != nonces[1]);
  CHECK(talk.server.nonces_remembered() == 3);
  CHECK(talk.verify(with_nc(nonces[0], 1)) == Verdict::stale);
  CHECK(talk.verify(with_nc(nonces[4], 1)) == Verdict::replayed);
  talk.now += 61s;
  CHECK(talk.verify(with_nc(parse_challenge(talk.challenge())->nonce, 1)) == Verdict::good);
  CHECK(talk.server.nonces_remembered() == 1);
}

}  // namespace nearend::sip
