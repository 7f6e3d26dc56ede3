// links: media
// SRTP of one 20 ms frame of G.711: against OpenSSL's calls alone on the same bytes, against libsrtp2, and in a relay.
#include <benchmark/benchmark.h>
#include <openssl/evp.h>
#include <srtp2/srtp.h>

#include <cstring>
#include <vector>

#include "media/engine.hpp"
#include "srtp/context.hpp"
#include "srtp/evp.hpp"
#include "srtp/hmac_sha1.hpp"

namespace {

using namespace nearend;
using srtp::Suite;

constexpr size_t frame_size = 172;
using Frame = std::array<uint8_t, frame_size + srtp::trailer_max>;

void number(Frame& frame, uint16_t sequence) {
  frame[0] = 0x80;
  rtp::write16(&frame[2], sequence);
  rtp::write32(&frame[4], sequence * 160u);
}

const char* suite_name(Suite suite) {
  return srtp::shape_of(suite).name.data();
}

/// Protected frames in order, to be read; made anew when they are used up.
class Frames {
 public:
  explicit Frames(Suite suite) : key_(*srtp::MasterKey::random(suite)) { renew(); }
  const srtp::MasterKey& key() const { return key_; }
  srtp::Receiver& receiver() { return *receiver_; }
  bool is_over() const { return next_ == frames_.size(); }
  Frame& next() { return frames_[next_++]; }
  size_t size() const { return size_; }
  void renew() {
    auto sender = *srtp::Sender::make(key_);
    receiver_ = *srtp::Receiver::make(key_);
    for (size_t i = 0; i < frames_.size(); ++i) {
      frames_[i] = {};
      number(frames_[i], static_cast<uint16_t>(i));
      size_ = sender.protect(frames_[i], frame_size).size;
    }
    next_ = 0;
  }

 private:
  srtp::MasterKey key_;
  std::optional<srtp::Receiver> receiver_;
  std::vector<Frame> frames_ = std::vector<Frame>(256);
  size_t next_ = 0, size_ = 0;
};

void protect(benchmark::State& state, Suite suite) {
  auto sender = *srtp::Sender::make(*srtp::MasterKey::random(suite));
  Frame frame{};
  uint16_t sequence = 0;
  for (auto _ : state) {
    number(frame, sequence++);
    benchmark::DoNotOptimize(sender.protect(frame, frame_size));
  }
}

void unprotect(benchmark::State& state, Suite suite) {
  Frames frames(suite);
  for (auto _ : state) {
    if (frames.is_over()) {
      state.PauseTiming();
      frames.renew();
      state.ResumeTiming();
    }
    benchmark::DoNotOptimize(frames.receiver().unprotect(std::span(frames.next()).first(frames.size())));
  }
}

/// What the suite asks of OpenSSL for one frame, and nothing else. Opening the same bytes costs the same calls.
void primitives(benchmark::State& state, Suite suite) {
  const srtp::SuiteShape& shape = srtp::shape_of(suite);
  const std::array<uint8_t, 32> key{1, 2, 3};
  const std::array<uint8_t, 20> mac_key{4, 5, 6};
  std::array<uint8_t, 16> iv{};
  const std::array<uint8_t, 4> roc{};
  const srtp::CipherContext context(EVP_CIPHER_CTX_new());
  EVP_CIPHER_CTX* cipher = context.get();
  EVP_EncryptInit_ex2(cipher, shape.is_aead ? srtp::galois_mode(shape.key_size) : srtp::counter_mode(shape.key_size),
                      key.data(), iv.data(), nullptr);
  const srtp::HmacSha1 mac(mac_key);
  Frame frame{};
  int done = 0;
  for (auto _ : state) {
    ++iv[11];
    EVP_EncryptInit_ex2(cipher, nullptr, nullptr, iv.data(), nullptr);
    if (shape.is_aead) {
      EVP_EncryptUpdate(cipher, nullptr, &done, frame.data(), 12);
      EVP_EncryptUpdate(cipher, frame.data() + 12, &done, frame.data() + 12, frame_size - 12);
      EVP_EncryptFinal_ex(cipher, frame.data() + frame_size, &done);
      EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, 16, frame.data() + frame_size);
    } else {
      EVP_EncryptUpdate(cipher, frame.data() + 12, &done, frame.data() + 12, frame_size - 12);
      auto digest = mac.of({frame.data(), frame_size}, roc);
      benchmark::DoNotOptimize(digest);
    }
    benchmark::DoNotOptimize(frame);
  }
}

void with_libsrtp2(benchmark::State& state, Suite suite) {
  srtp_init();
  const auto key = *srtp::MasterKey::random(suite);
  std::vector<uint8_t> bytes(key.bytes().begin(), key.bytes().end());
  srtp_policy_t policy;
  std::memset(&policy, 0, sizeof(policy));
  if (suite == Suite::aead_aes_128_gcm) {
    srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp);
    srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtcp);
  } else {
    srtp_crypto_policy_set_rtp_default(&policy.rtp);
    srtp_crypto_policy_set_rtcp_default(&policy.rtcp);
  }
  policy.ssrc.type = ssrc_any_outbound;
  policy.key = bytes.data();
  srtp_t session = nullptr;
  srtp_create(&session, &policy);
  Frame frame{};
  uint16_t sequence = 0;
  for (auto _ : state) {
    number(frame, sequence++);
    int size = frame_size;
    benchmark::DoNotOptimize(srtp_protect(session, frame.data(), &size));
  }
  srtp_dealloc(session);
}

/// A bridged pair of legs in the engine, either of them protected or not; one frame each way.
struct Pair final : media::EngineOutput, media::Worker {
  void send(media::Socket, const Endpoint&, std::span<const uint8_t> datagram) override { bytes += datagram.size(); }
  void tell(media::AnchorId, media::Event) override {}
  void submit(uint64_t, Work) override {}
  static media::AnchorId leg(uint32_t number) { return static_cast<media::AnchorId>(uint64_t{1} << 32 | number); }
  static Endpoint phone(uint32_t number) { return {IpAddress::v4(0x0a000001 + number), 4000}; }

  Pair(const Frames* a, const Frames* b) {
    const media::Engine::StreamSockets sockets[] = {{}};
    for (uint32_t i = 0; i < 2; ++i) {
      engine.add(leg(i), sockets, true, now);
      media::Remote remote{.rtp = phone(i), .formats = {{}, {.payload_type = 101, .name = "telephone-event"}}};
      if (const Frames* keyed = i ? b : a)
        remote.srtp = media::SrtpKeys{*srtp::MasterKey::random(keyed->key().suite()), keyed->key()};
      engine.set_remote(leg(i), media::Side::outer, remote, now);
    }
    engine.connect(leg(0), {.kind = media::Path::Kind::bridge, .peer = leg(1), .has_comfort_noise = false}, now);
    // Until the move is over its packets are looked at twice.
    for (int i = 0; i < 50; ++i) engine.tick(now += std::chrono::milliseconds(20));
  }
  uint64_t bytes = 0;
  io::Instant now{std::chrono::seconds(1)};
  media::Engine engine{{.now = now, .wall = {}, .seed = 1}, *this, *this};
};

void relay(benchmark::State& state, bool is_secure_in, bool is_secure_out) {
  Frames frames(Suite::aead_aes_128_gcm), others(Suite::aead_aes_128_gcm);
  auto pair = std::make_unique<Pair>(is_secure_in ? &frames : nullptr, is_secure_out ? &others : nullptr);
  Frame plain{};
  uint16_t sequence = 0;
  uint32_t timestamp = 0;
  for (auto _ : state) {
    pair->now += std::chrono::milliseconds(20);
    if (is_secure_in && frames.is_over()) {
      state.PauseTiming();
      frames.renew();
      pair = std::make_unique<Pair>(&frames, is_secure_out ? &others : nullptr);
      state.ResumeTiming();
    }
    if (!is_secure_in) {
      number(plain, sequence++);
      rtp::write32(&plain[4], timestamp += 160);  // goes on where the numbers begin anew
    }
    const auto datagram =
        is_secure_in ? std::span<uint8_t>(frames.next()).first(frames.size()) : std::span(plain).first(frame_size);
    pair->engine.input({.anchor = Pair::leg(0)}, Pair::phone(0), datagram, pair->now);
  }
  state.counters["octets"] = static_cast<double>(pair->bytes);
}

/// A whole handshake; told is the longest time that either end held up its thread.
void handshake(benchmark::State& state) {
  const auto client_is = *srtp::Certificate::make(), server_is = *srtp::Certificate::make();
  std::vector<double> longest;
  for (auto _ : state) {
    using Role = srtp::Dtls::Role;
    std::chrono::nanoseconds longest_step{0};
    const auto timed = [&](auto step) {
      const auto begin = std::chrono::steady_clock::now();
      step();
      longest_step = std::max<std::chrono::nanoseconds>(longest_step, std::chrono::steady_clock::now() - begin);
    };
    std::unique_ptr<srtp::Dtls> client, server;
    timed([&] { client = *srtp::Dtls::make(client_is, Role::client, server_is->fingerprint(), {}); });
    timed([&] { server = *srtp::Dtls::make(server_is, Role::server, client_is->fingerprint(), {}); });
    for (bool is_moving = true; is_moving;) {
      is_moving = false;
      for (auto [from, to] : {std::pair(client.get(), server.get()), std::pair(server.get(), client.get())})
        for (const auto& datagram : from->take_output()) {
          timed([&] { to->input(datagram, {}); });
          is_moving = true;
        }
    }
    if (client->state() != srtp::Dtls::State::connected) state.SkipWithError("no keys");
    longest.push_back(std::chrono::duration<double, std::micro>(longest_step).count());
  }
  std::ranges::sort(longest);
  state.counters["longest_step_us"] = longest[longest.size() / 2];
}

const int registered = [] {
  benchmark::RegisterBenchmark("dtls/handshake", handshake);
  for (size_t i = 0; i < srtp::suite_count; ++i) {
    const auto suite = static_cast<Suite>(i);
    const std::string name = suite_name(suite);
    benchmark::RegisterBenchmark(("primitives/" + name).c_str(), primitives, suite);
    benchmark::RegisterBenchmark(("protect/" + name).c_str(), protect, suite);
    benchmark::RegisterBenchmark(("unprotect/" + name).c_str(), unprotect, suite);
  }
  benchmark::RegisterBenchmark("libsrtp2/AEAD_AES_128_GCM", with_libsrtp2, Suite::aead_aes_128_gcm);
  benchmark::RegisterBenchmark("libsrtp2/AES_CM_128_HMAC_SHA1_80", with_libsrtp2, Suite::aes_cm_128_hmac_sha1_80);
  benchmark::RegisterBenchmark("relay/RTP to RTP", relay, false, false);
  benchmark::RegisterBenchmark("relay/RTP to SRTP", relay, false, true);
  benchmark::RegisterBenchmark("relay/SRTP to RTP", relay, true, false);
  benchmark::RegisterBenchmark("relay/SRTP to SRTP", relay, true, true);
  return 0;
}();

}  // namespace
