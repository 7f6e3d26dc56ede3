#include "sdp/sdp.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace nearend::sdp {
namespace {

constexpr std::string_view phone_offer =
    "v=0\r\n"
    "o=ann 2890844526 2890844527 IN IP4 192.0.2.9\r\n"
    "s=A call\r\n"
    "i=About nothing\r\n"
    "u=http://example.com/\r\n"
    "e=ann@example.com\r\n"
    "c=IN IP4 192.0.2.9\r\n"
    "b=AS:512\r\n"
    "t=0 0\r\n"
    "a=tool:phone 1.0\r\n"
    "m=audio 49170 RTP/AVP 0 8 96 101\r\n"
    "b=TIAS:64000\r\n"
    "a=rtpmap:96 opus/48000/2\r\n"
    "a=fmtp:96 useinbandfec=1; stereo=0\r\n"
    "a=rtpmap:101 telephone-event/8000\r\n"
    "a=fmtp:101 0-16\r\n"
    "a=ptime:30\r\n"
    "a=rtcp:53020\r\n"
    "a=sendonly\r\n"
    "m=video 51372/2 RTP/AVPF 99\r\n"
    "i=Camera\r\n"
    "c=IN IP6 2001:db8::9\r\n"
    "a=rtpmap:99 H264/90000\r\n"
    "a=rtcp-fb:99 nack pli\r\n"
    "a=rtcp-mux\r\n";

std::string minimal(std::string_view rest = {}) {
  return "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n" + std::string(rest);
}

}  // namespace

TEST_CASE("a description is read with its parts and written back byte for byte") {
  const auto read = parse_sdp(phone_offer);
  REQUIRE(read);
  CHECK(read->to_string() == phone_offer);
  CHECK(read->origin.username == "ann");
  CHECK(read->origin.version == 2890844527);
  CHECK(read->attribute("tool") == "phone 1.0");
  REQUIRE(read->media.size() == 2);

  const Media& audio = read->media[0];
  CHECK(audio.port == 49170);
  CHECK(audio.is_rtp());
  const auto codecs = audio.codecs();
  REQUIRE(codecs.size() == 4);
  CHECK(codecs[0].encoding == "PCMU");
  CHECK(codecs[1].encoding == "PCMA");
  CHECK(codecs[2].encoding == "opus");
  CHECK(codecs[2].clock_rate == 48000);
  CHECK(codecs[2].channels == 2);
  CHECK(audio.fmtp(96) == "useinbandfec=1; stereo=0");
  CHECK(audio.fmtp(0).empty());
  CHECK(audio.ptime() == 30);
  CHECK(read->direction_of(audio) == Direction::sendonly);
  CHECK(read->rtp_endpoint(audio)->to_string() == "192.0.2.9:49170");
  CHECK(read->rtcp_endpoint(audio)->to_string() == "192.0.2.9:53020");

  const Media& video = read->media[1];
  CHECK(video.port_count == 2);
  CHECK(video.title == "Camera");
  CHECK(read->direction_of(video) == Direction::sendrecv);
  CHECK(read->rtp_endpoint(video)->to_string() == "[2001:db8::9]:51372");
  CHECK(read->rtcp_endpoint(video)->port == 51372);
  CHECK(video.attribute("rtcp-fb") == "99 nack pli");
}

TEST_CASE("what the field sends beyond the grammar is let pass") {
  for (const std::string& text :
       {std::string("v=0\no=- 1 1 IN IP4 h.example\ns=\nc=IN IP4 192.0.2.1\nm=audio 1 RTP/AVP 0\n"),
        minimal("\r\n\r\n"), minimal("x=unknown\r\n"), minimal("m=audio  1 RTP/AVP 0 \r\n"),
        minimal("m=image 1 udptl t38\r\n"), minimal("m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"),
        minimal("k=prompt\r\nb=AS:1\r\n"), minimal("c=IN IP4 224.2.1.1/127/3\r\n"),
        minimal("m=audio 1 RTP/AVP 0\r\nc=IN IP4 192.0.2.1\r\na=rtpmap:junk\r\na=fmtp\r\na=ptime:x\r\n")}) {
    CAPTURE(text);
    const auto read = parse_sdp(text);
    REQUIRE(read);
    CHECK(*parse_sdp(read->to_string()) == *read);
  }
}

TEST_CASE("errors name the line and the field") {
  const std::vector<std::pair<std::string, std::string>> table{
      {"", "v=0 is missing"},
      {"o=- 1 1 IN IP4 h\r\n", "line 1, o=: v=0 must come first"},
      {"v=1\r\n", "line 1, v=: only version 0"},
      {"v=0\r\nv=0\r\n", "line 2, v=: stands twice"},
      {"v=0\r\ns=-\r\n", "o= is missing"},
      {"v=0\r\no=- 1 1 IN IP4\r\n", "line 2, o=: 'user id version IN IP4 address' expected"},
      {"v=0\r\no=- x 1 IN IP4 h\r\n", "line 2, o=: id and version must be numbers"},
      {minimal("o=- 1 1 IN IP4 h\r\n"), "line 5, o=: stands twice"},
      {minimal("m=audio x RTP/AVP 0\r\n"), "line 5, m=: port 'x' is not a number up to 65535"},
      {minimal("m=audio 65536 RTP/AVP 0\r\n"), "line 5, m=: port '65536'"},
      {minimal("m=audio 1/0 RTP/AVP 0\r\n"), "line 5, m=: the number of ports"},
      {minimal("m=audio 1 RTP/AVP\r\n"), "line 5, m=: 'kind port protocol formats' expected"},
      {minimal("c=IN IP5 h\r\n"), "line 5, c=: 'IN IP4 address' expected"},
      {minimal("c=IN IP4 /1\r\n"), "line 5, c=: the address is empty"},
      {minimal("nonsense\r\n"), "line 5, n=: a letter and '=' expected"},
      {minimal("M=x\r\n"), "line 5, ?=: a letter and '=' expected"},
      {minimal("a=\r\n"), "line 5, a=: a name expected"},
      {minimal(std::string_view("a=x\0y\r\n", 7)), "line 5, a=: NUL or CR"},
      {minimal("a=x\ry\r\n"), "line 5, a=: NUL or CR"},
      {minimal("a=" + std::string(line_bytes_max, 'x') + "\r\n"), "line 5, a=: longer than 8192 bytes"},
      {std::string(description_bytes_max + 1, 'v'), "longer than 65536 bytes"},
  };
  for (const auto& [text, words] : table) {
    CAPTURE(text.substr(0, 200));
    const auto read = parse_sdp(text);
    REQUIRE_FALSE(read);
    CHECK_MESSAGE(read.error().text.find(words) != std::string::npos, read.error().text);
  }
}

TEST_CASE("bombs are refused: too many lines, media sections, candidates, formats") {
  const auto repeated = [](std::string_view line, size_t count) {
    std::string text;
    for (size_t i = 0; i < count; ++i) text += line;
    return minimal(text);
  };
  CHECK(parse_sdp(repeated("m=audio 1 RTP/AVP 0\r\n", media_lines_max)));
  CHECK_FALSE(parse_sdp(repeated("m=audio 1 RTP/AVP 0\r\n", media_lines_max + 1)));
  CHECK(parse_sdp(repeated("a=candidate:1\r\n", candidates_max)));
  CHECK_FALSE(parse_sdp(repeated("a=candidate:1\r\n", candidates_max + 1)));
  CHECK_FALSE(parse_sdp(repeated("a=x\r\n", lines_max)));
  std::string formats = "m=audio 1 RTP/AVP";
  for (size_t i = 0; i <= formats_max; ++i) formats += " 0";
  CHECK_FALSE(parse_sdp(minimal(formats + "\r\n")));
}

TEST_CASE("media goes nowhere where there is no address to send to") {
  const auto endpoint = [](std::string_view rest) {
    const auto read = parse_sdp(minimal(rest));
    REQUIRE(read);
    return read->rtp_endpoint(read->media.at(0)).has_value();
  };
  CHECK(endpoint("c=IN IP4 192.0.2.1\r\nm=audio 2 RTP/AVP 0\r\n"));
  CHECK(endpoint("m=audio 2 RTP/AVP 0\r\nc=IN IP6 2001:db8::1\r\n"));
  CHECK_FALSE(endpoint("m=audio 2 RTP/AVP 0\r\n"));
  CHECK_FALSE(endpoint("c=IN IP4 192.0.2.1\r\nm=audio 0 RTP/AVP 0\r\n"));
  CHECK_FALSE(endpoint("c=IN IP4 0.0.0.0\r\nm=audio 2 RTP/AVP 0\r\n"));
  CHECK_FALSE(endpoint("c=IN IP6 ::\r\nm=audio 2 RTP/AVP 0\r\n"));
  CHECK_FALSE(endpoint("c=IN IP4 224.2.1.1/127\r\nm=audio 2 RTP/AVP 0\r\n"));
  CHECK_FALSE(endpoint("c=IN IP4 255.255.255.255\r\nm=audio 2 RTP/AVP 0\r\n"));
  CHECK_FALSE(endpoint("c=IN IP4 host.example\r\nm=audio 2 RTP/AVP 0\r\n"));
  CHECK_FALSE(endpoint("c=IN IP4 2001:db8::1\r\nm=audio 2 RTP/AVP 0\r\n"));
}

TEST_CASE("RTCP goes where a=rtcp says, with RTP when muxed, else one port above") {
  const auto rtcp = [](std::string_view attributes) {
    const auto read = parse_sdp(minimal("c=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0\r\n" + std::string(attributes)));
    REQUIRE(read);
    const auto endpoint = read->rtcp_endpoint(read->media.at(0));
    return endpoint ? endpoint->to_string() : std::string("none");
  };
  CHECK(rtcp("") == "192.0.2.1:4001");
  CHECK(rtcp("a=rtcp-mux\r\n") == "192.0.2.1:4000");
  CHECK(rtcp("a=rtcp:5000\r\n") == "192.0.2.1:5000");
  CHECK(rtcp("a=rtcp:5000 IN IP4 192.0.2.7\r\n") == "192.0.2.7:5000");
  CHECK(rtcp("a=rtcp:0\r\n") == "none");
  CHECK(rtcp("a=rtcp:x\r\n") == "none");
  CHECK(rtcp("a=rtcp:5000 IN IP4 host\r\n") == "none");
}

TEST_CASE("directions: session default, section, old hold") {
  const auto direction = [](std::string_view rest) {
    const auto read = parse_sdp(minimal(rest));
    REQUIRE(read);
    return read->direction_of(read->media.at(0));
  };
  CHECK(direction("m=audio 2 RTP/AVP 0\r\n") == Direction::sendrecv);
  CHECK(direction("a=inactive\r\nm=audio 2 RTP/AVP 0\r\n") == Direction::inactive);
  CHECK(direction("a=inactive\r\nm=audio 2 RTP/AVP 0\r\na=recvonly\r\n") == Direction::recvonly);
  CHECK(direction("c=IN IP4 0.0.0.0\r\nm=audio 2 RTP/AVP 0\r\n") == Direction::sendonly);
  CHECK(direction("c=IN IP4 0.0.0.0\r\nm=audio 2 RTP/AVP 0\r\na=recvonly\r\n") == Direction::inactive);
}

TEST_CASE("direction arithmetic is that of RFC 3264") {
  using enum Direction;
  CHECK(reversed(sendonly) == recvonly);
  CHECK(reversed(inactive) == inactive);
  CHECK(intersected(sendrecv, sendonly) == sendonly);
  CHECK(intersected(recvonly, sendonly) == inactive);
  CHECK(sends(sendonly));
  CHECK_FALSE(receives(sendonly));
  for (Direction d : {sendrecv, sendonly, recvonly, inactive}) {
    CHECK(reversed(reversed(d)) == d);
    CHECK(make_direction(sends(d), receives(d)) == d);
    CHECK(intersected(d, sendrecv) == d);
  }
}

TEST_CASE("changing a section's direction and attributes leaves one of each") {
  Media media = parse_sdp(phone_offer)->media[0];
  media.set_direction(Direction::inactive);
  CHECK(media.own_direction() == Direction::inactive);
  CHECK_FALSE(media.has("sendonly"));
  media.set_attribute("ptime", "20");
  media.set_attribute("ptime", "40");
  CHECK(media.ptime() == 40);
  media.remove_attribute("ptime");
  CHECK_FALSE(media.ptime());
}

}  // namespace nearend::sdp
