#include "codec/jitter_buffer.hpp"

#include <doctest/doctest.h>

#include <map>
#include <random>

#include "codec/stream_encoder.hpp"
#include "sound.hpp"

using namespace nearend;
using namespace nearend::codec;
using namespace nearend::codec_test;
using std::chrono::microseconds;
using std::chrono::milliseconds;

namespace {

/// A stream on its way over a network whose delay and loss the test says, and what comes out of the buffer at each
/// tick.
struct Trace {
  std::string name = "PCMU";
  uint32_t ptime = 20;
  double seconds = 30;
  double loss = 0;
  double jitter_ms = 0;
  double duplicates = 0;
  double drift = 0;  // of the sender's clock
  uint32_t tick_ms = 20;
  uint32_t rate = 8000;
  uint64_t seed = 1;

  Samples in, out;
  JitterBuffer::Figures figures;
  double delay_mean = 0, delay_most = 0;
  size_t concealed_frames = 0, frames = 0;

  void run() {
    auto settings = *find_settings(name, name == "opus" ? 48000 : 8000, 1, "useinbandfec=1");
    StreamEncoder encoder(*make_encoder(settings), settings.clock_rate, ptime);
    JitterBuffer buffer(*make_decoder(settings), settings.clock_rate, rate, {});
    if (in.empty()) in = speech(settings.sample_rate, seconds);
    std::mt19937_64 random(seed);
    std::uniform_real_distribution<double> chance(0, 1);
    struct Flying {
      uint16_t sequence;
      uint32_t timestamp;
      std::vector<uint8_t> payload;
    };
    std::multimap<rtp::Instant, Flying> flying;
    const rtp::Instant start{std::chrono::hours(2)};
    size_t sent = 0;
    const size_t step = settings.sample_rate / 100;
    rtp::Instant now = start;
    std::vector<int16_t> frame(rate / 1000 * tick_ms);
    for (size_t ms = 0; ms < static_cast<size_t>(seconds * 1000); ++ms, now += milliseconds(1)) {
      while (sent + step <= in.size() &&
             static_cast<double>(sent + step) / settings.sample_rate * 1000 <= static_cast<double>(ms) * (1 + drift)) {
        encoder.put(std::span(in).subspan(sent, step), settings.sample_rate, 0);
        sent += step;
        while (auto packet = encoder.next()) {
          const Flying one{packet->sequence, packet->timestamp, {packet->payload.begin(), packet->payload.end()}};
          for (int copy = chance(random) < duplicates ? 2 : 1; copy > 0; --copy)
            if (chance(random) >= loss)
              flying.emplace(now + microseconds(static_cast<int>(40'000 + chance(random) * jitter_ms * 1000)), one);
        }
      }
      while (!flying.empty() && flying.begin()->first <= now) {
        const Flying& one = flying.begin()->second;
        buffer.put({.sequence = one.sequence, .timestamp = one.timestamp, .payload = one.payload}, now);
        flying.erase(flying.begin());
      }
      if (ms % tick_ms != 0) continue;
      const auto content = buffer.take(frame, now);
      out.insert(out.end(), frame.begin(), frame.end());
      if (ms < 5000) continue;
      ++frames;
      if (content == JitterBuffer::Content::concealed) ++concealed_frames;
      const double delay = buffer.figures().delay_ms;
      delay_mean += delay;
      delay_most = std::max(delay_most, delay);
    }
    delay_mean /= static_cast<double>(std::max<size_t>(frames, 1));
    figures = buffer.figures();
  }
  double concealed_share() const { return static_cast<double>(concealed_frames) / static_cast<double>(frames); }
};

rtp::Instant at(int ms) {
  return rtp::Instant{std::chrono::hours(1)} + milliseconds(ms);
}

}  // namespace

TEST_CASE("an even network: nothing is concealed, and little time is lost") {
  for (const std::string name : {"PCMU", "opus", "G722", "AMR"})
    for (uint32_t ptime : {20u, 40u, 60u})
      for (uint32_t tick : {10u, 20u}) {
        CAPTURE(name);
        CAPTURE(ptime);
        CAPTURE(tick);
        Trace trace{.name = name, .ptime = ptime, .seconds = 12, .tick_ms = tick};
        trace.run();
        CHECK(trace.concealed_frames == 0);
        CHECK(trace.figures.late == 0);
        CHECK(trace.delay_mean < 40);
        CHECK(level(trace.out) == doctest::Approx(level(trace.in)).epsilon(0.2));
      }
}

TEST_CASE("2 % loss and 20 ms of jitter: what is lost is concealed, hardly anything is late, the delay stays small") {
  for (const std::string name : {"PCMU", "opus"}) {
    CAPTURE(name);
    Trace trace{.name = name, .seconds = 60, .loss = 0.02, .jitter_ms = 20};
    trace.run();
    MESSAGE(name << ": delay " << trace.delay_mean << " ms, at most " << trace.delay_most << ", concealed "
                 << 100 * trace.concealed_share() << " % of the frames, late " << trace.figures.late << ", recovered "
                 << trace.figures.recovered_ms << " ms");
    CHECK(trace.concealed_share() < 0.06);
    CHECK(static_cast<double>(trace.figures.late) < 0.01 * static_cast<double>(trace.figures.received));
    CHECK(trace.delay_mean < 60);
    CHECK(trace.delay_most < 100);
    if (name == "opus") CHECK(trace.figures.recovered_ms > 200);
  }
}

TEST_CASE("reordered and doubled packets are put right") {
  Trace trace{.seconds = 30, .jitter_ms = 55, .duplicates = 0.1};
  trace.run();
  CHECK(trace.figures.doubled > 100);
  CHECK(static_cast<double>(trace.figures.late) < 0.015 * static_cast<double>(trace.figures.received));
  CHECK(trace.delay_mean < 110);
  CHECK(level(trace.out) == doctest::Approx(level(trace.in)).epsilon(0.2));
}

TEST_CASE("a sender whose clock is 300 ppm off is followed without loss") {
  for (double drift : {3e-4, -3e-4}) {
    CAPTURE(drift);
    Trace trace{.seconds = 120, .jitter_ms = 5, .drift = drift};
    trace.run();
    CHECK(trace.concealed_frames <= 10);  // a millisecond each
    CHECK(trace.figures.late <= 3);
    CHECK(trace.delay_mean < 60);
    CHECK(trace.delay_most < 80);
  }
}

TEST_CASE("the delay follows the network up and comes down again") {
  auto settings = *find_settings("PCMU", 8000, 1, "");
  JitterBuffer buffer(*make_decoder(settings), 8000, 8000, {});
  const std::vector<uint8_t> payload(160, 0xd5);
  std::vector<int16_t> frame(160);
  std::mt19937 random(3);
  std::multimap<int, int> arrivals;
  for (int i = 0; i < 6000; ++i)
    arrivals.emplace(i * 20 + 50 + (i > 1500 && i < 2500 ? static_cast<int>(random() % 80) : 0), i);
  double before = 0, during = 0, after = 0;
  auto next = arrivals.begin();
  for (int ms = 0; ms < 119'000; ++ms) {
    for (; next != arrivals.end() && next->first <= ms; ++next)
      buffer.put({.sequence = static_cast<uint16_t>(next->second),
                  .timestamp = static_cast<uint32_t>(next->second * 160),
                  .payload = payload},
                 at(ms));
    if (ms % 20 != 7) continue;
    buffer.take(frame, at(ms));
    if (ms == 29'007) before = buffer.figures().delay_ms;
    if (ms == 49'007) during = buffer.figures().delay_ms;
    if (ms == 118'007) after = buffer.figures().delay_ms;
  }
  CHECK(before < 45);
  CHECK(during > 70);
  CHECK(during < 140);
  CHECK(after < 55);
}

TEST_CASE("a pause with comfort noise is no loss") {
  auto settings = *find_settings("PCMU", 8000, 1, "");
  JitterBuffer buffer(*make_decoder(settings), 8000, 8000, {});
  const Samples voice = tone(300, 8000, 10);
  StreamEncoder encoder(*make_encoder(settings), 8000, 20);
  std::vector<int16_t> frame(160);
  size_t noise = 0, concealed = 0;
  double quiet = 0;
  uint16_t sequence = 0;
  const std::vector<uint8_t> cn{50};
  for (int i = 0; i < 400; ++i) {
    const int now = i * 20;
    const bool is_pause = i % 100 >= 50;
    const auto timestamp = static_cast<uint32_t>(i * 160);
    encoder.put(std::span(voice).subspan(0, 160), 8000, 0);
    const auto packet = encoder.next();
    if (!is_pause) buffer.put({.sequence = sequence++, .timestamp = timestamp, .payload = packet->payload}, at(now));
    if (i % 100 == 50) buffer.put_noise({.sequence = sequence++, .timestamp = timestamp, .payload = cn}, at(now));
    const auto content = buffer.take(frame, at(now + 11));
    noise += content == JitterBuffer::Content::noise;
    concealed += content == JitterBuffer::Content::concealed;
    if (i % 100 == 80) quiet = level(frame);
  }
  CHECK(concealed == 0);
  CHECK(noise > 150);
  CHECK(quiet == doctest::Approx(32767 / std::pow(10, 2.5)).epsilon(0.3));
  CHECK(buffer.figures().concealed_ms == 0);
}

TEST_CASE("a sender that just says nothing and goes on later costs a moment of concealment at most, and no delay") {
  auto settings = *find_settings("PCMU", 8000, 1, "");
  JitterBuffer buffer(*make_decoder(settings), 8000, 8000, {});
  const std::vector<uint8_t> payload(160, 0x90);
  std::vector<int16_t> frame(160);
  uint16_t sequence = 0;
  JitterBuffer::Content last{};
  for (int i = 0; i < 1000; ++i) {
    if (i % 200 < 100)
      buffer.put({.sequence = sequence++, .timestamp = static_cast<uint32_t>(i * 160), .payload = payload}, at(i * 20));
    last = buffer.take(frame, at(i * 20 + 9));
    if (i % 200 == 150) CHECK(last == JitterBuffer::Content::noise);
    if (i % 200 == 90) CHECK(last == JitterBuffer::Content::voice);
  }
  CHECK(buffer.figures().late == 0);
  CHECK(buffer.figures().concealed_ms <= 5 * 100);
  CHECK(buffer.figures().delay_ms < 50);
}

TEST_CASE("another source, a jump of the numbers and junk are taken as they come") {
  auto settings = *find_settings("AMR", 8000, 1, "");
  JitterBuffer buffer(*make_decoder(settings), 8000, 16000, {});
  StreamEncoder encoder(*make_encoder(settings), 8000, 20);
  const Samples voice = tone(500, 8000, 1);
  std::vector<int16_t> frame(320);
  std::mt19937 random(9);
  uint16_t base = 100;
  uint32_t origin = 5000;
  size_t heard = 0;
  for (int i = 0; i < 600; ++i) {
    if (i == 200) buffer.restart();
    if (i == 200 || i == 400) {
      base = static_cast<uint16_t>(random());
      origin = static_cast<uint32_t>(random());
    }
    encoder.put(std::span(voice).first(160), 8000, 0);
    const auto packet = encoder.next();
    buffer.put({.sequence = static_cast<uint16_t>(base + packet->sequence),
                .timestamp = origin + packet->timestamp,
                .payload = packet->payload},
               at(i * 20));
    std::vector<uint8_t> junk(random() % 100);
    for (uint8_t& byte : junk) byte = static_cast<uint8_t>(random());
    if (i % 50 == 49) buffer.put({.sequence = 1, .timestamp = 1, .payload = std::span(junk).first(0)}, at(i * 20));
    if (buffer.take(frame, at(i * 20 + 4)) == JitterBuffer::Content::voice) ++heard;
  }
  CHECK(heard > 550);
  CHECK(amount(frame, 500, 16000) > 4000);
}

TEST_CASE("a flood keeps to its room") {
  auto settings = *find_settings("PCMU", 8000, 1, "");
  JitterBuffer buffer(*make_decoder(settings), 8000, 8000, {.bytes = 2000});
  const std::vector<uint8_t> payload(160, 0x90);
  for (int i = 0; i < 5000; ++i)
    buffer.put({.sequence = static_cast<uint16_t>(i), .timestamp = static_cast<uint32_t>(i * 160), .payload = payload},
               at(0));
  CHECK(buffer.figures().overflowed > 4900);
  std::vector<int16_t> frame(160);
  for (int i = 0; i < 100; ++i) buffer.take(frame, at(i * 20));
}
