#include <doctest/doctest.h>

#include <set>

#include "gateway/negotiation.hpp"
#include "gateway/settings.hpp"

using namespace nearend;
using namespace nearend::gateway;

namespace {

const Endpoint ours{IpAddress::v4(0xc6336401), 20000};
const std::vector<std::string> all{"PCMU", "PCMA", "G722", "opus"};

Negotiation negotiation(const std::vector<std::string>& names) {
  Negotiation one;
  one.begin(7, {{media::StreamKind::audio, ours}}, codecs_named(names));
  return one;
}

std::string description(const std::string& formats, const std::string& maps) {
  return "v=0\r\no=- 1 1 IN IP4 198.51.100.9\r\ns=-\r\nc=IN IP4 198.51.100.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP " +
         formats + "\r\n" + maps;
}
const std::string opus_map = "a=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1\r\n";
const std::string events = "a=rtpmap:97 telephone-event/48000\r\na=rtpmap:98 telephone-event/8000\r\n";

std::string agreed(const Negotiation& one) {
  return one.agreed_codecs().empty() ? "none" : one.agreed_codecs().front().encoding;
}

}  // namespace

TEST_CASE("an offer with G.711 is answered with G.711, the law the peer likes, whatever stands before it") {
  auto one = negotiation(all);
  REQUIRE(one.answer(description("96 9 8 0", opus_map)));
  CHECK(agreed(one) == "PCMA");
}

TEST_CASE("an offer without G.711 is answered with what is allowed") {
  auto one = negotiation(all);
  const auto answer = one.answer(description("96 97 98", opus_map + events));
  REQUIRE(answer);
  CHECK(agreed(one) == "opus");
  CHECK(answer->find("a=rtpmap:96 opus/48000/2") != std::string::npos);
  const auto formats = one.remotes({}).front().formats;
  REQUIRE(formats.size() == 2);
  CHECK(formats[0].name == "opus");
  CHECK(formats[0].fmtp == "useinbandfec=1");
  CHECK(formats[1].payload_type == 97);
  CHECK(formats[1].clock_rate == 48000);
  auto strict = negotiation({"PCMU", "PCMA"});
  CHECK_FALSE(strict.answer(description("96", opus_map)));
}

TEST_CASE("the other leg's codec is taken where the peer has it, any other where not") {
  auto one = negotiation(all);
  one.prefer({sdp::opus(120)});
  REQUIRE(one.answer(description("0 96", opus_map)));
  CHECK(agreed(one) == "opus");
  auto other = negotiation(all);
  other.prefer({sdp::opus(120)});
  REQUIRE(other.answer(description("0 8", "")));
  CHECK(agreed(other) == "PCMU");
}

TEST_CASE("an offer names the other leg's codec first and then all that are allowed, so that a common one is found") {
  auto one = negotiation(all);
  one.prefer({sdp::opus(120)});
  const std::string offer = one.offer();
  CHECK(offer.find("RTP/AVP 111 0 8 9 101\r\n") != std::string::npos);
  REQUIRE(one.accept(description("0", "")));
  CHECK(agreed(one) == "PCMU");
  auto usual = negotiation(all);
  CHECK(usual.offer().find("RTP/AVP 0 8 9 111 101\r\n") != std::string::npos);
}

TEST_CASE(
    "a codec that can only be passed on is offered where the other leg has it, and then with nothing that would be "
    "mute") {
  const std::vector<std::string> names{"PCMU", "G726-32", "aptx/48000/2"};
  auto callee = negotiation(names);
  CHECK(callee.offer().find("RTP/AVP 0 101\r\n") != std::string::npos);
  auto caller = negotiation(names);
  REQUIRE(caller.answer(description("96", "a=rtpmap:96 G726-32/8000\r\n")));
  CHECK(agreed(caller) == "G726-32");
  callee.prefer(caller.agreed_codecs());
  CHECK(callee.offer().find("RTP/AVP 114 101\r\n") != std::string::npos);
  callee.prefer({sdp::pcmu(), {"G726-32", 8000, 1, 96, {}}});
  CHECK(callee.offer().find("RTP/AVP 0 114 101\r\n") != std::string::npos);
  auto stereo = negotiation(names);
  const std::string variant = "variant=standard; bitresolution=16";
  const auto answer = stereo.answer(description("96", "a=rtpmap:96 aptx/48000/2\r\na=fmtp:96 " + variant + "\r\n"));
  REQUIRE(answer);
  CHECK(answer->find("a=fmtp:96 " + variant + "\r\n") != std::string::npos);
  callee.prefer(stereo.agreed_codecs());
  CHECK(callee.offer().find(" " + variant + "\r\n") != std::string::npos);
  CHECK(stereo.remotes({}).front().formats.front().channels == 2);
}

TEST_CASE("each codec of the settings has a payload type of its own") {
  std::set<uint8_t> types;
  const std::vector<std::string> names{"PCMU",    "PCMA",    "G722",    "opus",      "G729",
                                       "AMR",     "L16",     "AMR-WB",  "GSM",       "G726-16",
                                       "G726-24", "G726-32", "G726-40", "L16/48000", "MPA/90000"};
  for (const sdp::Codec& codec : codecs_named(names)) {
    CHECK(codec.payload_type < 128);
    CHECK(codec.payload_type != sdp::telephone_event().payload_type);
    types.insert(codec.payload_type);
  }
  CHECK(types.size() == names.size());
}

TEST_CASE("settings name codecs that exist") {
  Settings settings{.name = "g", .region = "eu/de1"};
  settings.codecs = {"PCMU", "speex/8000", "aptx/48000/2"};
  CHECK(checked(settings));
  settings.codecs = {"PCMU", "speex"};
  const auto checked_settings = checked(settings);
  REQUIRE_FALSE(checked_settings);
  CHECK(checked_settings.error().text.find("codecs: 'speex'") == 0);
  for (const char* name : {"PCMU", "pcma", "G722", "OPUS", "G729", "AMR", "L16"}) CHECK(codec_named(name));
}
