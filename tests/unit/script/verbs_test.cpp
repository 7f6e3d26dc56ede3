#include <doctest/doctest.h>

#include <fmt/ranges.h>

#include "script/dial_targets.hpp"
#include "unit/script/world.hpp"

using namespace nearend;
using namespace nearend::script;
using test::World;
using Done = std::vector<std::string>;
using Kind = media::Source::Kind;

TEST_CASE("each wrong value, unknown attribute and misplaced element is a precise warning, and the default is used") {
  struct Row {
    const char* verbs;
    const char* says;
  };
  const Row rows[] = {
      // Say
      {"<Say loop='-1'>x</Say>", "loop of <Say> is '-1' but must be a whole number of at least 0; 1 is used"},
      {"<Say loop='two'>x</Say>", "loop of <Say> is 'two'"},
      {"<Say Voice='man'>x</Say>", "<Say> has no attribute 'Voice': did you mean voice?"},
      {"<Say volume='3'>x</Say>", "<Say> has no attribute 'volume': known are voice, language, loop"},
      {"<Say> </Say>", "<Say> has no text and is skipped"},
      {"<Say><emphasis>x</emphasis></Say>", "<emphasis> inside <Say> is not supported yet: its text is read as it is"},
      {"<Say><brake/>x</Say>", "<Say> knows no <brake>: did you mean <break>?"},
      {"<Say>x<break time='1h'/></Say>", "time of <break> is '1h' but must be like 2s or 300ms; 500ms is used"},
      {"<Say>x<break strength='huge'/></Say>", "strength of <break> is 'huge'"},
      {"<Say><say-as interpret-as='date'>1</say-as></Say>", "interpret-as 'date' of <say-as> is not supported yet"},
      {"<Say voice='Polly.Joanna'>x</Say>",
       "voice 'Polly.Joanna' of <Say> is not there: the language's own voice is used"},
      {"<Say language='en_US!'>x</Say>",
       "language of <Say> is 'en_US!' but must be a language tag like en-US; en-US is used"},
      // Play
      {"<Play loop='1.5'>a.wav</Play>", "loop of <Play> is '1.5'"},
      {"<Play/>", "<Play> has neither a URL nor digits and is skipped"},
      {"<Play>ftp://x/a.wav</Play>", "URL of <Play>: URL scheme 'ftp' is not http or https"},
      {"<Play digits='12x'/>", "digits of <Play> is '12x' but must be made of 0123456789ABCDabcd*#wW only"},
      {"<Play>a.wav<Say>x</Say></Play>", "<Say> cannot stand inside <Play> and is ignored"},
      // Pause
      {"<Pause length='0'/>", "length of <Pause> is '0' but must be a whole number from 1 to 14400; 1 is used"},
      {"<Pause>5</Pause>", "the text inside <Pause> is ignored"},
      // Gather
      {"<Gather timeout='0'/>", "timeout of <Gather> is '0'"},
      {"<Gather timeout='auto'/>", "timeout of <Gather> is 'auto', which is for speech; 5 is used"},
      {"<Gather numDigits='0'/>", "numDigits of <Gather> is '0'"},
      {"<Gather numDigits='x'/>", "but must be a whole number from 1 to 1000; the default is used"},
      {"<Gather finishOnKey='12'/>", "finishOnKey of <Gather> is '12' but must be one key or empty; # is used"},
      {"<Gather finishOnKey='A'/>", "finishOnKey of <Gather> is 'A' but must be made of 0123456789*# only; # is used"},
      {"<Gather method='PUT'/>", "method of <Gather> is 'PUT' but must be GET or POST; POST is used"},
      {"<Gather actionOnEmptyResult='yes'/>",
       "actionOnEmptyResult of <Gather> is 'yes' but must be true or false; false is used"},
      {"<Gather input='speech'/>",
       "input of <Gather> asks for speech, which is not recognised yet: only keys are collected"},
      {"<Gather input='dtmf smell'/>", "input of <Gather> is 'smell' but must be a list of dtmf, speech"},
      {"<Gather hints='a'/>", "attribute hints of <Gather> is not supported yet and is ignored"},
      {"<Gather><Dial>1</Dial></Gather>",
       "<Dial> cannot stand inside <Gather> and is ignored: known are Say, Play, Pause"},
      {"<Gather><Play digits='1'>a</Play></Gather>", "digits of <Play> is not allowed inside <Gather> and is ignored"},
      {"<Gather action='http://a b/'/>", "action of <Gather>: "},
      // Record
      {"<Record maxLength='1'/>",
       "maxLength of <Record> is '1' but must be a whole number from 2 to 86400; 3600 is used"},
      {"<Record timeout='x'/>", "timeout of <Record> is 'x'"},
      {"<Record finishOnKey='abc'/>", "finishOnKey of <Record> is 'abc'"},
      {"<Record playBeep='1'/>", "playBeep of <Record> is '1' but must be true or false; true is used"},
      {"<Record trim='yes'/>",
       "trim of <Record> is 'yes' but must be one of trim-silence, do-not-trim; trim-silence is used"},
      {"<Record transcribe='true'/>", "attribute transcribe of <Record> is not supported yet"},
      {"<Record recordingStatusCallbackEvent='done'/>", "recordingStatusCallbackEvent of <Record> is 'done'"},
      {"<Record><Say>x</Say></Record>", "<Say> cannot stand inside <Record>"},
      // Dial
      {"<Dial timeout='4'>+15550003</Dial>",
       "timeout of <Dial> is '4' but must be a whole number from 5 to 600; 30 is used"},
      {"<Dial timeLimit='0'>+15550003</Dial>", "timeLimit of <Dial> is '0'"},
      {"<Dial answerOnBridge='x'>+15550003</Dial>", "answerOnBridge of <Dial> is 'x'"},
      {"<Dial hangUpOnStar='true'>+15550003</Dial>",
       "<Dial> has no attribute 'hangUpOnStar': did you mean hangupOnStar?"},
      {"<Dial record='yes'>+15550003</Dial>", "record of <Dial> is 'yes' but must be one of do-not-record"},
      {"<Dial ringTone='zz'>+15550003</Dial>", "ringTone of <Dial> is 'zz'"},
      {"<Dial callReason='x'>+15550003</Dial>", "attribute callReason of <Dial> is not supported yet"},
      {"<Dial recordingTrack='inbound'>+15550003</Dial>", "recordingTrack of <Dial> can only be both yet"},
      {"<Dial/>", "<Dial> has nobody to dial"},
      {"<Dial>hello</Dial>", "'hello' in <Dial> is not a phone number and is not dialled"},
      {"<Dial><Number>bob</Number></Dial>", "'bob' in <Number> is not a phone number"},
      {"<Dial><Number sendDigits='z'>1</Number></Dial>", "sendDigits of <Number> is 'z'"},
      {"<Dial><Number machineDetection='Enable'>1</Number></Dial>",
       "attribute machineDetection of <Number> is not supported yet"},
      {"<Dial><Number statusCallbackEvent='rung'>1</Number></Dial>",
       "statusCallbackEvent of <Number> is 'rung' but must be a list of initiated, ringing, answered, completed"},
      {"<Dial><Number url='gopher://x/'>1</Number></Dial>", "url of <Number> is ignored: "},
      {"<Dial><Sip>bob@example.com</Sip></Dial>", "'bob@example.com' in <Sip> must begin with sip: or sips:"},
      {"<Dial><Sip>sip:a@b?Via=x</Sip></Dial>", "the header 'Via' of <Sip> is not sent: only X-... and"},
      {"<Dial><Sip>sip:a@b?X-A=1%0d%0aVia:x</Sip></Dial>", "the header 'X-A' of <Sip> is not sent"},
      {"<Dial><Sip><Uri>sip:a@b</Uri><Uri>sip:c@d</Uri></Sip></Dial>", "<Sip> calls one <Uri> yet"},
      {"<Dial><Sip>sip:a b@c</Sip></Dial>", "holds a character that no SIP URI has"},
      {"<Dial><Conference>room</Conference></Dial>",
       "<Conference> inside <Dial> is not supported yet and is not dialled"},
      {"<Dial><Nummer>1</Nummer></Dial>", "<Dial> knows no <Nummer>: did you mean <Number>?"},
      // The rest
      {"<Hangup now='1'/>", "<Hangup> has no attribute 'now': it has none"},
      {"<Redirect method='X'>a</Redirect>", "method of <Redirect> is 'X'"},
      {"<Redirect>mailto:a@b</Redirect>", "URL of <Redirect>: "},
      {"<Reject reason='no'/>", "reason of <Reject> is 'no' but must be one of rejected, busy; rejected is used"},
      {"<say>x</say>", "there is no verb <say>: did you mean <Say>?"},
      {"<Frobnicate/>",
       "there is no verb <Frobnicate>: known are Dial, Gather, Hangup, Pause, Play, Record, Redirect, Reject, Say"},
      {"<Pay/>", "<Pay> is not supported yet; the next verb is run"},
      {"Hello", "the text inside <Response> is ignored"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.verbs);
    World world;
    const auto document = read_twiml("http://app.test/voice", fmt::format("<Response>\n {}</Response>", row.verbs));
    REQUIRE(document);
    std::vector<std::string> warnings;
    Notes notes([&warnings](int, std::string text) { warnings.push_back(std::move(text)); });
    check_document(*document, Dialect::voice, notes);
    const std::string all = fmt::format("{}", fmt::join(warnings, "\n"));
    CAPTURE(all);
    CHECK(all.find(row.says) != std::string::npos);
    CHECK(all.starts_with("line "));
  }
}

TEST_CASE("what is right raises no warning") {
  for (const char* verbs :
       {"<Say voice='woman' language='de-DE' loop='0'>x</Say>", "<Play loop='2'>http://a/b.wav</Play>",
        "<Play digits='1w2W#'/>", "<Pause length='10'/>",
        "<Gather input='dtmf' action='/a' method='get' timeout='3' finishOnKey='' numDigits='4' "
        "actionOnEmptyResult='TRUE'><Say>x</Say><Play>a</Play><Pause/></Gather>",
        "<Record action='a' method='GET' timeout='0' finishOnKey='*' maxLength='20' playBeep='false' "
        "trim='do-not-trim' "
        "recordingStatusCallback='http://a/' recordingStatusCallbackMethod='GET' "
        "recordingStatusCallbackEvent='in-progress completed'/>",
        "<Dial action='a' method='GET' answerOnBridge='true' callerId='+15550009' hangupOnStar='true' timeLimit='60' "
        "timeout='20' "
        "record='record-from-answer-dual' trim='trim-silence' ringTone='us-old' sequential='true'>+15550003</Dial>",
        "<Dial><Number url='/w' method='GET' statusCallback='http://a/' statusCallbackEvent='initiated ringing' "
        "sendDigits='ww1'>(415) "
        "555-1212</Number><Sip username='u' password='p'>sip:bob@example.com;transport=tcp?x-a=1</Sip></Dial>",
        "<Hangup><Parameter name='a' value='b'/></Hangup>", "<Redirect method='GET'>a</Redirect>",
        "<Reject reason='busy'/>"}) {
    CAPTURE(verbs);
    const auto document = read_twiml("http://app.test/voice", fmt::format("<Response>{}</Response>", verbs));
    REQUIRE(document);
    std::string all;
    Notes notes([&all](int, std::string text) { all += text + '\n'; });
    check_document(*document, Dialect::voice, notes);
    CAPTURE(all);
    CHECK(all.empty());
  }
}

TEST_CASE("Say reads its text with voice, language and loop, and SSML pauses are heard") {
  World world;
  world.document(
      "<Say voice='woman' language='de-DE' loop='3'>Hallo</Say>"
      "<Say>One <break time='1.5s'/>two <sub alias='three'>3</sub> <say-as interpret-as='digits'>45</say-as></Say>"
      "<Say><p>A</p><p>B</p></Say>");
  world.run();
  REQUIRE(world.control.played.size() == 3);
  const media::Source& hallo = world.control.played[0].sources.at(0);
  CHECK(hallo.kind == Kind::speech);
  CHECK(hallo.voice == "woman");
  CHECK(hallo.language == "de-DE");
  CHECK(hallo.loop == 3);
  const auto& parts = world.control.played[1].sources;
  REQUIRE(parts.size() == 3);
  CHECK(parts[0].value == "One");
  CHECK(parts[1].kind == Kind::silence);
  CHECK(parts[1].length.count() == 1500);
  CHECK(parts[2].value == "two three 4 5");
  const auto& paragraphs = world.control.played[2].sources;
  REQUIRE(paragraphs.size() == 3);
  CHECK(paragraphs[1].kind == Kind::silence);
}

TEST_CASE("a loop over several sources is written out, a thousand at most") {
  World world;
  world.document("<Say loop='2'>a<break/>b</Say><Say loop='0'>a<break/>b</Say>");
  world.run();
  CHECK(world.control.played[0].sources.size() == 6);
  CHECK(world.control.played[1].sources.size() <= 1000);
  CHECK(world.control.played[1].sources.size() > 990);
}

TEST_CASE("Gather collects keys behind its prompt and sends them to its action") {
  World world;
  world.document(
      "<Gather action='/digits' numDigits='4' timeout='3' finishOnKey='*'><Say>PIN</Say><Pause "
      "length='2'/></Gather><Say>No</Say>");
  world.page("/digits", "<Response><Hangup/></Response>");
  world.control.gathers.push_back({.digits = "12", .finished_on = "*"});
  CHECK(world.run() == Finish::hung_up);
  const media::CollectRequest& request = world.control.gathered.at(0);
  CHECK(request.digits_max == 4);
  CHECK(request.finish_on_digits == "*");
  CHECK(request.timeout.count() == 3000);
  REQUIRE(request.prompt.sources.size() == 2);
  CHECK(request.prompt.is_stopped_by_digit);
  CHECK(request.prompt.sources[1].length.count() == 2000);
  CHECK(world.client.asked.at(1).url == "http://app.test/digits");
  CHECK(world.client.value(1, "Digits") == "12");
  CHECK(world.client.value(1, "FinishedOnKey") == "*");
  CHECK(world.client.value(1, "CallStatus") == "in-progress");
  CHECK(world.client.value(1, "CallSid") == "CA1");
  CHECK(world.control.done == Done{"answer", "gather", "hangup"});
}

TEST_CASE("Gather without input goes to the next verb, or to the action when that is asked for") {
  World world;
  SUBCASE("next verb") {
    world.document("<Gather action='/digits'/><Say>No</Say>");
    world.run();
    CHECK(world.control.done == Done{"answer", "gather", "play No", "hangup"});
    CHECK(world.client.asked.size() == 1);
  }
  SUBCASE("action") {
    world.document("<Gather action='/digits' method='GET' actionOnEmptyResult='true'/><Say>No</Say>");
    world.page("/digits", "<Response><Say>Yes</Say></Response>");
    world.run();
    CHECK(world.control.done == Done{"answer", "gather", "play Yes", "hangup"});
    CHECK(world.client.value(1, "Digits").empty());
  }
}

TEST_CASE("Gather without action asks for the current document again") {
  World world;
  world.binding.voice_url = "http://app.test/voice?n=1";
  world.document("<Gather/>");
  world.control.gathers.push_back({.digits = "5"});
  world.run();
  REQUIRE(world.client.asked.size() == 2);
  CHECK(world.client.asked[1].url == "http://app.test/voice?n=1");
  CHECK(world.client.value(1, "Digits") == "5");
}

TEST_CASE("a caller who hangs up during Gather ends the script without an action") {
  World world;
  world.document("<Gather action='/digits'/>");
  world.control.gathers.push_back({.digits = "12", .is_caller_gone = true});
  CHECK(world.run() == Finish::caller_gone);
  CHECK(world.client.asked.size() == 1);
}

TEST_CASE("Record sends what was recorded to its action, and its progress to the recording callback") {
  World world;
  world.document(
      "<Record action='/done' maxLength='20' timeout='0' finishOnKey='#' trim='do-not-trim'"
      " recordingStatusCallback='/progress' recordingStatusCallbackEvent='in-progress completed'/><Say>No</Say>");
  world.page("/done", "<Response/>");
  world.page("/progress", "");
  call::RecordResult result;
  result.recording = {.reason = "digit", .digits = "#", .length = std::chrono::milliseconds(2300)};
  world.control.records.push_back(result);
  world.run();
  const media::RecordRequest& request = world.control.recorded.at(0);
  CHECK_FALSE(request.silence_timeout.has_value());
  CHECK(request.finish_on_digits == "#");
  CHECK(request.length_max.count() == 20);
  CHECK(request.has_beep);
  CHECK_FALSE(request.is_silence_trimmed);
  const std::string sid = request.path_hint;
  const std::string url = "https://api.test/2010-04-01/Accounts/AC1/Recordings/" + sid;
  CHECK(sid.starts_with("RE"));
  REQUIRE(world.client.asked.size() == 4);
  size_t actions = 0, callbacks = 0;
  for (size_t i = 1; i < 4; ++i) {
    CHECK(world.client.value(i, "RecordingUrl") == url);
    if (world.client.asked[i].url == "http://app.test/done") {
      ++actions;
      CHECK(world.client.value(i, "RecordingDuration") == "3");
      CHECK(world.client.value(i, "Digits") == "#");
    } else {
      CHECK(world.client.value(i, "RecordingStatus") == (callbacks++ == 0 ? "in-progress" : "completed"));
      CHECK(world.client.value(i, "RecordingSource") == "RecordVerb");
      CHECK(world.client.value(i, "RecordingChannels") == "1");
      CHECK(world.client.value(i, "RecordingSid") == sid);
      CHECK(world.client.value(i, "RecordingStartTime") == "Tue, 14 Nov 2023 22:13:20 +0000");
    }
  }
  CHECK(actions == 1);
  CHECK(callbacks == 2);
}

TEST_CASE("an empty recording goes to the next verb") {
  World world;
  world.document("<Record action='/done'/><Say>No</Say>");
  world.control.records.push_back({});
  world.run();
  CHECK(world.control.done == Done{"answer", "record", "play No", "hangup"});
  CHECK(world.client.asked.size() == 1);
}

TEST_CASE("a caller who hangs up while recording: the action is told with Digits=hangup, its answer is not run") {
  World world;
  world.document("<Record action='/done'/>");
  world.page("/done", "<Response><Say>never</Say></Response>");
  call::RecordResult result;
  result.recording = {.reason = "hangup", .length = std::chrono::milliseconds(2000)};
  result.is_caller_gone = true;
  world.control.records.push_back(result);
  CHECK(world.run() == Finish::caller_gone);
  REQUIRE(world.client.asked.size() == 2);
  CHECK(world.client.value(1, "Digits") == "hangup");
  CHECK(world.client.value(1, "CallStatus") == "completed");
  CHECK(world.control.done == Done{"answer", "record"});
}

TEST_CASE("Dial rings numbers and SIP addresses as they are asked for") {
  World world;
  world.document(
      "<Dial timeout='20' timeLimit='60' callerId='+15550009' hangupOnStar='true' sequential='true' ringTone='de'"
      " record='record-from-ringing-dual' trim='trim-silence'>\n"
      "<Number url='whisper' method='GET' statusCallback='http://cb.test/' statusCallbackEvent='ringing answered' "
      "sendDigits='w1'>"
      "(415) 555-1212</Number>\n<Sip username='u' password='p'>sip:bob@example.com</Sip></Dial>");
  world.run();
  const call::DialRequest& request = world.control.dialled.at(0);
  CHECK(request.timeout.count() == 20);
  CHECK(request.time_limit.count() == 60);
  CHECK(request.caller_id == "+15550009");
  CHECK(request.ring_tone == "de");
  CHECK(request.is_hangup_on_star);
  CHECK(request.is_sequential);
  CHECK_FALSE(request.is_answer_on_bridge);
  REQUIRE(request.record.has_value());
  CHECK(request.record->is_dual);
  CHECK(request.record->is_silence_trimmed);
  CHECK(request.is_record_from_ringing);
  REQUIRE(request.targets.size() == 2);
  CHECK(request.targets[0].address == "+14155551212");
  CHECK(request.targets[0].screen_url == "http://app.test/whisper");
  CHECK(request.targets[0].screen_method == "GET");
  CHECK(request.targets[0].send_digits == "w1");
  CHECK(request.targets[0].status_callback_events == Done{"ringing", "answered"});
  CHECK(request.targets[1].kind == call::DialTarget::Kind::sip);
  CHECK(request.targets[1].address == "sip:bob@example.com");
  CHECK(request.targets[1].username == "u");
  CHECK(request.targets[1].status_callback_events.empty());
}

TEST_CASE("a first Dial answers the call, unless it answers on bridge") {
  World world;
  SUBCASE("plain") {
    world.document("<Dial>\n +15550003 \n</Dial>");
    world.run();
    CHECK(world.control.done == Done{"answer", "dial +15550003", "hangup"});
  }
  SUBCASE("answerOnBridge") {
    world.document("<Dial answerOnBridge='true'>+15550003</Dial>");
    world.run();
    CHECK(world.control.done == Done{"dial +15550003", "hangup"});
    CHECK(world.control.dialled[0].is_answer_on_bridge);
  }
}

TEST_CASE("a SIP address comes as text or as Uri, with the headers that may be sent") {
  World world;
  world.document(
      "<Dial><Sip>sip:bob@example.com;transport=tcp?x-a=1%202&amp;User-to-User=ab&amp;Subject=no</Sip></Dial>"
      "<Dial><Sip username='noun' password='n'><Uri priority='2'>sip:late@example.com</Uri>"
      "<Uri username='u' password='p' priority='1'>sip:soon@example.com?X-B=2</Uri>"
      "<Headers><Header name='X-C' value='3'/><Header name='Via' value='SIP/2.0/UDP evil'/></Headers></Sip></Dial>");
  world.run();
  using Headers = std::vector<std::pair<std::string, std::string>>;
  REQUIRE(world.control.dialled.size() == 2);
  const call::DialTarget& plain = world.control.dialled[0].targets.at(0);
  CHECK(plain.address == "sip:bob@example.com;transport=tcp");
  CHECK(plain.headers == Headers{{"x-a", "1 2"}, {"User-to-User", "ab"}});
  const call::DialTarget& chosen = world.control.dialled[1].targets.at(0);
  CHECK(chosen.address == "sip:soon@example.com");
  CHECK(chosen.username == "u");
  CHECK(chosen.password == "p");
  CHECK(chosen.headers == Headers{{"X-B", "2"}, {"X-C", "3"}});
}

TEST_CASE("the action of Dial is told how it went, and its document goes on") {
  World world;
  world.document("<Dial action='/after' record='true'><Sip>sip:bob@example.com</Sip></Dial><Say>never</Say>");
  world.page("/after", "<Response><Say>Bye</Say></Response>");
  call::DialResult result{.outcome = call::Outcome::completed,
                          .child_sid = "CA2",
                          .duration = call::seconds(12),
                          .was_bridged = true,
                          .sip_code = 200,
                          .sip_call_id = "abc@x"};
  result.recording = media::event::RecordEnded{.length = std::chrono::milliseconds(12000), .channels = 2};
  result.sip_headers = {{"X-Queue", "7"}};
  world.control.dials.push_back(result);
  world.run();
  CHECK(world.client.value(1, "DialCallStatus") == "completed");
  CHECK(world.client.value(1, "DialCallSid") == "CA2");
  CHECK(world.client.value(1, "DialCallDuration") == "12");
  CHECK(world.client.value(1, "DialBridged") == "true");
  CHECK(world.client.value(1, "DialSipCallId") == "abc@x");
  CHECK(world.client.value(1, "DialSipResponseCode") == "200");
  CHECK(world.client.value(1, "DialSipHeader_X-Queue") == "7");
  CHECK(world.client.value(1, "RecordingUrl").starts_with("https://api.test/2010-04-01/Accounts/AC1/Recordings/RE"));
  CHECK(world.control.dialled[0].continuation.kind == call::Continuation::Kind::none);
  CHECK(world.control.done == Done{"answer", "dial sip:bob@example.com", "play Bye", "hangup"});
}

TEST_CASE("each outcome of a Dial has its DialCallStatus") {
  using call::Outcome;
  const std::pair<Outcome, const char*> rows[] = {{Outcome::completed, "completed"}, {Outcome::busy, "busy"},
                                                  {Outcome::no_answer, "no-answer"}, {Outcome::failed, "failed"},
                                                  {Outcome::canceled, "canceled"},   {Outcome::answered, "answered"}};
  for (const auto& [outcome, status] : rows) {
    World world;
    world.document("<Dial action='/after'>+15550003</Dial>");
    world.page("/after", "<Response/>");
    world.control.dials.push_back({.outcome = outcome});
    world.run();
    CHECK(world.client.value(1, "DialCallStatus") == status);
    CHECK(world.client.value(1, "DialBridged") == "false");
    CHECK_FALSE(world.client.has(1, "RecordingUrl"));
  }
}

TEST_CASE("a Dial to nobody fails without ringing") {
  World world;
  world.document("<Dial action='/after'><Conference>room</Conference></Dial>");
  world.page("/after", "<Response/>");
  world.run();
  CHECK(world.client.value(1, "DialCallStatus") == "failed");
  CHECK(world.control.dialled.empty());
}

TEST_CASE("a caller who hangs up ends the document; the action of the Dial is told all the same") {
  World world;
  world.document("<Dial action='/after'>+15550003</Dial><Say>never</Say>");
  world.page("/after", "<Response><Say>never</Say></Response>");
  world.control.dials.push_back({.outcome = call::Outcome::completed, .was_bridged = true, .is_caller_gone = true});
  CHECK(world.run() == Finish::caller_gone);
  REQUIRE(world.client.asked.size() == 2);
  CHECK(world.client.value(1, "CallStatus") == "completed");
  CHECK(world.client.value(1, "DialCallStatus") == "completed");
  CHECK(world.control.done.size() == 2);
}

TEST_CASE("what follows a Dial without action travels with it, and what the gateway has played is not played again") {
  World world;
  world.document("<Dial>+15550003</Dial><Say>One</Say><Play>two.wav</Play><Say>Three</Say><Hangup/>");
  world.control.dials.push_back({.outcome = call::Outcome::completed, .continuation_done = 2});
  world.run();
  const call::Continuation& continuation = world.control.dialled.at(0).continuation;
  CHECK(continuation.kind == call::Continuation::Kind::play);
  REQUIRE(continuation.sources.size() == 3);
  CHECK(continuation.sources[1].value == "http://app.test/two.wav");
  CHECK(continuation.is_hangup_after);
  CHECK(world.control.done == Done{"answer", "dial +15550003", "play Three", "hangup"});
}

TEST_CASE("the continuation of a Dial depends on what follows") {
  using Continued = call::Continuation::Kind;
  struct Row {
    const char* after;
    Continued kind;
    size_t sources;
    bool is_hangup_after;
  };
  const Row rows[] = {{"", Continued::hangup, 0, true},
                      {"<Hangup/>", Continued::hangup, 0, true},
                      {"<Say>a</Say>", Continued::play, 1, true},
                      {"<Say>a</Say><Gather/>", Continued::play, 1, false},
                      {"<Gather/><Say>a</Say>", Continued::none, 0, false},
                      {"<Redirect/>", Continued::none, 0, false},
                      {"<Say>a<break/>b</Say><Play>c</Play><Pause/>", Continued::play, 4, false}};
  for (const Row& row : rows) {
    CAPTURE(row.after);
    const auto document = read_twiml("http://a/", fmt::format("<Response><Dial>1</Dial>{}</Response>", row.after));
    const auto continuation = continuation_after(*document, 0);
    CHECK(continuation.kind == row.kind);
    CHECK(continuation.sources.size() == row.sources);
    CHECK(continuation.is_hangup_after == row.is_hangup_after);
  }
}

TEST_CASE("the media a document needs is read off before the call is answered") {
  struct Row {
    const char* verbs;
    bool is_media_needed;
    std::vector<std::vector<std::string>> needs;
  };
  const Row rows[] = {
      {"<Reject/>", false, {{}}},
      {"<Redirect>a</Redirect><Say>never</Say>", false, {{}}},
      {"<Hangup/>", false, {{}}},
      {"<Message>a</Message><Hangup/>", false, {{}}},
      {"<Pause/><Reject/>", false, {{}, {}}},
      {"<Say>a</Say>", true, {{"play", "tts"}}},
      {"<Play>a</Play><Record/>", true, {{"play"}, {"record"}}},
      {"<Gather><Say>a</Say><Play>b</Play></Gather>", true, {{"collect", "tts", "play"}}},
      {"<Dial record='true'>1</Dial><Hangup/><Say>never</Say>", true, {{"bridge", "record"}, {}}},
      {"<Dial><Conference>x</Conference></Dial>", false, {{}}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.verbs);
    const auto document = read_twiml("http://a/", fmt::format("<Response>{}</Response>", row.verbs));
    const MediaNeed need = need_of(*document);
    CHECK(need.is_media_needed == row.is_media_needed);
    REQUIRE(need.verbs.size() == row.needs.size());
    for (size_t i = 0; i < row.needs.size(); ++i) CHECK(need.verbs[i].needs == row.needs[i]);
  }
}

TEST_CASE("numbers are dialled as people write them") {
  CHECK(dialable_number("+44 20 7946 0958") == "+442079460958");
  CHECK(dialable_number("415-555-1212") == "+14155551212");
  CHECK(dialable_number("1 (415) 555.1212") == "+14155551212");
  CHECK(dialable_number("2001") == "2001");
  CHECK_FALSE(dialable_number(""));
  CHECK_FALSE(dialable_number("+"));
  CHECK_FALSE(dialable_number("12a"));
  CHECK_FALSE(dialable_number("123456789012345678901"));
}
