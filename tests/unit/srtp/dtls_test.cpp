#include "srtp/dtls.hpp"

#include <doctest/doctest.h>

#include "srtp/context.hpp"

namespace {

using namespace nearend::srtp;
using namespace std::chrono_literals;

struct Pair {
  std::shared_ptr<const Certificate> client_is = *Certificate::make(), server_is = *Certificate::make();
  std::unique_ptr<Dtls> client, server;
  Dtls::Instant now{};
  size_t sent = 0;

  Pair() : Pair(nullptr, nullptr) {}
  Pair(const Fingerprint* told_of_server, const Fingerprint* told_of_client) {
    client =
        *Dtls::make(client_is, Dtls::Role::client, told_of_server ? *told_of_server : server_is->fingerprint(), now);
    server =
        *Dtls::make(server_is, Dtls::Role::server, told_of_client ? *told_of_client : client_is->fingerprint(), now);
  }
  /// Carries what there is both ways until nothing comes any more. `is_lost(number)` takes datagrams out.
  template <class Lose>
  void carry(Lose is_lost) {
    for (bool is_moving = true; is_moving;) {
      is_moving = false;
      for (auto [from, to] : {std::pair(client.get(), server.get()), std::pair(server.get(), client.get())}) {
        for (const auto& datagram : from->take_output()) {
          CHECK(datagram.size() <= Dtls::datagram_max);
          CHECK(demultiplex(datagram) == Demultiplexed::dtls);
          is_moving = true;
          if (!is_lost(sent++)) to->input(datagram, now);
        }
      }
    }
  }
  void carry() {
    carry([](size_t) { return false; });
  }
};

}  // namespace

TEST_CASE("two ends agree on the same keys, AEAD first, and read each other's packets") {
  Pair pair;
  pair.carry();
  REQUIRE(pair.client->state() == Dtls::State::connected);
  REQUIRE(pair.server->state() == Dtls::State::connected);
  CHECK(pair.client->send_key() == pair.server->receive_key());
  CHECK(pair.client->receive_key() == pair.server->send_key());
  CHECK(pair.client->send_key() != pair.client->receive_key());
  CHECK(pair.client->send_key()->suite() == Suite::aead_aes_128_gcm);
  CHECK_FALSE(pair.client->deadline());

  auto sender = *Sender::make(*pair.client->send_key());
  auto receiver = *Receiver::make(*pair.server->receive_key());
  std::vector<uint8_t> packet(60 + trailer_max);
  packet[0] = 0x80;
  packet.resize(sender.protect(packet, 60).size);
  CHECK(receiver.unprotect(packet).verdict == Verdict::good);

  pair.client->close();
  pair.carry();
  CHECK(pair.server->state() == Dtls::State::closed);
}

TEST_CASE("a certificate that the description did not tell ends the handshake, and no key comes of it") {
  const auto stranger = (*Certificate::make())->fingerprint();
  Pair client_deceived(&stranger, nullptr);
  client_deceived.carry();
  CHECK(client_deceived.client->state() == Dtls::State::failed);
  CHECK(client_deceived.client->reason() == "the certificate is not the one of the description");
  CHECK_FALSE(client_deceived.client->send_key());
  CHECK(client_deceived.server->state() != Dtls::State::connected);

  Pair server_deceived(nullptr, &stranger);
  server_deceived.carry();
  CHECK(server_deceived.server->state() == Dtls::State::failed);
  CHECK_FALSE(server_deceived.server->send_key());
}

TEST_CASE("each datagram that is lost is sent again by the caller's clock, and only by it") {
  for (size_t lost = 0; lost < 8; ++lost) {
    CAPTURE(lost);
    Pair pair;
    pair.carry([&](size_t number) { return number == lost; });
    const auto is_shaking = [&] {
      return pair.client->state() == Dtls::State::shaking || pair.server->state() == Dtls::State::shaking;
    };
    for (int i = 0; i < 4 && is_shaking(); ++i) {
      const auto client_due = pair.client->deadline(), server_due = pair.server->deadline();
      REQUIRE((client_due || server_due));
      const auto due = std::min(client_due.value_or(Dtls::Instant::max()), server_due.value_or(Dtls::Instant::max()));
      const auto on_time = [&](Dtls::Instant now) {
        pair.now = now;
        pair.client->on_time(now);
        pair.server->on_time(now);
      };
      const size_t before = pair.sent;
      on_time(due - 1ms);
      pair.carry();
      CHECK(pair.sent == before);
      on_time(due);
      pair.carry();
      CHECK(pair.sent > before);
    }
    CHECK(pair.now.time_since_epoch() <= 2 * Dtls::again_first);
    CHECK(pair.client->state() == Dtls::State::connected);
    CHECK(pair.server->state() == Dtls::State::connected);
    CHECK(pair.client->send_key() == pair.server->receive_key());
  }
}

TEST_CASE("who is never answered asks less and less often, and then no more") {
  Pair pair;
  (void)pair.client->take_output();
  std::vector<Dtls::Instant> asked;
  for (int i = 0; i < 20 && pair.client->state() == Dtls::State::shaking; ++i) {
    pair.now = pair.client->deadline().value_or(pair.now + 1h);
    pair.client->on_time(pair.now);
    if (!pair.client->take_output().empty()) asked.push_back(pair.now);
  }
  CHECK(pair.client->state() == Dtls::State::failed);
  CHECK(pair.client->reason() == "no answer to the handshake");
  REQUIRE(asked.size() == Dtls::again_max);
  CHECK(asked[0].time_since_epoch() == Dtls::again_first);
  CHECK(asked[1] - asked[0] == 2 * Dtls::again_first);
  CHECK(asked.back() - asked[asked.size() - 2] == Dtls::again_last);
}

TEST_CASE("junk before, in and after the handshake changes nothing") {
  Pair pair;
  std::vector<uint8_t> junk(300, 0x16);
  pair.server->input(junk, pair.now);
  pair.server->input({}, pair.now);
  for (uint8_t first = 0; first < 255; ++first) {
    junk[0] = first;
    pair.server->input(junk, pair.now);
    pair.client->input(junk, pair.now);
  }
  pair.carry();
  CHECK(pair.client->state() == Dtls::State::connected);
  pair.server->input(junk, pair.now);
  junk[0] = 23;
  pair.server->input(junk, pair.now);
  CHECK(pair.server->state() == Dtls::State::connected);
}

TEST_CASE("fingerprints are read, and weak or broken ones refused") {
  const auto ours = (*Certificate::make())->fingerprint();
  CHECK(parse_fingerprint(to_string(ours)) == ours);
  std::string lower = to_string(ours);
  for (char& c : lower) c = static_cast<char>(c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c);
  CHECK(parse_fingerprint(lower) == ours);
  for (const char* bad : {"", "sha-256", "sha-256 AB", "sha-1 AB:CD", "md5 AB:CD", "sha-256 zz"})
    CHECK_FALSE(parse_fingerprint(bad));
  std::string cut = to_string(ours);
  cut[20] = '-';
  CHECK_FALSE(parse_fingerprint(cut));
}

TEST_CASE("what shares a port is told apart by its first bytes") {
  const auto kind = [](uint8_t first, uint8_t second) {
    const uint8_t bytes[] = {first, second, 0, 0};
    return demultiplex(bytes);
  };
  CHECK(kind(0, 1) == Demultiplexed::stun);
  CHECK(kind(3, 1) == Demultiplexed::stun);
  CHECK(kind(4, 1) == Demultiplexed::other);
  CHECK(kind(20, 254) == Demultiplexed::dtls);
  CHECK(kind(63, 254) == Demultiplexed::dtls);
  CHECK(kind(64, 0) == Demultiplexed::other);
  CHECK(kind(0x80, 0) == Demultiplexed::rtp);
  CHECK(kind(0x80, 0x80) == Demultiplexed::rtp);
  CHECK(kind(0x80, 200) == Demultiplexed::rtcp);
  CHECK(kind(0xc0, 200) == Demultiplexed::other);
  CHECK(demultiplex({}) == Demultiplexed::other);
}
