// links: sip sdp
#include <benchmark/benchmark.h>

#include <string>

#include "sdp/negotiate.hpp"
#include "sip/message.hpp"

namespace {

using namespace nearend;

std::string description() {
  return "v=0\r\no=ann 2890844526 2890844527 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
         "m=audio 49170 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
         "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n";
}

/// An INVITE as a carrier sends it.
std::string invite() {
  const std::string body = description();
  return "INVITE sip:+15550100@gw.example SIP/2.0\r\n"
         "Via: SIP/2.0/UDP 192.0.2.9:5070;branch=z9hG4bKa71623;rport\r\n"
         "Via: SIP/2.0/UDP 192.0.2.19:5070;branch=z9hG4bKb;received=192.0.2.3\r\n"
         "Max-Forwards: 70\r\nFrom: \"Ann\" <sip:+15550199@carrier.example>;tag=f1\r\nTo: "
         "<sip:+15550100@gw.example>\r\n"
         "Call-ID: c1@carrier\r\nCSeq: 7 INVITE\r\nContact: <sip:ann@192.0.2.9:5070;transport=udp>\r\n"
         "User-Agent: something 1.0\r\nAllow: INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, PRACK\r\n"
         "Supported: 100rel, timer, replaces\r\nSession-Expires: 1800;refresher=uac\r\nRecord-Route: "
         "<sip:192.0.2.19;lr>\r\n"
         "Content-Type: application/sdp\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

void parse_invite(benchmark::State& state) {
  const std::string text = invite();
  for (auto _ : state) benchmark::DoNotOptimize(sip::parse_message(text).message.field_count());
}
BENCHMARK(parse_invite);

void answer_invite(benchmark::State& state) {
  const sip::Message request = sip::parse_message(invite()).message;
  for (auto _ : state) {
    sip::Message response = sip::Message::response(request, 200);
    benchmark::DoNotOptimize(response.set_to_tag("abc"));
    benchmark::DoNotOptimize(response.add(sip::HeaderId::contact, "<sip:gw@198.51.100.1>"));
    response.set_body("application/sdp", description());
    benchmark::DoNotOptimize(response.serialize());
  }
}
BENCHMARK(answer_invite);

void parse_description(benchmark::State& state) {
  const std::string text = description();
  for (auto _ : state) benchmark::DoNotOptimize(sdp::parse_sdp(text));
}
BENCHMARK(parse_description);

void answer_description(benchmark::State& state) {
  const auto offer = sdp::parse_sdp(description());
  sdp::Speaker speaker(1, IpAddress::loopback());
  sdp::LocalMedia line;
  line.rtp = {IpAddress::loopback(), 4000};
  line.codecs = {sdp::pcmu(), sdp::pcma(), sdp::telephone_event()};
  for (auto _ : state) benchmark::DoNotOptimize(speaker.answer(*offer, {line}).description.to_string());
}
BENCHMARK(answer_description);

}  // namespace
