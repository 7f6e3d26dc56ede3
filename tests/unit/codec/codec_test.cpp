#include "codec/codec.hpp"

#include <doctest/doctest.h>

#include <array>
#include <random>
#include <string>

#include "sound.hpp"

using namespace nearend::codec;
using namespace nearend::codec_test;

namespace {

struct Case {
  std::string name;
  uint32_t clock_rate;
  std::string fmtp;
  uint32_t sample_rate;
  double delay_ms_max;
};
const std::vector<Case> cases{
    {"PCMU", 8000, "", 8000, 0.1},
    {"PCMA", 8000, "", 8000, 0.1},
    {"G722", 8000, "", 16000, 3},
    {"L16", 8000, "", 8000, 0},
    {"L16", 16000, "", 16000, 0},
    {"L16", 32000, "", 32000, 0},
    {"L16", 44100, "", 44100, 0},
    {"GSM", 8000, "", 8000, 1},
    {"G729", 8000, "annexb=no", 8000, 16},
    {"AMR", 8000, "octet-align=1", 8000, 11},
    {"AMR", 8000, "", 8000, 11},
    {"opus", 48000, "useinbandfec=1", 8000, 9},
    {"opus", 48000, "useinbandfec=1", 16000, 9},
    {"opus", 48000, "useinbandfec=1", 48000, 9},
};

Settings settings_of(const Case& one) {
  auto settings = find_settings(one.name, one.clock_rate, one.name == "opus" ? 2 : 1, one.fmtp);
  REQUIRE(settings);
  settings->sample_rate = one.sample_rate;
  return *settings;
}

/// Through encoder and decoder; packets that `is_lost` names are concealed.
template <class IsLost>
Samples through(const Settings& settings, const Samples& in, IsLost is_lost, uint32_t ptime = 20) {
  auto encoder = make_encoder(settings);
  auto decoder = make_decoder(settings);
  REQUIRE(encoder);
  REQUIRE(decoder);
  const size_t frame = (*encoder)->fitting(size_t{settings.sample_rate} * ptime / 1000);
  Samples out;
  std::vector<int16_t> room(settings.sample_rate / 1000 * packet_ms_max);
  std::array<uint8_t, payload_bytes_max> payload;
  size_t number = 0;
  for (size_t at = 0; at + frame <= in.size(); at += frame, ++number) {
    const auto size = (*encoder)->encode(std::span(in).subspan(at, frame), payload);
    REQUIRE(size);
    if (is_lost(number) || *size == 0) {
      (*decoder)->conceal(std::span(room).first(frame));
      out.insert(out.end(), room.begin(), room.begin() + static_cast<ptrdiff_t>(frame));
      continue;
    }
    const auto bytes = std::span(payload).first(*size);
    const auto counted = (*decoder)->count(bytes);
    REQUIRE(counted);
    const auto made = (*decoder)->decode(bytes, room);
    REQUIRE(made);
    CHECK(*made == *counted);
    CHECK(*made == frame);
    out.insert(out.end(), room.begin(), room.begin() + static_cast<ptrdiff_t>(*made));
  }
  return out;
}
constexpr auto nothing_lost = [](size_t) { return false; };

}  // namespace

TEST_CASE("what goes through a codec keeps its level, its length and its moment") {
  for (const Case& one : cases) {
    CAPTURE(one.name);
    CAPTURE(one.fmtp);
    CAPTURE(one.sample_rate);
    const Settings settings = settings_of(one);
    const Samples in = speech(one.sample_rate, 3);
    const Samples out = through(settings, in, nothing_lost);
    CHECK(out.size() + one.sample_rate / 25 > in.size());
    CHECK(level(out) == doctest::Approx(level(in)).epsilon(0.2));
    const size_t second = one.sample_rate;
    const size_t behind =
        delay(std::span(in).subspan(second, second / 2), std::span(out).subspan(second), one.sample_rate / 40);
    CHECK(1000.0 * static_cast<double>(behind) / one.sample_rate <= one.delay_ms_max);
    // The end is as late as the beginning: nothing slips.
    const size_t later =
        delay(std::span(in).subspan(2 * second, second / 2), std::span(out).subspan(2 * second), one.sample_rate / 40);
    CHECK(std::abs(static_cast<double>(later) - static_cast<double>(behind)) <= one.sample_rate / 2000.0);
  }
}

TEST_CASE("a tone comes out as the same tone, in packets of any length the codec takes") {
  for (const Case& one : cases) {
    for (uint32_t ptime : {10u, 20u, 30u, 40u, 60u}) {
      CAPTURE(one.name);
      CAPTURE(ptime);
      const Samples in = tone(600, one.sample_rate, 1);
      const Samples out = through(settings_of(one), in, nothing_lost, ptime);
      REQUIRE(out.size() > in.size() * 9 / 10);
      const auto steady = std::span(out).subspan(out.size() / 4, one.sample_rate / 2);
      CHECK(amount(steady, 600, one.sample_rate) == doctest::Approx(8000).epsilon(0.25));
      CHECK(amount(steady, 1130, one.sample_rate) < 600);
    }
  }
}

TEST_CASE("a lost packet is concealed with sound of about the same level, and the codec finds back") {
  for (const Case& one : cases) {
    CAPTURE(one.name);
    CAPTURE(one.sample_rate);
    const Settings settings = settings_of(one);
    const Samples in = tone(200, one.sample_rate, 2);
    const auto is_lost = [](size_t number) { return number % 20 == 10; };
    const Samples out = through(settings, in, is_lost);
    const Samples whole = through(settings, in, nothing_lost);
    REQUIRE(out.size() == whole.size());
    const size_t packet = one.sample_rate / 50;
    const size_t lost = 50 * packet;
    const double usual = level(std::span(whole).subspan(lost, packet));
    CHECK(level(std::span(out).subspan(lost, packet)) > usual * 0.35);
    CHECK(level(std::span(out).subspan(lost, packet)) < usual * 1.5);
    // Five packets on it is as before, or nearly: G.729 remembers longest.
    const double after = level(std::span(out).subspan(lost + 5 * packet, packet));
    CHECK(after > usual * 0.5);
    CHECK(after < usual * 1.3);
  }
}

TEST_CASE("a long loss fades to silence or to noise") {
  for (const Case& one : cases) {
    CAPTURE(one.name);
    CAPTURE(one.sample_rate);
    const Samples in = tone(300, one.sample_rate, 2);
    const Samples out = through(settings_of(one), in, [](size_t number) { return number >= 30; });
    const size_t packet = one.sample_rate / 50;
    CHECK(level(std::span(out).subspan(70 * packet)) < 600);
  }
}

TEST_CASE("the next packet of Opus gives back the lost one") {
  for (uint32_t rate : {8000u, 16000u}) {
    Settings settings = *find_settings("opus", 48000, 2, "useinbandfec=1");
    settings.sample_rate = rate;
    settings.expected_loss = 20;
    settings.bitrate = 24'000;
    auto encoder = *make_encoder(settings);
    auto decoder = *make_decoder(settings);
    const Samples in = speech(rate, 2);
    const size_t frame = rate / 50;
    std::vector<std::vector<uint8_t>> packets;
    std::array<uint8_t, payload_bytes_max> payload;
    for (size_t at = 0; at + frame <= in.size(); at += frame) {
      const auto size = encoder->encode(std::span(in).subspan(at, frame), payload);
      REQUIRE(size);
      packets.emplace_back(payload.begin(), payload.begin() + static_cast<ptrdiff_t>(*size));
    }
    std::vector<int16_t> room(rate / 1000 * packet_ms_max);
    Samples out;
    size_t lost = 0, recovered = 0;
    for (size_t i = 0; i < packets.size(); ++i) {
      if (i % 10 == 5 && i + 1 < packets.size()) {
        ++lost;
        if (decoder->recover(packets[i + 1], std::span(room).first(frame)))
          ++recovered;
        else
          decoder->conceal(std::span(room).first(frame));
      } else {
        REQUIRE(decoder->decode(packets[i], room));
      }
      out.insert(out.end(), room.begin(), room.begin() + static_cast<ptrdiff_t>(frame));
    }
    CHECK(recovered >= lost / 2);
    CHECK(level(out) == doctest::Approx(level(in)).epsilon(0.2));
  }
}

TEST_CASE("with DTX little is sent in silence, and the other end hears noise rather than nothing wrong") {
  for (const std::string name : {"opus", "AMR", "G729"}) {
    CAPTURE(name);
    Settings settings = *find_settings(name, name == "opus" ? 48000 : 8000, 1, "usedtx=1");
    settings.has_dtx = true;
    auto encoder = *make_encoder(settings);
    auto decoder = *make_decoder(settings);
    std::array<uint8_t, payload_bytes_max> payload;
    std::array<int16_t, 960> room;
    const Samples voice = speech(8000, 2);
    const Samples quiet(8000 * 2);
    bool has_paused = false;
    for (const Samples& part : {voice, quiet})
      for (size_t at = 0; at + 160 <= part.size(); at += 160) {
        const auto size = encoder->encode(std::span(part).subspan(at, 160), payload);
        REQUIRE(size);
        if (*size > 0)
          REQUIRE(decoder->decode(std::span(payload).first(*size), room));
        else
          decoder->conceal(std::span(room).first(160));
        has_paused = has_paused || decoder->is_pausing() || *size == 0;
      }
    CHECK(has_paused);
    CHECK(level(std::span(room).first(160)) < 400);
  }
}

TEST_CASE("AMR sends in the mode that is asked for and allowed, in both payload formats") {
  for (const std::string form : {"octet-align=1", ""}) {
    Settings settings = *find_settings("AMR", 8000, 1, form + std::string("; mode-set=0,2,5,7"));
    auto encoder = *make_encoder(settings);
    std::array<uint8_t, payload_bytes_max> payload;
    const Samples in = tone(400, 8000, 0.1);
    const auto bytes_of = [&] { return *encoder->encode(std::span(in).first(160), payload); };
    const size_t mode_7 = form.empty() ? 32 : 33;  // 244 bits; 10 bits in front against two bytes
    CHECK(bytes_of() == mode_7);
    encoder->request_mode(0);
    CHECK(bytes_of() == (form.empty() ? 14 : 14));  // 95 bits
    encoder->request_mode(4);                       // not in the set: the next below
    CHECK(bytes_of() == (form.empty() ? 16 : 17));  // 118 bits
    encoder->request_mode(15);                      // no wish
    CHECK(bytes_of() == (form.empty() ? 16 : 17));
  }
}

TEST_CASE("broken payloads are refused by name and leave the decoder as it was") {
  std::mt19937 random(5);
  for (const Case& one : cases) {
    CAPTURE(one.name);
    auto decoder = *make_decoder(settings_of(one));
    std::vector<int16_t> room(one.sample_rate / 1000 * packet_ms_max);
    CHECK(decoder->decode({}, room).error() == Fault::truncated);
    const std::vector<uint8_t> huge(65000, 0x7f);
    CHECK_FALSE(decoder->decode(huge, room));
    for (int i = 0; i < 300; ++i) {
      std::vector<uint8_t> junk(random() % 200);
      for (uint8_t& byte : junk) byte = static_cast<uint8_t>(random());
      const auto made = decoder->decode(junk, room);
      if (made) CHECK(*made <= room.size());
    }
    std::array<int16_t, 4> small;
    const std::vector<uint8_t> good(20, 0);
    const auto made = decoder->decode(good, small);
    CHECK_FALSE(made);
    auto encoder = *make_encoder(settings_of(one));
    std::array<uint8_t, 1> tiny;
    CHECK_FALSE(encoder->encode(std::span<const int16_t>(room).first(encoder->fitting(320)), tiny));
    CHECK_FALSE(encoder->encode({}, tiny));
  }
}

TEST_CASE("names and parameters of SDP find their codec, foreign ones do not") {
  CHECK(find_settings("pcmu", 8000, 1, ""));
  CHECK_FALSE(find_settings("PCMU", 16000, 1, ""));
  CHECK_FALSE(find_settings("L16", 44100, 2, ""));
  CHECK_FALSE(find_settings("opus", 8000, 2, ""));
  CHECK_FALSE(find_settings("iLBC", 8000, 1, ""));
  CHECK_FALSE(find_settings("AMR", 8000, 1, "interleaving=3"));
  CHECK_FALSE(find_settings("AMR-WB", 16000, 1, ""));
  const auto opus = find_settings("OPUS", 48000, 2, "maxaveragebitrate=20000; useinbandfec=1;usedtx=1");
  REQUIRE(opus);
  CHECK(opus->bitrate == 20000);
  CHECK(opus->has_fec);
  CHECK(opus->has_dtx);
  CHECK(full_rate(*opus) == 48000);
  Settings odd = *opus;
  odd.sample_rate = 11025;
  CHECK(make_encoder(odd).error() == Fault::refused);
  CHECK(make_decoder(odd).error() == Fault::refused);
}
