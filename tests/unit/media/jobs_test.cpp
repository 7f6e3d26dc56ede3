#include <doctest/doctest.h>
#include <sys/resource.h>

#include <csignal>

#include "media/audio_file.hpp"
#include "unit/media/line.hpp"

using namespace nearend;
using namespace nearend::media;
using namespace nearend::media::test;

TEST_CASE("sources are played one after another, in real time, in the stream that the endpoint already hears") {
  Line line;
  line.world.loop.run_for(200ms);
  const size_t before = line.phone.heard.size();
  line.play({{.kind = Source::Kind::tone, .value = "ringback/gb", .length = 1000ms},
             {.kind = Source::Kind::silence, .length = 500ms},
             {.kind = Source::Kind::tone, .value = "beep", .loop = 2}});
  line.world.loop.run_for(3s);
  const auto ended = line.last<event::PlayEnded>();
  CHECK(!ended.error);
  CHECK(!ended.was_stopped);
  CHECK(ended.played >= 2000ms);
  CHECK(ended.played <= 2040ms);  // each beep ends with the frame it is in
  CHECK(line.loudness(before) > 500);
  const auto breaks = find_breaks(line.phone.heard);
  CHECK(breaks.timestamp == 0);
  CHECK(breaks.sequence == 0);
  CHECK(breaks.marker == 0);
}

TEST_CASE("a tone without a length plays until it is stopped; unknown tones and digits are refused by name") {
  Line line;
  const JobId job = line.play({{.kind = Source::Kind::tone, .value = "ringback/us"}});
  line.world.loop.run_for(20s);
  CHECK(line.world.told<event::PlayEnded>(line.leg).empty());
  line.world.node->stop(line.leg.id, job);
  line.world.loop.run_for(100ms);
  CHECK(line.last<event::PlayEnded>().was_stopped);
  CHECK(!line.world.wait(
      line.world.node->play(line.leg.id, {.sources = {{.kind = Source::Kind::tone, .value = "song"}}})));
  CHECK(!line.world.wait(
      line.world.node->play(line.leg.id, {.sources = {{.kind = Source::Kind::digits, .value = "12x"}}})));
}

TEST_CASE("digits are played as events where the leg has them, and as tones that a detector finds where it has not") {
  Line line;
  line.play({{.kind = Source::Kind::digits, .value = "1w2#"}});
  line.world.loop.run_for(4s);
  CHECK(line.phone.keys() == std::vector<char>{'1', '2', '#'});

  Line plain({}, {{.payload_type = 0, .name = "PCMU"}});
  plain.play({{.kind = Source::Kind::digits, .value = "19*D"}});
  plain.world.loop.run_for(4s);
  DtmfDetector detector;
  std::string found;
  for (const auto& one : plain.phone.heard) {
    std::vector<int16_t> samples;
    for (uint8_t code : one.packet.payload) samples.push_back(rtp::decode_ulaw(code));
    std::array<char, 4> keys;
    found.append(keys.data(), detector.feed(samples, keys));
  }
  CHECK(found == "19*D");
}

TEST_CASE("keys pressed as tones are told only on a leg without telephone-event") {
  for (const bool has_events : {true, false}) {
    Line line({}, has_events ? telephone_formats() : std::vector<Format>{{.payload_type = 0, .name = "PCMU"}});
    ToneGenerator tone(*dtmf_tone('8'));
    std::vector<int16_t> samples(1920);
    tone.fill(samples);
    line.say(samples);
    line.world.loop.run_for(200ms);
    const auto digits = line.world.told<event::Digit>(line.leg);
    REQUIRE(digits.size() == (has_events ? 0 : 1));
    if (!has_events) CHECK(digits[0].is_in_band);
  }
}

TEST_CASE("speech is spoken in English and in other languages, and the second time comes from the cache") {
  Line line;
  line.play({{.kind = Source::Kind::speech, .value = "one"},
             {.kind = Source::Kind::speech, .value = "zwei", .language = "de-DE"}});
  line.world.loop.run_for(5s);
  const auto first = line.last<event::PlayEnded>();
  CHECK(!first.error);
  CHECK(first.played > 500ms);
  const Source again{.kind = Source::Kind::speech, .value = "one"};
  CHECK(line.world.loader->cached(again));
}

TEST_CASE("what cannot be loaded ends the play with the reason") {
  Line line;
  line.play({{.kind = Source::Kind::url, .value = "http://example.org/a.wav"}});
  line.world.loop.run_for(500ms);
  const auto ended = line.last<event::PlayEnded>();
  REQUIRE(ended.error);
  CHECK(ended.error->kind == Error::Kind::unsupported);
}

TEST_CASE("a collector counts its time from the end of the prompt, and from each digit") {
  Line line;
  const auto job = line.world.wait(line.world.node->collect(
      line.leg.id, {.digits_max = 4,
                    .timeout = 2000ms,
                    .prompt = {.sources = {{.kind = Source::Kind::silence, .length = 3000ms}}}}));
  REQUIRE(job);
  line.world.loop.run_for(4900ms);
  CHECK(line.world.told<event::CollectEnded>(line.leg).empty());
  line.world.loop.run_for(300ms);
  CHECK(line.last<event::CollectEnded>().is_timeout);
  CHECK(line.world.told<event::PlayEnded>(line.leg).empty());

  line.phone.talk_to(line.leg.streams[0].outer);
  REQUIRE(line.world.wait(line.world.node->collect(line.leg.id, {.digits_max = 4, .timeout = 2000ms})));
  line.world.loop.run_for(1500ms);
  line.phone.press('1');
  line.world.loop.run_for(1900ms);
  CHECK(line.world.told<event::CollectEnded>(line.leg).size() == 1);
  line.world.loop.run_for(400ms);
  REQUIRE(line.world.told<event::CollectEnded>(line.leg).size() == 2);
  CHECK(line.last<event::CollectEnded>().digits == "1");
  CHECK(line.last<event::CollectEnded>().is_timeout);
}

TEST_CASE("the first digit interrupts the prompt, the finish key and the number of digits end the input") {
  Line line;
  line.phone.talk_to(line.leg.streams[0].outer);
  CollectRequest request{.digits_max = 3,
                         .prompt = {.sources = {{.kind = Source::Kind::tone, .value = "dial/us", .length = 60s}}}};
  REQUIRE(line.world.wait(line.world.node->collect(line.leg.id, request)));
  line.world.loop.run_for(500ms);
  line.phone.press('7');
  line.world.loop.run_for(60ms);
  const size_t heard = line.phone.heard.size();
  line.world.loop.run_for(300ms);
  CHECK(line.loudness(heard + 1) < 50);
  line.phone.press('#');
  line.world.loop.run_for(300ms);
  CHECK(line.last<event::CollectEnded>().digits == "7");
  CHECK(line.last<event::CollectEnded>().finished_on == "#");
  CHECK(!line.last<event::CollectEnded>().is_timeout);

  REQUIRE(line.world.wait(line.world.node->collect(line.leg.id, request)));
  for (char digit : {'1', '2', '3'}) {
    line.phone.press(digit);
    line.world.loop.run_for(400ms);
  }
  CHECK(line.last<event::CollectEnded>().digits == "123");
  CHECK(line.last<event::CollectEnded>().finished_on.empty());
}

TEST_CASE("a recording is a whole WAV file of what was said, ended by length, digit, silence or stop") {
  const std::string directory = scratch("record");
  Line line({.recordings = directory});
  REQUIRE(line.world.wait(line.world.node->record(line.leg.id, {.path_hint = "RE1"})));
  line.say_tone(2000ms);
  line.phone.press('5');
  line.phone.talk_to(line.leg.streams[0].outer);
  line.world.loop.run_for(300ms);
  line.phone.is_talking = false;
  CHECK(line.world.told<event::RecordEnded>(line.leg).empty());
  const auto job =
      line.world.wait(line.world.node->record(line.leg.id, {.path_hint = "RE2", .finish_on_digits = "#*"}));
  if (!job) REQUIRE_MESSAGE(job, job.error().text);
  line.phone.press('#');
  line.phone.is_talking = true;
  line.world.loop.run_for(500ms);
  const auto by_digit = line.last<event::RecordEnded>();
  CHECK(by_digit.reason == "digit");
  CHECK(by_digit.digits == "#");

  CHECK(!std::filesystem::exists(directory + "/RE1.wav"));
  const std::string bytes = read(directory + "/RE1.wav.part");
  const auto clip = decode_wav(bytes);  // valid while it is still being written
  REQUIRE(clip);
  line.world.node->release(line.leg.id);
  line.world.loop.run_for(100ms);
  const auto ended = line.last<event::RecordEnded>();
  CHECK(ended.reason == "hangup");
  CHECK(ended.file == directory + "/RE1.wav");
  CHECK(!ended.is_partial);
  CHECK(ended.length > 2700ms);
  CHECK(ended.length < 3200ms);
  const auto whole = decode_wav(read(ended.file));
  REQUIRE(whole);
  CHECK(whole->samples.size() == static_cast<size_t>(ended.length.count()) * 8);
  int loud = 0;
  for (int16_t sample : whole->samples) loud += std::abs(sample) > 5000;
  CHECK(loud > 15000);
  std::filesystem::remove_all(directory);
}

TEST_CASE("silence ends a recording only while audio arrives, and is cut off where that is asked for") {
  const std::string directory = scratch("silence");
  Line line({.recordings = directory});
  REQUIRE(line.world.wait(line.world.node->record(
      line.leg.id, {.path_hint = "RE3", .silence_timeout = std::chrono::seconds(2), .is_silence_trimmed = true})));
  line.say_tone(1000ms, 0);
  line.say_tone(1000ms);
  line.world.loop.run_for(10s);  // no packets at all: no silence
  CHECK(line.world.told<event::RecordEnded>(line.leg).empty());
  line.say_tone(2200ms, 0);
  line.world.loop.run_for(100ms);
  const auto ended = line.last<event::RecordEnded>();
  CHECK(ended.reason == "silence");
  CHECK(ended.length > 1000ms);
  CHECK(ended.length < 1600ms);
  std::filesystem::remove_all(directory);
}

TEST_CASE("two legs are recorded into two channels, in step") {
  const std::string directory = scratch("dual");
  Line line({.recordings = directory});
  const AnchorInfo other = line.world.allocate("b");
  Phone far(line.world.loop, line.world.net, "192.0.2.20", 222);
  line.world.set_remote(other, Side::outer, far.local());
  (void)line.world.connect(line.leg, {.kind = Path::Kind::bridge, .peer = other.id});
  REQUIRE(line.world.wait(line.world.node->record(
      line.leg.id,
      {.legs = {line.leg.id, other.id}, .is_dual = true, .path_hint = "RE4", .length_max = std::chrono::seconds(3)})));
  far.talk_to(other.streams[0].outer);
  line.say_tone(1000ms);
  line.world.loop.run_for(3s);
  const auto ended = line.last<event::RecordEnded>();
  CHECK(ended.reason == "length");
  CHECK(ended.channels == 2);
  CHECK(ended.length > 2900ms);
  CHECK(ended.length <= 3000ms);
  const std::string bytes = read(ended.file);
  CHECK(bytes.size() == 44 + static_cast<size_t>(ended.length.count()) * 8 * 4);
  int left = 0, right = 0;
  for (size_t at = 44 + 4 * 8000; at + 4 <= bytes.size(); at += 4) {  // the second second
    left += bytes[at] != 0 || bytes[at + 1] != 0;
    right += bytes[at + 2] != 0 || bytes[at + 3] != 0;
  }
  CHECK(left < 2000);
  CHECK(right > 8000);
  std::filesystem::remove_all(directory);
}

TEST_CASE("a full disk ends the recording with its true length and leaves a valid file; the call goes on") {
  const std::string directory = scratch("full");
  Line line({.recordings = directory});
  REQUIRE(line.world.wait(line.world.node->record(line.leg.id, {.path_hint = "RE5"})));
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{.rlim_cur = 40'000, .rlim_max = before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  line.say_tone(5000ms);
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, old_handler);
  line.world.loop.run_for(100ms);
  const auto ended = line.last<event::RecordEnded>();
  CHECK(ended.reason == "disk-full");
  CHECK(ended.is_partial);
  CHECK(ended.length == milliseconds((40'000 - 44) / 16));
  const auto clip = decode_wav(read(ended.file));
  REQUIRE(clip);
  CHECK(clip->samples.size() == (40'000 - 44) / 2);
  const size_t heard = line.phone.heard.size();
  line.world.loop.run_for(1s);
  CHECK(line.phone.heard.size() > heard + 40);
  std::filesystem::remove_all(directory);
}

TEST_CASE("a recording's name is an id and nothing that leads elsewhere") {
  Line line;
  for (const char* name : {"", "../x", "a/b", ".", "a.wav"})
    CHECK(!line.world.wait(line.world.node->record(line.leg.id, {.path_hint = name})));
}

TEST_CASE("a beep comes before the recording and is not in it") {
  const std::string directory = scratch("beep");
  Line line({.recordings = directory});
  REQUIRE(line.world.wait(line.world.node->record(
      line.leg.id, {.path_hint = "RE6", .length_max = std::chrono::seconds(1), .has_beep = true})));
  const size_t heard = line.phone.heard.size();
  line.world.loop.run_for(250ms);
  CHECK(line.loudness(heard) > 500);
  line.world.loop.run_for(2s);
  CHECK(line.last<event::RecordEnded>().reason == "length");
  CHECK(line.last<event::RecordEnded>().length <= 1000ms);
  std::filesystem::remove_all(directory);
}
