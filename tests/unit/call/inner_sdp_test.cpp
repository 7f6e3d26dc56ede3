#include "call/inner_sdp.hpp"

#include <doctest/doctest.h>

namespace nearend::call {
namespace {

constexpr std::string_view with_video =
    "v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n"
    "m=audio 20002 RTP/AVP 9 15 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=sendrecv\r\n"
    "m=video 20006 RTP/AVP 97\r\na=rtpmap:97 VP8/90000\r\n";

media::AnchorInfo anchor() {
  media::AnchorInfo info;
  info.streams.push_back({media::StreamKind::audio, *parse_endpoint("203.0.113.9:30000"), {}});
  return info;
}

TEST_CASE("an idle description has the peer's lines, inactive on port 9") {
  LinkSpeaker speaker(8, *parse_ip("203.0.113.9"));
  auto idle = sdp::parse_sdp(speaker.idle(*sdp::parse_sdp(with_video)));
  REQUIRE(idle);
  REQUIRE(idle->media.size() == 2);
  for (const sdp::Media& line : idle->media) {
    CHECK(line.port == 9);
    CHECK(idle->direction_of(line) == sdp::Direction::inactive);
  }
  CHECK(idle->media[0].formats == std::vector<std::string>{"9", "15", "0", "101"});
}

TEST_CASE("the router's node takes what it can decode and telephone-events, and rejects video") {
  LinkSpeaker speaker(8, *parse_ip("203.0.113.9"));
  auto text = speaker.node(*sdp::parse_sdp(with_video), anchor());
  REQUIRE(text);
  auto node = sdp::parse_sdp(*text);
  REQUIRE(node);
  CHECK(node->media[0].formats == std::vector<std::string>{"9", "0", "101"});
  CHECK(node->rtp_endpoint(node->media[0]) == parse_endpoint("203.0.113.9:30000").value());
  CHECK(node->media[0].fmtp(101) == "0-15");
  CHECK(node->media[1].is_rejected());
}

TEST_CASE("a gateway with nothing but what the router's node cannot decode is not brought to it") {
  LinkSpeaker speaker(8, *parse_ip("203.0.113.9"));
  auto theirs = sdp::parse_sdp(
      "v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\nm=audio 20002 RTP/AVP 15\r\n");
  CHECK(speaker.node(*theirs, anchor()).error().kind == Error::Kind::unsupported);
}

TEST_CASE("a dialog keeps its origin, and the version grows only when the words change") {
  LinkSpeaker speaker(8, *parse_ip("203.0.113.9"));
  const auto theirs = *sdp::parse_sdp(with_video);
  const auto first = *sdp::parse_sdp(speaker.idle(theirs));
  const auto again = *sdp::parse_sdp(speaker.idle(theirs));
  const auto other = *sdp::parse_sdp(speaker.passed_on(theirs));
  CHECK(first.origin == again.origin);
  CHECK(other.origin.id == first.origin.id);
  CHECK(other.origin.version == first.origin.version + 1);
  CHECK(other.rtp_endpoint(other.media[0]) == theirs.rtp_endpoint(theirs.media[0]));
}

TEST_CASE("what a gateway's description says is what the node sends to") {
  const auto remotes = remotes_of(*sdp::parse_sdp(with_video));
  REQUIRE(remotes.size() == 1);
  CHECK(remotes[0].rtp == *parse_endpoint("198.51.100.7:20002"));
  REQUIRE(remotes[0].formats.size() == 3);
  CHECK(remotes[0].formats[0].name == "G722");
  CHECK(remotes[0].formats[1].name == "PCMU");
  CHECK(remotes[0].may_send);
}

}  // namespace
}  // namespace nearend::call
