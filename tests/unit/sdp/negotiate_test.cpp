#include "sdp/negotiate.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace nearend::sdp {
namespace {

const IpAddress us = *parse_ip("198.51.100.1");

LocalMedia audio_line(uint16_t port = 20000) {
  LocalMedia line;
  line.rtp = {us, port};
  line.codecs = {pcmu(), pcma(), telephone_event()};
  return line;
}

SessionDescription theirs(std::string_view media, std::string_view connection = "c=IN IP4 192.0.2.9\r\n") {
  auto read = parse_sdp("v=0\r\no=- 5 5 IN IP4 192.0.2.9\r\ns=-\r\n" + std::string(connection) + "t=0 0\r\n" +
                        std::string(media));
  REQUIRE_MESSAGE(read, (read ? "" : read.error().text));
  return *read;
}

const std::string_view their_audio =
    "m=audio 4000 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n";

Speaker speaker() {
  return {77, us};
}

}  // namespace

TEST_CASE("an offer names our address, codecs and direction, and reads back") {
  Speaker we = speaker();
  const auto offer = we.offer({audio_line()});
  CHECK(offer.to_string() ==
        "v=0\r\no=- 77 1 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\n"
        "m=audio 20000 RTP/AVP 0 8 101\r\n"
        "a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
        "a=ptime:20\r\na=sendrecv\r\n");
  CHECK(*parse_sdp(offer.to_string()) == offer);
}

TEST_CASE("the version grows only when something changed") {
  Speaker we = speaker();
  CHECK(we.offer({audio_line()}).origin.version == 1);
  CHECK(we.offer({audio_line()}).origin.version == 1);
  LocalMedia held = audio_line();
  held.direction = Direction::sendonly;
  CHECK(we.offer({held}).origin.version == 2);
  CHECK(we.offer({audio_line()}).origin.version == 3);
  CHECK(we.answer(theirs(their_audio), {audio_line()}).description.origin.version == 4);
  CHECK(we.answer(theirs(their_audio), {audio_line()}).description.origin.version == 4);
  CHECK(we.last()->origin.id == "77");
}

TEST_CASE("an answer takes our favourite codec with the offer's payload types") {
  Speaker we = speaker();
  const auto answer = we.answer(theirs(their_audio), {audio_line()});
  CHECK(answer.is_acceptable);
  REQUIRE(answer.lines.size() == 1);
  const Agreed& line = answer.lines[0];
  CHECK(line.is_accepted);
  CHECK(line.codec.encoding == "PCMU");
  CHECK(line.send_payload_type == 0);
  CHECK(line.receive_payload_type == 0);
  CHECK(line.send_event_payload_type == 101);
  CHECK(line.receive_event_payload_type == 101);
  CHECK(line.direction == Direction::sendrecv);
  CHECK(line.remote_rtp->to_string() == "192.0.2.9:4000");
  CHECK(line.remote_rtcp->to_string() == "192.0.2.9:4001");
  CHECK(line.alternatives.size() == 2);
  CHECK(answer.description.media[0].formats == std::vector<std::string>{"0", "101"});

  const auto theirs_first = speaker().answer(theirs(their_audio), {audio_line()}, Preference::offerer);
  CHECK(theirs_first.lines[0].codec.encoding == "PCMA");
  CHECK(theirs_first.lines[0].send_payload_type == 8);
}

TEST_CASE("dynamic payload types are the offerer's in an answer and may differ each way after ours") {
  LocalMedia line = audio_line();
  line.codecs = {opus(111), pcmu(), telephone_event(101, 48000), telephone_event(100)};
  const auto offer = theirs(
      "m=audio 4000 RTP/AVP 96 0 97 98\r\na=rtpmap:96 OPUS/48000/2\r\na=rtpmap:97 telephone-event/48000\r\n"
      "a=rtpmap:98 telephone-event/8000\r\n");
  const auto answer = speaker().answer(offer, {line});
  CHECK(answer.lines[0].codec.encoding == "opus");
  CHECK(answer.lines[0].send_payload_type == 96);
  CHECK(answer.lines[0].receive_payload_type == 96);
  CHECK(answer.lines[0].send_event_payload_type == 97);

  const auto ours = speaker().offer({line});
  const auto agreed = accept_answer(
      ours, {line},
      theirs("m=audio 4000 RTP/AVP 120 121\r\na=rtpmap:120 opus/48000/2\r\na=rtpmap:121 telephone-event/48000\r\n"));
  REQUIRE(agreed);
  CHECK(agreed->at(0).send_payload_type == 120);
  CHECK(agreed->at(0).receive_payload_type == 111);
  CHECK(agreed->at(0).send_event_payload_type == 121);
  CHECK(agreed->at(0).receive_event_payload_type == 101);
}

TEST_CASE("an answer that leaves a dynamic rtpmap out means what we offered") {
  LocalMedia line = audio_line();
  line.codecs = {opus(111), telephone_event(101, 48000)};
  const auto agreed = accept_answer(speaker().offer({line}), {line}, theirs("m=audio 4000 RTP/AVP 111 101\r\n"));
  REQUIRE(agreed);
  CHECK(agreed->at(0).codec.encoding == "opus");
  CHECK(agreed->at(0).send_event_payload_type == 101);
}

TEST_CASE("the first codec of an answer is the one spoken") {
  const auto agreed =
      accept_answer(speaker().offer({audio_line()}), {audio_line()}, theirs("m=audio 4000 RTP/AVP 13 8 0\r\n"));
  REQUIRE(agreed);
  CHECK(agreed->at(0).codec.encoding == "PCMA");
  CHECK(agreed->at(0).alternatives.size() == 2);
  CHECK_FALSE(agreed->at(0).send_event_payload_type);
}

TEST_CASE("lines that do not fit are rejected with port 0 in their place") {
  const auto offer = theirs(
      "m=video 5000 RTP/AVP 31\r\n"
      "m=audio 4000 RTP/SAVP 0\r\n"
      "m=audio 4002 RTP/AVP 18\r\n"
      "m=audio 0 RTP/AVP 0\r\n"
      "m=audio 4004 RTP/AVP 0\r\n"
      "m=application 9 TCP/BFCP *\r\n");
  const auto answer = speaker().answer(offer, {audio_line(), audio_line(), audio_line(), audio_line(), audio_line()});
  CHECK(answer.is_acceptable);
  REQUIRE(answer.lines.size() == 6);
  REQUIRE(answer.description.media.size() == 6);
  for (size_t i = 0; i < 6; ++i) {
    CAPTURE(i);
    CHECK(answer.lines[i].is_accepted == (i == 4));
    CHECK(answer.description.media[i].is_rejected() == (i != 4));
    CHECK(answer.description.media[i].kind == offer.media[i].kind);
    CHECK(answer.description.media[i].protocol == offer.media[i].protocol);
    CHECK(answer.lines[i].direction == (i == 4 ? Direction::sendrecv : Direction::inactive));
  }
  CHECK(*parse_sdp(answer.description.to_string()) == answer.description);
  CHECK_FALSE(speaker().answer(offer, {}).is_acceptable);
  CHECK_FALSE(speaker().answer(theirs(""), {}).is_acceptable);
}

TEST_CASE("hold is understood in all its forms") {
  const auto direction = [](std::string_view attribute, Direction wanted,
                            std::string_view connection = "c=IN IP4 192.0.2.9\r\n") {
    LocalMedia line = audio_line();
    line.direction = wanted;
    const auto answer = speaker().answer(theirs(std::string(their_audio) + std::string(attribute), connection), {line});
    CHECK(answer.description.media[0].own_direction() == answer.lines[0].direction);
    return answer.lines[0].direction;
  };
  using enum Direction;
  CHECK(direction("", sendrecv) == sendrecv);
  CHECK(direction("a=sendonly\r\n", sendrecv) == recvonly);
  CHECK(direction("a=recvonly\r\n", sendrecv) == sendonly);
  CHECK(direction("a=inactive\r\n", sendrecv) == inactive);
  CHECK(direction("a=sendonly\r\n", sendonly) == inactive);
  CHECK(direction("", sendonly) == sendonly);
  CHECK(direction("", sendrecv, "c=IN IP4 0.0.0.0\r\n") == recvonly);
  const auto old_hold = speaker().answer(theirs(their_audio, "c=IN IP4 0.0.0.0\r\n"), {audio_line()});
  CHECK_FALSE(old_hold.lines[0].remote_rtp);
  CHECK(old_hold.lines[0].is_accepted);
}

TEST_CASE("an answer's direction is seen from our side") {
  LocalMedia line = audio_line();
  const auto offer = speaker().offer({line});
  CHECK(accept_answer(offer, {line}, theirs(std::string(their_audio) + "a=recvonly\r\n"))->at(0).direction ==
        Direction::sendonly);
  line.direction = Direction::sendonly;
  CHECK(accept_answer(offer, {line}, theirs(their_audio))->at(0).direction == Direction::sendonly);
}

TEST_CASE("an answer that does not fit the offer is refused with the reason") {
  Speaker we = speaker();
  const std::vector<LocalMedia> lines{audio_line()};
  const auto offer = we.offer(lines);
  const auto error = [&](std::string_view answer) {
    const auto agreed = accept_answer(offer, lines, theirs(answer));
    REQUIRE_FALSE(agreed);
    return agreed.error().text;
  };
  CHECK(error("") == "answer: 0 media lines for an offer of 1");
  CHECK(error("m=audio 1 RTP/AVP 0\r\nm=audio 1 RTP/AVP 0\r\n") == "answer: 2 media lines for an offer of 1");
  CHECK(error("m=video 1 RTP/AVP 0\r\n") == "answer: media line 1 is video, the offer's is audio");
  CHECK(error("m=audio 1 RTP/SAVP 0\r\n") == "answer: media line 1 is RTP/SAVP, the offer's is RTP/AVP");
  CHECK(error("m=audio 1 RTP/AVP 18\r\n") == "answer: media line 1 has no codec that was offered");
  CHECK(error("m=audio 1 RTP/AVP 101\r\na=rtpmap:101 telephone-event/8000\r\n") ==
        "answer: media line 1 has no codec that was offered");
  const auto rejected = accept_answer(offer, lines, theirs("m=audio 0 RTP/AVP 0\r\n"));
  REQUIRE(rejected);
  CHECK_FALSE(rejected->at(0).is_accepted);

  LocalMedia none = audio_line(0);
  const auto offer_without = we.offer({audio_line(), none});
  CHECK(offer_without.media[1].is_rejected());
  CHECK_FALSE(
      accept_answer(offer_without, {audio_line(), none}, theirs("m=audio 1 RTP/AVP 0\r\nm=audio 1 RTP/AVP 0\r\n")));
}

TEST_CASE("packet length follows the peer within reason") {
  const auto ptime = [](std::string_view attributes) {
    return speaker()
        .answer(theirs(std::string(their_audio) + std::string(attributes)), {audio_line()})
        .lines[0]
        .ptime_ms;
  };
  CHECK(ptime("") == 20);
  CHECK(ptime("a=ptime:30\r\n") == 30);
  CHECK(ptime("a=ptime:5\r\n") == 20);
  CHECK(ptime("a=ptime:200\r\n") == 20);
  CHECK(ptime("a=maxptime:10\r\n") == 10);
  CHECK(ptime("a=ptime:40\r\na=maxptime:35\r\n") == 30);
}

TEST_CASE("RTCP shares the port only when both say so") {
  const auto mux = [](bool is_offered, bool is_possible) {
    LocalMedia line = audio_line();
    line.is_rtcp_mux_possible = is_possible;
    const auto answer =
        speaker().answer(theirs(std::string(their_audio) + (is_offered ? "a=rtcp-mux\r\n" : "")), {line});
    CHECK(answer.description.media[0].has_rtcp_mux() == answer.lines[0].is_rtcp_mux);
    return answer.lines[0].is_rtcp_mux;
  };
  CHECK(mux(true, true));
  CHECK_FALSE(mux(true, false));
  CHECK_FALSE(mux(false, true));
  LocalMedia line = audio_line();
  line.is_rtcp_mux_offered = true;
  line.rtcp_port = 20005;
  const auto offer = speaker().offer({line});
  CHECK(offer.media[0].attribute("rtcp") == "20005");
  CHECK(accept_answer(offer, {line}, theirs(std::string(their_audio) + "a=rtcp-mux\r\n"))->at(0).is_rtcp_mux);
}

TEST_CASE("a video line is relayed with its own words and our addresses") {
  const auto caller = theirs(
      std::string(their_audio) +
      "m=video 5000 RTP/AVP 97 98\r\nc=IN IP4 192.0.2.10\r\nb=TIAS:500000\r\na=rtpmap:97 H264/90000\r\n"
      "a=fmtp:97 packetization-mode=1;profile-level-id=42e01f\r\na=rtpmap:98 VP8/90000\r\na=rtcp-fb:* nack pli\r\n"
      "a=rtcp:5009 IN IP4 192.0.2.10\r\na=candidate:1 1 udp 1 192.0.2.10 5000 typ "
      "host\r\na=ice-ufrag:x\r\na=sendonly\r\n");
  LocalMedia to_callee;
  to_callee.kind = "video";
  to_callee.rtp = {us, 30000};
  to_callee.relayed = caller.media[1];
  const auto offer = speaker().offer({audio_line(), to_callee});
  CHECK(offer.to_string().find("192.0.2.10") == std::string::npos);
  CHECK(offer.to_string().find("m=video 30000 RTP/AVP 97 98\r\nb=TIAS:500000\r\na=rtpmap:97 H264/90000\r\na=fmtp:97 "
                               "packetization-mode=1;profile-level-id=42e01f\r\n"
                               "a=rtpmap:98 VP8/90000\r\na=rtcp-fb:* nack pli\r\na=sendonly\r\n") != std::string::npos);

  const auto callee =
      theirs("m=audio 6000 RTP/AVP 0\r\nm=video 6002 RTP/AVP 97\r\na=rtpmap:97 H264/90000\r\na=recvonly\r\n");
  const auto agreed = accept_answer(offer, {audio_line(), to_callee}, callee);
  REQUIRE(agreed);
  CHECK(agreed->at(1).is_relayed);
  CHECK(agreed->at(1).direction == Direction::sendonly);
  CHECK(agreed->at(1).remote_rtp->port == 6002);

  LocalMedia to_caller = to_callee;
  to_caller.rtp.port = 30002;
  to_caller.relayed = callee.media[1];
  const auto answer = speaker().answer(caller, {audio_line(), to_caller});
  CHECK(answer.lines[1].is_accepted);
  CHECK(answer.lines[1].direction == Direction::recvonly);
  CHECK(answer.lines[1].remote_rtcp->to_string() == "192.0.2.10:5009");
  CHECK(answer.description.media[1].formats == std::vector<std::string>{"97"});
  CHECK(answer.description.media[1].port == 30002);

  to_caller.relayed->port = 0;
  CHECK_FALSE(speaker().answer(caller, {audio_line(), to_caller}).lines[1].is_accepted);
}

TEST_CASE("a description passed on hides where it came from") {
  const auto description = *parse_sdp(
      "v=0\r\no=ann 1 2 IN IP4 10.1.1.1\r\ns=Ann's phone\r\ne=ann@example.com\r\nc=IN IP4 10.1.1.1\r\nt=0 "
      "0\r\na=ice-lite\r\n"
      "m=audio 4000 RTP/AVP 0\r\na=candidate:1 1 udp 1 10.1.1.1 4000 typ host\r\na=rtcp:4001 IN IP4 10.1.1.1\r\n"
      "m=video 0 RTP/AVP 31\r\nm=video 5000 RTP/AVP 31\r\nc=IN IP4 10.1.1.2\r\n");
  const Endpoint audio{us, 20000};
  const Endpoint video{*parse_ip("198.51.100.2"), 20002};
  const Origin origin{"-", "9", 1, false, us.to_string()};
  const auto result = readdressed(description, {audio, Endpoint{us, 1}, video}, origin);
  const std::string text = result.to_string();
  CHECK(text.find("10.1.1") == std::string::npos);
  CHECK(text.find("ann") == std::string::npos);
  CHECK(text.find("Ann") == std::string::npos);
  CHECK(result.rtp_endpoint(result.media[0]) == audio);
  CHECK(result.media[1].is_rejected());
  CHECK(result.rtp_endpoint(result.media[2]) == video);
  CHECK(*parse_sdp(text) == result);
  CHECK(readdressed(description, {}, origin).media[0].is_rejected());
}

TEST_CASE("IPv6 is offered and answered") {
  const IpAddress six = *parse_ip("2001:db8::1");
  LocalMedia line = audio_line();
  line.rtp = {six, 20000};
  Speaker we(1, six);
  const auto answer = we.answer(theirs(their_audio, "c=IN IP6 2001:db8::9\r\n"), {line});
  CHECK(answer.description.to_string().find("o=- 1 1 IN IP6 2001:db8::1\r\ns=-\r\nc=IN IP6 2001:db8::1\r\n") !=
        std::string::npos);
  CHECK(answer.lines[0].remote_rtp->to_string() == "[2001:db8::9]:4000");
}

TEST_CASE("codecs are the same by name, clock and what parts them in fmtp") {
  Codec a{"H264", 90000, 1, 97, "packetization-mode=1"};
  Codec b{"h264", 90000, 1, 98, "profile-level-id=42e01f; packetization-mode=1"};
  CHECK(is_same_codec(a, b));
  b.fmtp = "";
  CHECK_FALSE(is_same_codec(a, b));
  CHECK(is_same_codec({"G729", 8000, 1, 18, "annexb=no"}, {"G729", 8000, 1, 18, ""}));
  CHECK_FALSE(is_same_codec({"AMR", 8000, 1, 96, "octet-align=1"}, {"AMR", 8000, 1, 96, ""}));
  CHECK(is_same_codec({"AMR", 8000, 1, 96, "octet-align=0"}, {"AMR", 8000, 1, 96, ""}));
  CHECK_FALSE(is_same_codec(opus(), {"opus", 48000, 1, 111, ""}));
  CHECK_FALSE(is_same_codec(pcmu(), pcma()));
}

TEST_CASE("a codec can be changed in mid-call by a new offer") {
  Speaker we = speaker();
  const auto first = we.answer(theirs("m=audio 4000 RTP/AVP 8\r\n"), {audio_line()});
  CHECK(first.lines[0].codec.encoding == "PCMA");
  const auto second = we.answer(theirs("m=audio 4000 RTP/AVP 0\r\n"), {audio_line()});
  CHECK(second.lines[0].codec.encoding == "PCMU");
  CHECK(second.description.origin.version == first.description.origin.version + 1);
}

}  // namespace nearend::sdp
