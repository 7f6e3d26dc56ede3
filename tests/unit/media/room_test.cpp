#include <doctest/doctest.h>

#include <cmath>
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
    if (!rtp::is_rtcp(datagram)) sent[to].emplace_back(datagram.begin(), datagram.end());
  }
  void tell(AnchorId leg, Event event) override { events.emplace_back(leg, std::move(event)); }
  std::map<Endpoint, std::vector<std::vector<uint8_t>>> sent;
  std::vector<std::pair<AnchorId, Event>> events;
};
struct NoWorker final : Worker {
  void submit(uint64_t, Work) override {}
};

const Format pcmu{.payload_type = 0, .name = "PCMU"};
const Format pcma{.payload_type = 8, .name = "PCMA"};
const Format g722{.payload_type = 9, .name = "G722"};
const Format opus{.payload_type = 111, .name = "opus", .clock_rate = 48000, .channels = 2, .fmtp = "useinbandfec=1"};

/// Someone with a phone that speaks a tone of his own.
struct Party {
  AnchorId leg;
  Endpoint at;
  Format format;
  codec::Settings settings;
  std::unique_ptr<codec::StreamEncoder> encoder;
  double hz;
  double volume = 4000;
  size_t said = 0;
};

struct Conference {
  Sink sink;
  NoWorker worker;
  io::Instant now{std::chrono::seconds(1)};
  Engine engine{{.now = now, .wall = {}, .seed = 1}, sink, worker};
  std::vector<Party> parties;

  /// Tones lie where no other's sum or double is.
  explicit Conference(const std::vector<Format>& formats) {
    for (const Format& format : formats) add(format, 450 + 250 * static_cast<double>(parties.size()));
  }
  Party& add(const Format& format, double hz) {
    const auto number = static_cast<uint32_t>(parties.size());
    Party party{.leg = static_cast<AnchorId>(uint64_t{1} << 32 | number),
                .at = {IpAddress::v4(0x0a000001 + number), 4000},
                .format = format,
                .settings = *codec::find_settings(format.name, format.clock_rate, 1, format.fmtp),
                .encoder = nullptr,
                .hz = hz};
    party.encoder = std::make_unique<codec::StreamEncoder>(*codec::make_encoder(party.settings), format.clock_rate, 20);
    const Engine::StreamSockets sockets[] = {{}};
    engine.add(party.leg, sockets, false, now);
    Remote remote{.rtp = party.at};
    remote.formats = {format, {.payload_type = 101, .name = "telephone-event"}};
    engine.set_remote(party.leg, Side::outer, remote, now);
    return parties.emplace_back(std::move(party));
  }
  void seat(size_t who, Seat seat) {
    if (seat.room.empty()) seat.room = "CF1";
    engine.seat(parties[who].leg, seat, now);
  }
  void seat_all() {
    for (size_t i = 0; i < parties.size(); ++i) seat(i, {});
  }
  void leave(size_t who) { engine.seat(parties[who].leg, Seat{}, now); }

  void say(Party& party, bool is_lost = false, milliseconds delay = {}) {
    std::vector<int16_t> samples(party.settings.sample_rate / 50);
    for (int16_t& sample : samples)
      sample =
          static_cast<int16_t>(party.volume * std::sin(2 * std::numbers::pi * party.hz *
                                                       static_cast<double>(party.said++) / party.settings.sample_rate));
    party.encoder->put(samples, party.settings.sample_rate, 0);
    while (auto packet = party.encoder->next()) {
      if (is_lost) continue;
      std::array<uint8_t, 1600> bytes;
      const size_t size = rtp::write_packet(bytes, {.payload_type = party.format.payload_type,
                                                    .sequence = packet->sequence,
                                                    .timestamp = packet->timestamp,
                                                    .ssrc = 7,
                                                    .payload = packet->payload});
      engine.input({.anchor = party.leg}, party.at, std::span(bytes).first(size), now + delay);
    }
  }
  void talk(int frames) {
    for (; frames > 0; --frames) {
      now += milliseconds(20);
      engine.tick(now);
      for (Party& party : parties) say(party);
    }
  }

  struct Heard {
    std::vector<int16_t> samples;
    uint32_t rate = 8000;
    size_t packets = 0, breaks = 0;
    double amount(double hz) const {
      double re = 0, im = 0;
      for (size_t i = 0; i < samples.size(); ++i) {
        const double angle = 2 * std::numbers::pi * hz * static_cast<double>(i) / rate;
        re += samples[i] * std::cos(angle);
        im += samples[i] * std::sin(angle);
      }
      return 2 * std::hypot(re, im) / static_cast<double>(std::max<size_t>(samples.size(), 1));
    }
  };
  /// What a party heard in its last packets, one line of numbers without a break.
  Heard heard(size_t who, size_t last = 40) {
    const Party& party = parties[who];
    Heard heard{.rate = party.settings.sample_rate};
    auto decoder = *codec::make_decoder(party.settings);
    std::vector<int16_t> room(party.settings.sample_rate / 1000 * codec::packet_ms_max);
    const auto& sent = sink.sent[party.at];
    std::optional<rtp::Packet> before;
    for (size_t i = 0; i < sent.size(); ++i) {
      const auto packet = *rtp::parse_packet(sent[i]);
      const auto made = decoder->decode(packet.payload, room);
      REQUIRE(made);
      if (before)
        heard.breaks += packet.sequence != static_cast<uint16_t>(before->sequence + 1) || packet.ssrc != before->ssrc ||
                        packet.timestamp - before->timestamp != party.format.clock_rate / 50;
      before = packet;
      ++heard.packets;
      if (i + last >= sent.size())
        heard.samples.insert(heard.samples.end(), room.begin(), room.begin() + static_cast<ptrdiff_t>(*made));
    }
    return heard;
  }
  double from(size_t listener, size_t talker) { return heard(listener).amount(parties[talker].hz); }
  bool hears(size_t listener, size_t talker) { return from(listener, talker) > 1500; }
};

}  // namespace

TEST_CASE("in a room everybody hears all others and not himself, whatever codecs they have") {
  Conference room({pcmu, pcma, opus, g722, pcmu});
  room.seat_all();
  room.talk(100);
  for (size_t listener = 0; listener < room.parties.size(); ++listener) {
    CAPTURE(listener);
    for (size_t talker = 0; talker < room.parties.size(); ++talker) {
      CAPTURE(talker);
      if (talker == listener)
        CHECK(room.from(listener, talker) < 300);
      else
        CHECK(room.from(listener, talker) == doctest::Approx(4000).epsilon(0.35));
    }
    const auto heard = room.heard(listener);
    CHECK(heard.packets >= 99);
    CHECK(heard.breaks == 0);
  }
}

TEST_CASE("who is muted hears and is not heard; who is held neither") {
  Conference room({pcmu, pcma, pcmu});
  room.seat_all();
  room.talk(60);
  room.seat(1, {.is_muted = true});
  room.talk(60);
  CHECK_FALSE(room.hears(0, 1));
  CHECK(room.hears(1, 0));
  CHECK(room.hears(0, 2));
  room.seat(1, {.is_held = true});
  room.talk(60);
  CHECK_FALSE(room.hears(0, 1));
  CHECK_FALSE(room.hears(1, 0));
  room.seat(1, {});
  room.talk(60);
  CHECK(room.hears(0, 1));
  CHECK(room.hears(1, 0));
  for (size_t i = 0; i < 3; ++i) CHECK(room.heard(i).breaks == 0);
}

TEST_CASE("a coach is heard by one alone, also by one who comes later, and by nobody when that one has gone") {
  Conference room({pcmu, pcmu, pcmu});
  room.seat(0, {});
  room.seat(2, {.coached = room.parties[1].leg});
  room.talk(60);
  CHECK_FALSE(room.hears(0, 2));
  CHECK(room.hears(2, 0));
  room.seat(1, {});
  room.talk(60);
  CHECK_FALSE(room.hears(0, 2));
  CHECK(room.hears(1, 2));
  room.leave(1);
  room.talk(60);
  CHECK_FALSE(room.hears(0, 2));
  room.seat(2, {});
  room.talk(60);
  CHECK(room.hears(0, 2));
}

TEST_CASE("a beep tells who comes and who goes") {
  Conference room({pcmu, pcmu});
  const auto count_loud = [&] {
    int loud = 0;
    for (int i = 0; i < 40; ++i) {
      room.now += milliseconds(20);
      room.engine.tick(room.now);
      const auto heard = room.heard(0, 1);
      loud += std::ranges::any_of(heard.samples, [](int16_t sample) { return std::abs(sample) > 1000; });
    }
    return loud;
  };
  room.seat(0, {});
  CHECK(count_loud() == 0);
  room.seat(1, {.has_beep_in = true, .has_beep_out = true});
  const int coming = count_loud();
  CHECK(coming > 3);
  CHECK(coming < 40);
  room.leave(1);
  CHECK(count_loud() == coming);
}

TEST_CASE("the one who speaks is told, and when another does") {
  Conference room({pcmu, pcmu});
  room.parties[1].volume = 0;
  room.seat_all();
  room.talk(60);
  std::swap(room.parties[0].volume, room.parties[1].volume);
  room.talk(80);
  room.leave(1);
  std::vector<std::pair<size_t, bool>> told;
  for (const auto& [leg, event] : room.sink.events)
    if (const auto* speaker = std::get_if<event::Speaker>(&event)) {
      CHECK(speaker->room == "CF1");
      told.emplace_back(leg == room.parties[0].leg ? 0 : 1, speaker->is_speaking);
    }
  CHECK(told == std::vector<std::pair<size_t, bool>>{{0, true}, {0, false}, {1, true}, {1, false}});
}

TEST_CASE("who leaves a room hears noise, and the others hear him no more; a bridge takes both out of it") {
  Conference room({pcmu, pcmu, pcmu});
  room.seat_all();
  room.talk(60);
  room.leave(2);
  room.talk(60);
  CHECK_FALSE(room.hears(0, 2));
  CHECK_FALSE(room.hears(2, 0));
  CHECK(room.heard(2).breaks == 0);
  room.engine.connect(room.parties[2].leg, {.kind = Path::Kind::bridge, .peer = room.parties[1].leg}, room.now);
  room.talk(60);
  CHECK(room.hears(2, 1));
  CHECK(room.hears(1, 2));
  CHECK_FALSE(room.hears(0, 1));
  CHECK_FALSE(room.hears(1, 0));
  room.seat(1, {});
  room.talk(60);
  CHECK(room.hears(0, 1));
  CHECK_FALSE(room.hears(2, 1));
  CHECK_FALSE(room.hears(1, 2));
}

TEST_CASE("what is played to a leg takes the room's place for it, without a break") {
  Conference room({pcmu, opus});
  room.seat_all();
  room.talk(60);
  std::vector<PlayItem> items(1);
  items[0].kind = Source::Kind::tone;
  items[0].tone.count = 1;
  items[0].tone.steps[0] = {.first_hz = 2000, .second_hz = 0, .length_ms = 1000};
  items[0].length = milliseconds(1000);
  auto player = std::make_unique<Player>(static_cast<JobId>(1), std::move(items), PlayEnds{});
  room.engine.play(room.parties[0].leg, std::move(player), false, room.now);
  room.talk(48);
  CHECK(room.heard(0).amount(2000) > 1500);
  CHECK_FALSE(room.hears(0, 1));
  CHECK(room.hears(1, 0));
  room.talk(60);
  CHECK(room.hears(0, 1));
  CHECK(room.heard(0).breaks == 0);
}

TEST_CASE("losses and jitter are heard as little as can be, and told") {
  Conference room({opus, pcmu});
  room.seat_all();
  for (int i = 0; i < 300; ++i) {
    room.now += milliseconds(20);
    room.engine.tick(room.now);
    room.say(room.parties[0], i % 25 == 7, milliseconds(i * 7 % 15));
    room.say(room.parties[1]);
  }
  CHECK(room.hears(1, 0));
  CHECK(room.heard(1).breaks == 0);
  const StreamStats figures = room.engine.stats(room.parties[0].leg).front();
  CHECK(figures.lost == 12);
  CHECK(figures.recovered_ms + figures.concealed_ms >= 12 * 20);
  CHECK(figures.concealed_ms < 600);
  REQUIRE(figures.buffer_ms);
  CHECK(*figures.buffer_ms > 5);
  CHECK(*figures.buffer_ms < 120);
  room.leave(0);
  const StreamStats after = room.engine.stats(room.parties[0].leg).front();
  CHECK(after.concealed_ms == figures.concealed_ms);
  CHECK_FALSE(after.buffer_ms);
}

TEST_CASE("two rooms do not hear each other, and the last one who leaves takes the room away") {
  Conference room({pcmu, pcmu, pcmu, pcmu});
  for (size_t i = 0; i < 4; ++i) room.seat(i, {.room = i < 2 ? "CF1" : "CF2"});
  room.talk(60);
  CHECK(room.hears(0, 1));
  CHECK(room.hears(2, 3));
  CHECK_FALSE(room.hears(0, 2));
  room.seat(1, {.room = "CF2"});
  room.talk(60);
  CHECK_FALSE(room.hears(0, 1));
  CHECK(room.hears(2, 1));
  for (size_t i = 0; i < 4; ++i) room.leave(i);
  room.talk(5);
  for (size_t i = 0; i < 4; ++i) room.seat(i, {.room = "CF1"});
  room.talk(60);
  CHECK(room.hears(0, 3));
  room.engine.remove(room.parties[3].leg, room.now);
  room.talk(60);
  CHECK_FALSE(room.hears(0, 3));
}

TEST_CASE("a room goes from one engine to another with all that sit in it") {
  Conference room({pcmu, opus, pcma});
  room.seat_all();
  room.talk(60);
  std::vector<AnchorId> legs;
  for (const Party& party : room.parties) legs.push_back(party.leg);
  Sink other_sink;
  Engine other({.now = room.now, .wall = {}, .seed = 2, .index = 1}, other_sink, room.worker);
  other.take_in(room.engine.take_out(legs, room.now));
  room.engine.take_in(other.take_out(legs, room.now));
  room.talk(60);
  CHECK(room.hears(0, 1));
  CHECK(room.hears(1, 2));
  CHECK(room.heard(1).breaks == 0);
}
