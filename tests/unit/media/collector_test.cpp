#include "media/control_json.hpp"
#include "media/speech.hpp"
#include "unit/media/line.hpp"

using namespace nearend;
using namespace nearend::media;
using namespace nearend::media::test;

namespace {

void press(Line& line, char digit) {
  line.phone.press(digit);
  line.world.loop.run_for(400ms);
}

/// What the embedded voice says, in frames.
std::vector<int16_t> spoken(const char* text) {
  const auto clip = speak(text, "man", "en-US");
  REQUIRE(clip);
  return clip->samples;
}

}  // namespace

TEST_CASE("the first digit may take longer than the next ones") {
  Line line;
  line.phone.talk_to(line.leg.streams[0].outer);
  const CollectRequest request{.timeout = 1000ms, .first_timeout = 3000ms};
  REQUIRE(line.world.wait(line.world.node->collect(line.leg.id, request)));
  line.world.loop.run_for(2500ms);
  CHECK(line.world.told<event::CollectEnded>(line.leg).empty());
  press(line, '7');
  line.world.loop.run_for(900ms);
  const auto told = line.world.told<event::CollectEnded>(line.leg);
  REQUIRE(told.size() == 1);
  CHECK(told[0].digits == "7");
  CHECK(told[0].is_timeout);
  REQUIRE(line.world.wait(line.world.node->collect(line.leg.id, request)));
  line.world.loop.run_for(3100ms);
  CHECK(line.last<event::CollectEnded>().is_timeout);
  CHECK(line.last<event::CollectEnded>().digits.empty());
}

TEST_CASE("a collect ends once, whatever ends it at the same moment") {
  for (int i = 0; i < 15; ++i) {
    CAPTURE(i);
    Line line;
    line.phone.talk_to(line.leg.streams[0].outer);
    const auto job = line.world.wait(line.world.node->collect(
        line.leg.id, {.digits_max = 1, .finish_on_digits = "5", .timeout = 500ms, .speech_timeout = 200ms}));
    REQUIRE(job);
    line.world.loop.run_for(milliseconds(300 + i * 14));
    line.phone.press('5');  // the last digit, the finish key, and about when the time is over
    line.world.loop.run_for(milliseconds(100 + i * 14));
    line.world.node->stop(line.leg.id, *job);
    line.world.node->release(line.leg.id);
    line.world.loop.run_for(1s);
    CHECK(line.world.told<event::CollectEnded>(line.leg).size() == 1);
  }
}

TEST_CASE("speech interrupts the prompt, is told, and ends the input after the pause that was asked for") {
  Line line;
  const auto job = line.world.wait(
      line.world.node->collect(line.leg.id, {.timeout = 2000ms,
                                             .speech_timeout = 600ms,
                                             .prompt = {.sources = {{.kind = Source::Kind::tone, .value = "dial"}}}}));
  REQUIRE(job);
  line.say(std::vector<int16_t>(4000));
  CHECK(line.loudness(10) > 1000);
  line.say(spoken("Sales, please."));
  REQUIRE(line.world.told<event::SpeechStarted>(line.leg).size() == 1);
  const size_t heard = line.phone.heard.size();
  line.say(std::vector<int16_t>(8000));
  CHECK(line.loudness(heard) < 100);
  const auto ended = line.world.told<event::CollectEnded>(line.leg);
  REQUIRE(ended.size() == 1);
  CHECK(ended[0].job == *job);
  CHECK(ended[0].has_speech);
  CHECK(!ended[0].is_timeout);
  CHECK(ended[0].digits.empty());
  const auto speech = line.last<event::SpeechEnded>();
  CHECK(speech.job == *job);
  CHECK(speech.length > 300ms);
}

TEST_CASE("who presses keys is not taken for a speaker, and who says nothing times out") {
  Line line;
  const CollectRequest request{.digits_max = 2, .timeout = 1500ms, .speech_timeout = 600ms};
  REQUIRE(line.world.wait(line.world.node->collect(line.leg.id, request)));
  line.phone.talk_to(line.leg.streams[0].outer);  // frames of steady sound
  press(line, '4');
  press(line, '2');
  line.phone.is_talking = false;
  auto ended = line.last<event::CollectEnded>();
  CHECK(ended.digits == "42");
  CHECK(!ended.has_speech);
  REQUIRE(line.world.wait(line.world.node->collect(line.leg.id, request)));
  line.world.loop.run_for(1600ms);
  ended = line.last<event::CollectEnded>();
  CHECK(ended.is_timeout);
  CHECK(!ended.has_speech);
}

TEST_CASE("listening tells speech and beeps of a leg, and sums up when it ends") {
  Line line;
  const auto job = line.world.wait(line.world.node->listen(line.leg.id, {.pause = 500ms, .length_max = 20'000ms}));
  REQUIRE(job);
  line.say(std::vector<int16_t>(4800));
  line.say(spoken("Please leave a message after the tone."));
  line.say(std::vector<int16_t>(6400));
  line.say_sine(400ms, 1000);
  line.say(std::vector<int16_t>(3200));
  CHECK(line.world.told<event::SpeechStarted>(line.leg).size() == 1);
  CHECK(line.world.told<event::SpeechEnded>(line.leg).size() == 1);
  REQUIRE(line.world.told<event::Beep>(line.leg).size() == 1);
  CHECK(line.last<event::Beep>().hz == doctest::Approx(1000).epsilon(0.01));
  line.world.node->stop(line.leg.id, *job);
  line.world.loop.run_for(100ms);
  const auto ended = line.last<event::ListenEnded>();
  CHECK(ended.job == *job);
  CHECK(ended.was_stopped);
  CHECK(ended.beeps == 1);
  CHECK(ended.stretches == 1);
  CHECK(ended.initial_silence >= 500ms);
  CHECK(ended.initial_silence <= 900ms);
  CHECK(ended.greeting > 1200ms);
  CHECK(ended.silence_after > 1400ms);
  // It ends by itself, also where nothing comes.
  REQUIRE(line.world.wait(line.world.node->listen(line.leg.id, {.length_max = 1000ms})));
  line.world.loop.run_for(1100ms);
  CHECK(!line.last<event::ListenEnded>().was_stopped);
  CHECK(line.last<event::ListenEnded>().stretches == 0);
  // With the leg it ends too.
  REQUIRE(line.world.wait(line.world.node->listen(line.leg.id, {})));
  line.world.node->release(line.leg.id);
  line.world.loop.run_for(100ms);
  CHECK(line.world.told<event::ListenEnded>(line.leg).size() == 3);
}

TEST_CASE("what is new in requests and events survives the way over the network") {
  const auto record = read_record(to_value(RecordRequest{.path_hint = "RE1", .format = FileFormat::ogg_opus}));
  REQUIRE(record);
  CHECK(record->format == FileFormat::ogg_opus);
  const auto change = read_change(to_value(JobChange{.is_paused = true, .volume_db = -6.5, .is_gap_silent = true}));
  REQUIRE(change);
  CHECK(change->is_paused == true);
  CHECK(change->volume_db == -6.5);
  CHECK(change->is_gap_silent);
  CHECK(!read_change(to_value(JobChange{}))->is_paused);
  CHECK(!read_change(json::object{{"volume_db", 61}}));
  CHECK(!read_change(json::object{{"volume_db", "loud"}}));
  const auto play = read_play(to_value(
      PlayRequest{.sources = {{.value = "http://x/a.ogg", .offset = 1500ms}}, .is_queued = true, .volume_db = 3}));
  REQUIRE(play);
  CHECK(play->sources[0].offset == 1500ms);
  CHECK(play->is_queued);
  CHECK(play->volume_db == 3);
  const auto collect = read_collect(to_value(CollectRequest{.first_timeout = 9000ms, .speech_timeout = 800ms}));
  REQUIRE(collect);
  CHECK(collect->first_timeout == 9000ms);
  CHECK(collect->speech_timeout == 800ms);
  const auto listen = read_listen(to_value(ListenRequest{.pause = 1200ms, .length_max = 9000ms}));
  REQUIRE(listen);
  CHECK(listen->pause == 1200ms);
  CHECK(listen->length_max == 9000ms);
  const JobId job = static_cast<JobId>(7);
  const Event events[] = {event::RecordingRecovered{"RE1", "x/RE1.wav", 5000ms},
                          event::SpeechStarted{job, 100ms},
                          event::SpeechEnded{job, 900ms, 800ms},
                          event::Beep{job, 2000ms, 400ms, 1004},
                          event::ListenEnded{.job = job, .greeting = 1s, .stretches = 2, .beeps = 1},
                          event::PlayEnded{.job = job, .source = 2, .position = 340ms},
                          event::CollectEnded{.job = job, .has_speech = true}};
  for (const Event& one : events) {
    const auto read = read_event(to_value(one));
    REQUIRE(read);
    CHECK(read->index() == one.index());
    CHECK(to_json(to_value(*read)) == to_json(to_value(one)));
  }
}

TEST_CASE("keys pressed as events reach a leg that knows no events as tones, each once") {
  Line line;
  const AnchorInfo other = line.world.allocate("b");
  Phone far(line.world.loop, line.world.net, "192.0.2.20", 222);
  line.world.set_remote(other, Side::outer, far.local(), {{.payload_type = 0, .name = "PCMU"}});
  REQUIRE(line.world.connect(line.leg, {.kind = Path::Kind::bridge, .peer = other.id}));
  far.talk_to(other.streams[0].outer);
  line.phone.talk_to(line.leg.streams[0].outer);
  line.world.loop.run_for(500ms);
  for (char digit : {'7', '7', '#'}) {
    line.phone.press(digit);
    line.world.loop.run_for(150ms);  // faster than the tones
  }
  line.world.loop.run_for(1500ms);
  DtmfDetector detector;
  std::string found;
  for (const auto& one : far.heard) {
    if (one.packet.payload_type != 0) continue;
    std::vector<int16_t> samples;
    for (uint8_t code : one.packet.payload) samples.push_back(rtp::decode_ulaw(code));
    std::array<char, 4> keys;
    found.append(keys.data(), detector.feed(samples, keys));
  }
  CHECK(found == "77#");
  // Then the talk goes on.
  const size_t heard = far.heard.size();
  line.world.loop.run_for(500ms);
  CHECK(far.heard.size() > heard + 20);
  CHECK(far.heard.back().number() > 0);
  CHECK(find_breaks(far.heard).sequence == 0);
}
