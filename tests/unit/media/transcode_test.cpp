#include <doctest/doctest.h>

#include <unistd.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <numbers>

#include "codec/stream_decoder.hpp"
#include "codec/stream_encoder.hpp"
#include "media/engine.hpp"

using namespace nearend;
using namespace nearend::media;

namespace {

struct Sink final : EngineOutput {
  void send(Socket, const Endpoint& to, std::span<const uint8_t> datagram) override {
    if (rtp::is_rtcp(datagram)) return;
    sent[to].emplace_back(datagram.begin(), datagram.end());
  }
  void tell(AnchorId, Event event) override { events.push_back(std::move(event)); }
  std::map<Endpoint, std::vector<std::vector<uint8_t>>> sent;
  std::vector<Event> events;
};
/// Works at once; what is told of it waits for finish().
struct NowWorker final : Worker {
  void submit(uint64_t, Work work) override { done.push_back(work()); }
  void finish() {
    for (auto& tell : std::exchange(done, {}))
      if (tell) tell();
  }
  std::vector<Completion> done;
};

const Format pcmu{.payload_type = 0, .name = "PCMU"};
const Format opus{.payload_type = 111, .name = "opus", .clock_rate = 48000, .channels = 2, .fmtp = "useinbandfec=1"};
const Format g722{.payload_type = 9, .name = "G722"};
const Format g729{.payload_type = 18, .name = "G729"};
const Format amr{.payload_type = 97, .name = "AMR", .fmtp = "octet-align=1"};
Format event(uint8_t type, uint32_t clock_rate) {
  return {.payload_type = type, .name = "telephone-event", .clock_rate = clock_rate};
}

/// The samples of a WAV file of 16 bits, channels in turn.
std::optional<std::vector<int16_t>> read_wav_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const size_t data = bytes.find("data");
  if (data == std::string::npos) return std::nullopt;
  std::vector<int16_t> samples((bytes.size() - data - 8) / 2);
  std::memcpy(samples.data(), bytes.data() + data + 8, samples.size() * 2);
  return samples;
}

/// Two bridged phones with a codec each; both speak tones in packets of 20 ms.
struct Talk {
  Sink sink;
  NowWorker worker;
  io::Instant now{std::chrono::seconds(1)};
  Engine engine{{.now = now, .wall = {}, .seed = 1}, sink, worker};
  struct Phone {
    AnchorId leg;
    Endpoint at;
    Format format;
    codec::Settings settings;
    std::unique_ptr<codec::StreamEncoder> encoder;
    double hz;
    size_t said = 0;
    uint16_t extra = 0;  // packets of other kinds
  };
  Phone a, b;

  static Phone phone(uint32_t number, const Format& format, double hz) {
    Phone phone{.leg = static_cast<AnchorId>(uint64_t{1} << 32 | number),
                .at = {IpAddress::v4(0x0a000001 + number), 4000},
                .format = format,
                .settings = *codec::find_settings(format.name, format.clock_rate, 1, format.fmtp),
                .encoder = nullptr,
                .hz = hz};
    phone.encoder = std::make_unique<codec::StreamEncoder>(*codec::make_encoder(phone.settings), format.clock_rate, 20);
    return phone;
  }
  void set(const Phone& phone, std::vector<Format> formats, int ptime = 20) {
    Remote remote{.rtp = phone.at};
    remote.formats = std::move(formats);
    remote.ptime = milliseconds(ptime);
    engine.set_remote(phone.leg, Side::outer, remote, now);
  }
  Talk(const Format& first, const Format& second, uint32_t event_a = 8000, uint32_t event_b = 8000)
      : a(phone(0, first, 500)), b(phone(1, second, 800)) {
    const Engine::StreamSockets sockets[] = {{}};
    engine.add(a.leg, sockets, false, now);
    engine.add(b.leg, sockets, false, now);
    set(a, {first, event(101, event_a)});
    set(b, {second, event(96, event_b)});
  }
  void bridge() { engine.connect(a.leg, {.kind = Path::Kind::bridge, .peer = b.leg}, now); }

  void input(Phone& phone, rtp::Packet packet) {
    std::array<uint8_t, 1600> bytes;
    packet.ssrc = 7;
    packet.sequence = static_cast<uint16_t>(packet.sequence + phone.extra);
    engine.input({.anchor = phone.leg}, phone.at, std::span(bytes).first(rtp::write_packet(bytes, packet)), now);
  }
  void say(Phone& phone, bool is_lost = false) {
    std::vector<int16_t> samples(phone.settings.sample_rate / 50);
    for (int16_t& sample : samples)
      sample = static_cast<int16_t>(8000 * std::sin(2 * std::numbers::pi * phone.hz *
                                                    static_cast<double>(phone.said++) / phone.settings.sample_rate));
    phone.encoder->put(samples, phone.settings.sample_rate, 0);
    while (auto packet = phone.encoder->next())
      if (!is_lost)
        input(phone, {.payload_type = phone.format.payload_type,
                      .sequence = packet->sequence,
                      .timestamp = packet->timestamp,
                      .payload = packet->payload});
  }
  void step() {
    now += milliseconds(20);
    engine.tick(now);
  }
  void talk(int frames) {
    for (; frames > 0; --frames) {
      step();
      say(a);
      say(b);
    }
  }

  struct Heard {
    std::vector<int16_t> samples;
    size_t packets = 0, sequence_breaks = 0, time_breaks = 0, ssrcs = 0;
    double amount(double hz, uint32_t rate) const {
      double re = 0, im = 0;
      const size_t from = samples.size() / 2, count = samples.size() - from;
      for (size_t i = 0; i < count; ++i) {
        const double angle = 2 * std::numbers::pi * hz * static_cast<double>(i) / rate;
        re += samples[from + i] * std::cos(angle);
        im += samples[from + i] * std::sin(angle);
      }
      return 2 * std::hypot(re, im) / static_cast<double>(std::max<size_t>(count, 1));
    }
  };
  Heard heard(const Phone& phone, uint32_t ptime = 20) {
    Heard heard;
    auto decoder = *codec::make_decoder(phone.settings);
    std::vector<int16_t> room(phone.settings.sample_rate / 1000 * codec::packet_ms_max);
    std::optional<rtp::Packet> last;
    for (const auto& bytes : sink.sent[phone.at]) {
      const auto packet = *rtp::parse_packet(bytes);
      if (packet.payload_type != phone.format.payload_type) continue;
      const auto made = decoder->decode(packet.payload, room);
      REQUIRE(made);
      heard.samples.insert(heard.samples.end(), room.begin(), room.begin() + static_cast<ptrdiff_t>(*made));
      if (last) {
        heard.sequence_breaks += packet.sequence != static_cast<uint16_t>(last->sequence + 1);
        heard.time_breaks += packet.timestamp - last->timestamp != phone.format.clock_rate / 1000 * ptime;
        heard.ssrcs += packet.ssrc != last->ssrc;
      }
      last = packet;
      ++heard.packets;
    }
    return heard;
  }
};

}  // namespace

TEST_CASE("two legs without a common codec understand each other, on one unbroken line each") {
  const std::vector<std::pair<Format, Format>> pairs{{opus, pcmu}, {g722, pcmu}, {g729, pcmu}, {amr, pcmu},
                                                     {opus, g722}, {opus, amr},  {g722, g729}};
  for (const auto& [first, second] : pairs) {
    CAPTURE(first.name);
    CAPTURE(second.name);
    Talk talk(first, second);
    talk.bridge();
    talk.talk(100);
    for (auto [listener, talker] : {std::pair{&talk.a, &talk.b}, std::pair{&talk.b, &talk.a}}) {
      const auto heard = talk.heard(*listener);
      CHECK(heard.packets >= 99);
      CHECK(heard.sequence_breaks == 0);
      CHECK(heard.time_breaks == 0);
      CHECK(heard.ssrcs == 0);
      CHECK(heard.amount(talker->hz, listener->settings.sample_rate) == doctest::Approx(8000).epsilon(0.3));
    }
  }
}

TEST_CASE("a leg that has a codec in common is passed through, whatever else it likes better") {
  Talk talk(opus, pcmu);
  talk.set(talk.b, {opus, pcmu});
  talk.bridge();
  talk.talk(20);
  size_t passed = 0;
  for (const auto& bytes : talk.sink.sent[talk.b.at]) passed += rtp::parse_packet(bytes)->payload_type == 111;
  CHECK(passed == 20);
}

TEST_CASE("a lost packet of one side is concealed for the other, which sees no hole") {
  Talk talk(opus, pcmu);
  talk.bridge();
  talk.talk(20);  // until the move is over: meanwhile noise fills a pause
  for (int i = 0; i < 100; ++i) {
    talk.step();
    talk.say(talk.a, i % 10 == 5);
    talk.say(talk.b);
  }
  const auto heard = talk.heard(talk.b);
  CHECK(heard.packets == 120);
  CHECK(heard.sequence_breaks == 0);
  CHECK(heard.time_breaks == 0);
  CHECK(heard.amount(500, 8000) > 5000);
}

TEST_CASE("packets become as long as the listener wants them") {
  Talk talk(opus, pcmu);
  talk.set(talk.b, {pcmu}, 40);
  talk.bridge();
  talk.talk(100);
  const auto heard = talk.heard(talk.b, 40);
  CHECK(heard.packets == 50);
  CHECK(heard.time_breaks == 0);
}

TEST_CASE("a key is pressed once on the other side, at its clock and on the line of its sound") {
  Talk talk(opus, pcmu, 48000, 8000);
  talk.bridge();
  talk.talk(20);
  const uint32_t timestamp = talk.a.encoder->timestamp();
  const uint16_t sequence = talk.a.encoder->take_sequence();
  for (uint16_t i = 0; i < 8; ++i) {
    talk.step();
    const auto payload =
        rtp::write_event({.event = 5, .is_end = i >= 5, .duration = static_cast<uint16_t>(std::min(i + 1, 6) * 960)});
    talk.input(talk.a, {.marker = i == 0,
                        .payload_type = 101,
                        .sequence = static_cast<uint16_t>(sequence + i),
                        .timestamp = timestamp,
                        .payload = payload});
  }
  talk.a.extra = 7;
  talk.a.encoder->put(std::vector<int16_t>(160), 8000, 8 * 160);
  talk.talk(20);
  std::vector<rtp::EventPayload> events;
  std::optional<uint32_t> event_timestamp;
  std::optional<uint16_t> last;
  size_t breaks = 0;
  for (const auto& bytes : talk.sink.sent[talk.b.at]) {
    const auto packet = *rtp::parse_packet(bytes);
    if (last) breaks += packet.sequence != static_cast<uint16_t>(*last + 1);
    last = packet.sequence;
    if (packet.payload_type != 96) continue;
    if (event_timestamp) CHECK(packet.timestamp == *event_timestamp);
    event_timestamp = packet.timestamp;
    events.push_back(*rtp::parse_event(packet.payload));
  }
  CHECK(breaks == 0);
  REQUIRE(events.size() == 8);
  CHECK(events.front().duration == 160);
  CHECK(events.back().duration == 960);
  CHECK(events.back().is_end);
  size_t digits = 0;
  for (const Event& one : talk.sink.events) digits += std::holds_alternative<event::Digit>(one);
  CHECK(digits == 1);
}

TEST_CASE("a pause that is announced is noise of its level for who does not know such announcements, and no hole") {
  for (const Format& listener : {opus, pcmu}) {
    CAPTURE(listener.name);
    Talk talk(pcmu, listener);
    talk.set(talk.a, {pcmu, {.payload_type = 13, .name = "CN"}});
    talk.set(talk.b, {listener});
    talk.engine.connect(talk.a.leg, {.kind = Path::Kind::bridge, .peer = talk.b.leg}, talk.now);
    talk.talk(50);
    const std::array<uint8_t, 1> level{40};
    talk.step();
    talk.input(talk.a, {.payload_type = 13,
                        .sequence = talk.a.encoder->take_sequence(),
                        .timestamp = talk.a.encoder->timestamp(),
                        .payload = level});
    talk.sink.sent[talk.b.at].clear();
    for (int i = 0; i < 50; ++i) {
      talk.step();
      talk.say(talk.b);
    }
    const auto pause = talk.heard(talk.b);
    CHECK(pause.packets >= 49);
    CHECK(pause.sequence_breaks == 0);
    CHECK(pause.time_breaks == 0);
    double energy = 0;
    for (int16_t sample : pause.samples) energy += sample * sample;
    const double loudness = 10 * std::log10(energy / static_cast<double>(pause.samples.size())) - 90.3;
    CHECK(loudness > -50);
    CHECK(loudness < -32);
    talk.a.encoder->put(std::vector<int16_t>(160), 8000, 50 * 160);
    talk.sink.sent[talk.b.at].clear();
    talk.talk(50);
    const auto after = talk.heard(talk.b);
    CHECK(after.sequence_breaks == 0);
    CHECK(after.ssrcs == 0);
    CHECK(after.amount(500, talk.b.settings.sample_rate) > 5000);
  }
}

TEST_CASE("a codec's own pause becomes comfort noise packets for who knows those, on the line of the sound") {
  Talk talk(amr, pcmu);
  talk.set(talk.b, {pcmu, {.payload_type = 13, .name = "CN"}});
  talk.a.settings.has_dtx = true;
  talk.a.encoder = std::make_unique<codec::StreamEncoder>(*codec::make_encoder(talk.a.settings), 8000, 20);
  talk.bridge();
  const auto frames = [&](int count, bool is_silent) {
    for (; count > 0; --count) {
      talk.step();
      if (!is_silent) {
        talk.say(talk.a);
        continue;
      }
      talk.a.encoder->put(std::vector<int16_t>(160), 8000, 0);
      while (auto packet = talk.a.encoder->next())
        talk.input(talk.a, {.payload_type = 97,
                            .sequence = packet->sequence,
                            .timestamp = packet->timestamp,
                            .payload = packet->payload});
    }
  };
  frames(50, false);
  frames(60, true);
  frames(50, false);
  size_t noise = 0, breaks = 0;
  std::optional<rtp::Packet> last;
  for (const auto& bytes : talk.sink.sent[talk.b.at]) {
    const auto packet = *rtp::parse_packet(bytes);
    noise += packet.payload_type == 13;
    if (last) {
      breaks += packet.sequence != static_cast<uint16_t>(last->sequence + 1) || packet.ssrc != last->ssrc;
      CHECK(static_cast<int32_t>(packet.timestamp - last->timestamp) >= 0);
    }
    last = packet;
  }
  CHECK(noise >= 1);
  CHECK(breaks == 0);
}

TEST_CASE("comfort noise beside a codec that must be turned into another keeps the line of the sound") {
  Talk talk(g722, pcmu);
  const Format noise{.payload_type = 13, .name = "CN"};
  talk.set(talk.a, {g722, noise});
  talk.set(talk.b, {pcmu, noise});
  talk.bridge();
  talk.talk(20);
  const std::array<uint8_t, 1> level{50};
  talk.step();
  talk.input(talk.a, {.payload_type = 13,
                      .sequence = talk.a.encoder->take_sequence(),
                      .timestamp = talk.a.encoder->timestamp(),
                      .payload = level});
  for (int i = 0; i < 10; ++i) talk.step();
  talk.a.encoder->put(std::vector<int16_t>(320), 16000, 10 * 320);
  talk.talk(20);
  size_t breaks = 0, noises = 0, marks = 0;
  std::optional<rtp::Packet> last;
  for (const auto& bytes : talk.sink.sent[talk.b.at]) {
    const auto packet = *rtp::parse_packet(bytes);
    noises += packet.payload_type == 13;
    if (last) {
      breaks += packet.sequence != static_cast<uint16_t>(last->sequence + 1);
      marks += packet.marker;
    }
    last = packet;
  }
  CHECK(noises == 1);
  CHECK(breaks == 0);
  CHECK(marks == 1);
}

TEST_CASE("a leg of any codec can be played to, and then goes on with its peer without a break") {
  for (const Format& format : {opus, g722, g729, amr}) {
    CAPTURE(format.name);
    Talk talk(format, pcmu);
    std::vector<PlayItem> items(1);
    items[0].kind = Source::Kind::tone;
    items[0].tone.count = 1;
    items[0].tone.steps[0] = {.first_hz = 1000, .second_hz = 0, .length_ms = 1000};
    items[0].length = milliseconds(1000);
    auto player = std::make_unique<Player>(static_cast<JobId>(1), std::move(items), PlayEnds{});
    talk.engine.play(talk.a.leg, std::move(player), false, talk.now);
    for (int i = 0; i < 48; ++i) talk.step();
    const auto heard = talk.heard(talk.a);
    CHECK(heard.packets >= 47);
    CHECK(heard.sequence_breaks == 0);
    CHECK(heard.time_breaks == 0);
    CHECK(heard.amount(1000, talk.a.settings.sample_rate) > 2000);
    for (int i = 0; i < 5; ++i) talk.step();
    talk.bridge();
    talk.talk(50);
    const auto all = talk.heard(talk.a);
    CHECK(all.sequence_breaks == 0);
    CHECK(all.ssrcs == 0);
    CHECK(all.time_breaks <= 2);
    CHECK(all.amount(800, talk.a.settings.sample_rate) > 4000);
  }
}

TEST_CASE("a leg of any codec is recorded, as long as it spoke and as loud, losses and all") {
  const auto directory = std::filesystem::temp_directory_path() / fmt::format("nearend-coded-{}", ::getpid());
  std::filesystem::create_directories(directory);
  for (const Format& format : {opus, g722, g729, amr}) {
    CAPTURE(format.name);
    Talk talk(format, pcmu);
    talk.bridge();
    talk.talk(10);
    const std::string path = (directory / (format.name + ".wav")).string();
    talk.engine.record(static_cast<JobId>(1), {.legs = {talk.a.leg, talk.b.leg}, .is_dual = true}, path, talk.now);
    for (int i = 0; i < 150; ++i) {
      talk.step();
      talk.say(talk.a, i % 30 == 20);
      talk.say(talk.b);
    }
    talk.engine.stop(talk.a.leg, static_cast<JobId>(1), talk.now);
    talk.worker.finish();
    const auto clip = read_wav_file(path);
    REQUIRE(clip);
    CHECK(clip->size() / 2 >= 148 * 160);
    CHECK(clip->size() / 2 <= 160 * 160);
    Talk::Heard left, right;
    for (size_t i = 0; i + 1 < clip->size(); i += 2) {
      left.samples.push_back((*clip)[i]);
      right.samples.push_back((*clip)[i + 1]);
    }
    CHECK(left.amount(500, 8000) > 4500);
    CHECK(left.amount(800, 8000) < 500);
    CHECK(right.amount(800, 8000) > 7000);
  }
  std::filesystem::remove_all(directory);
}

TEST_CASE("keys pressed as tones are heard on a leg of any codec") {
  Talk talk(g722, pcmu);
  talk.set(talk.a, {g722});  // no telephone-event
  talk.bridge();
  std::vector<int16_t> samples(320);
  size_t at = 0;
  for (int i = 0; i < 40; ++i) {
    talk.step();
    for (int16_t& sample : samples) {
      const double t = static_cast<double>(at++) / 16000;
      const bool is_pressed = i >= 5 && i < 15;
      sample = is_pressed ? static_cast<int16_t>(6000 * (std::sin(2 * std::numbers::pi * 770 * t) +
                                                         std::sin(2 * std::numbers::pi * 1336 * t)))
                          : int16_t{0};
    }
    talk.a.encoder->put(samples, 16000, 0);
    while (auto packet = talk.a.encoder->next())
      talk.input(talk.a, {.payload_type = 9,
                          .sequence = packet->sequence,
                          .timestamp = packet->timestamp,
                          .payload = packet->payload});
  }
  std::string digits;
  for (const Event& one : talk.sink.events)
    if (const auto* digit = std::get_if<event::Digit>(&one)) digits += digit->digit;
  CHECK(digits == "5");
}

TEST_CASE("a codec that nobody can code is dropped and counted, not sent on") {
  Talk talk(opus, pcmu);
  talk.set(talk.a, {{.payload_type = 98, .name = "speex", .clock_rate = 8000}});
  talk.bridge();
  const std::vector<uint8_t> payload(30);
  for (uint16_t i = 0; i < 10; ++i) {
    talk.step();
    talk.input(talk.a, {.payload_type = 98, .sequence = i, .timestamp = i * 160u, .payload = payload});
  }
  for (const auto& bytes : talk.sink.sent[talk.b.at]) CHECK(rtp::parse_packet(bytes)->payload.size() == 160);  // noise
  CHECK(talk.engine.stats(talk.b.leg).front().dropped_malformed == 10);
}
