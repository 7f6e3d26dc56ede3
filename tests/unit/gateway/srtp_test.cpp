#include <doctest/doctest.h>

#include "sdp/crypto.hpp"
#include "unit/gateway/region.hpp"

namespace nearend::gateway::test {
namespace {

using namespace sip;

constexpr std::string_view key = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

Body keyed_sdp(std::string_view address, int port, std::string_view protocol, int tag,
               std::string_view suite = "AES_CM_128_HMAC_SHA1_80") {
  return {"application/sdp",
          fmt::format("v=0\r\no=- 1 1 IN IP4 {0}\r\ns=-\r\nc=IN IP4 {0}\r\nt=0 0\r\nm=audio {1} {2} 0 101\r\n"
                      "a=rtpmap:101 telephone-event/8000\r\na=crypto:{3} {4} inline:{5}\r\n",
                      address, port, protocol, tag, suite, key)};
}

Body dtls_sdp(std::string_view address, int port, std::string_view setup,
              std::string_view fingerprint = "sha-256 AB:CD") {
  return {"application/sdp",
          fmt::format("v=0\r\no=- 1 1 IN IP4 {0}\r\ns=-\r\nc=IN IP4 {0}\r\nt=0 0\r\na=fingerprint:{3}\r\n"
                      "m=audio {1} UDP/TLS/RTP/SAVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=setup:{2}\r\n"
                      "a=rtcp-mux\r\n",
                      address, port, setup, fingerprint)};
}

Settings with_policies(SrtpPolicy caller, SrtpPolicy callee) {
  Settings settings = two_providers();
  settings.providers[0].srtp = caller;
  for (size_t i = 1; i < settings.providers.size(); ++i) settings.providers[i].srtp = callee;
  return settings;
}

/// A caller whose number is forwarded to a callee.
struct Call {
  Call(SrtpPolicy caller_policy, SrtpPolicy callee_policy)
      : region(world, "192.0.2.10", with_policies(caller_policy, callee_policy)),
        caller(world, "192.0.2.1:5060"),
        callee(world, "192.0.2.2:5060"),
        second(world, "192.0.2.3:5060") {}

  void call(Body offer) {
    InviteRequest request;
    request.uri = "sip:+15550101@192.0.2.10";
    request.from = "<sip:+15550177@carrier.example>";
    request.targets = {{Protocol::udp, at("192.0.2.10:5060"), {}, 0}};
    request.body = std::move(offer);
    dialog = *caller.stack.invite(std::move(request));
    world.run(100ms);
  }
  std::string offered() { return std::string(callee.last<event::Invited>().request.body()); }
  void answer(Body body) {
    (void)callee.stack.accept(callee.dialog_of<event::Invited>(), std::move(body));
    world.run(100ms);
  }
  /// What the media node was last told of that far end.
  const media::Remote& remote(std::string_view far_end) {
    const auto found = std::find_if(region.media.remotes.rbegin(), region.media.remotes.rend(),
                                    [&](const media::Remote& one) { return one.rtp.to_string() == far_end; });
    REQUIRE(found != region.media.remotes.rend());
    return *found;
  }

  World world;
  Region region;
  Agent caller, callee, second;
  DialogId dialog = DialogId::none;
};

}  // namespace

TEST_CASE("a caller with SRTP and a callee without meet; each side's keys stay on its side") {
  Call call(SrtpPolicy::offered, SrtpPolicy::off);
  call.call(keyed_sdp("192.0.2.1", 4000, "RTP/SAVP", 3));
  REQUIRE(call.callee.count<event::Invited>() == 1);
  CHECK(call.offered().find("RTP/AVP") != std::string::npos);
  CHECK(call.offered().find("crypto") == std::string::npos);
  call.answer(sdp_of("192.0.2.2", 5000, "0 101"));
  REQUIRE(call.caller.count<event::Accepted>() == 1);
  const std::string answer = call.caller.last<event::Accepted>().body.content;
  CHECK(answer.find("RTP/SAVP 0") != std::string::npos);
  CHECK(answer.find("a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:") != std::string::npos);
  CHECK(answer.find(key) == std::string::npos);
  REQUIRE(call.remote("192.0.2.1:4000").srtp);
  CHECK(answer.find(sdp::to_string({3,
                                    "AES_CM_128_HMAC_SHA1_80",
                                    {call.remote("192.0.2.1:4000").srtp->send.bytes().begin(),
                                     call.remote("192.0.2.1:4000").srtp->send.bytes().end()}})) != std::string::npos);
  CHECK_FALSE(call.remote("192.0.2.2:5000").srtp);
}

TEST_CASE("a callee that must have SRTP is offered nothing else, and an answer in clear ends the call") {
  Call call(SrtpPolicy::off, SrtpPolicy::required);
  call.call(sdp_of("192.0.2.1", 4000));
  CHECK(call.offered().find("RTP/SAVP") != std::string::npos);
  CHECK(call.offered().find("a=crypto:1 AEAD_AES_128_GCM inline:") != std::string::npos);
  call.answer(keyed_sdp("192.0.2.2", 5000, "RTP/SAVP", 3));
  CHECK(call.caller.count<event::Accepted>() == 1);
  CHECK(call.remote("192.0.2.2:5000").srtp);
  CHECK_FALSE(call.remote("192.0.2.1:4000").srtp);

  for (const Body& bad : {sdp_of("192.0.2.2", 5000, "0 101"), keyed_sdp("192.0.2.2", 5000, "RTP/AVP", 3),
                          keyed_sdp("192.0.2.2", 5000, "RTP/SAVP", 9)}) {
    Call refused(SrtpPolicy::off, SrtpPolicy::required);
    refused.call(sdp_of("192.0.2.1", 4000));
    refused.answer(bad);
    CHECK(refused.caller.count<event::Accepted>() == 0);
    CHECK(refused.caller.last<event::Refused>().status == 488);
    for (const auto& one : refused.region.media.remotes) CHECK(one.rtp.to_string() != "192.0.2.2:5000");
  }
}

TEST_CASE("keys are offered beside RTP, and taken where the callee has them too") {
  for (const bool has_keys : {true, false}) {
    Call call(SrtpPolicy::off, SrtpPolicy::offered);
    call.call(sdp_of("192.0.2.1", 4000));
    CHECK(call.offered().find("RTP/AVP") != std::string::npos);
    CHECK(call.offered().find("a=crypto:1 AEAD_AES_128_GCM inline:") != std::string::npos);
    call.answer(has_keys ? keyed_sdp("192.0.2.2", 5000, "RTP/AVP", 3) : sdp_of("192.0.2.2", 5000, "0 101"));
    CHECK(call.caller.count<event::Accepted>() == 1);
    CHECK(call.remote("192.0.2.2:5000").srtp.has_value() == has_keys);
  }
}

TEST_CASE("offers that do not fit the provider's policy are refused with 488") {
  struct Case {
    SrtpPolicy policy;
    Body offer;
  };
  const Case cases[] = {{SrtpPolicy::off, keyed_sdp("192.0.2.1", 4000, "RTP/SAVP", 1)},
                        {SrtpPolicy::required, sdp_of("192.0.2.1", 4000)},
                        {SrtpPolicy::required, keyed_sdp("192.0.2.1", 4000, "RTP/SAVP", 1, "F8_128_HMAC_SHA1_80")},
                        {SrtpPolicy::offered, keyed_sdp("192.0.2.1", 4000, "RTP/SAVP", 1, "F8_128_HMAC_SHA1_80")},
                        {SrtpPolicy::offered, keyed_sdp("192.0.2.1", 4000, "UDP/TLS/RTP/SAVP", 1)},
                        {SrtpPolicy::dtls, keyed_sdp("192.0.2.1", 4000, "RTP/SAVP", 1)},
                        {SrtpPolicy::dtls, sdp_of("192.0.2.1", 4000)},
                        {SrtpPolicy::off, dtls_sdp("192.0.2.1", 4000, "actpass")},
                        {SrtpPolicy::dtls, dtls_sdp("192.0.2.1", 4000, "holdconn")},
                        {SrtpPolicy::dtls, dtls_sdp("192.0.2.1", 4000, "actpass", "sha-1 AB:CD")}};
  for (const Case& one : cases) {
    Call call(one.policy, SrtpPolicy::off);
    call.call(one.offer);
    REQUIRE(call.caller.count<event::Refused>() == 1);
    CHECK(call.caller.last<event::Refused>().status == 488);
    CHECK(call.callee.count<event::Invited>() == 0);
  }
}

TEST_CASE("a leg that is protected is not talked out of it by a re-INVITE, and the same keys stay") {
  Call call(SrtpPolicy::offered, SrtpPolicy::off);
  call.call(keyed_sdp("192.0.2.1", 4000, "RTP/SAVP", 3));
  call.answer(sdp_of("192.0.2.2", 5000, "0 101"));
  REQUIRE(call.caller.count<event::Accepted>() == 1);
  const auto keys = call.remote("192.0.2.1:4000").srtp;
  (void)call.caller.stack.reinvite(call.dialog, keyed_sdp("192.0.2.1", 4000, "RTP/SAVP", 3));
  call.world.run(200ms);
  CHECK(call.remote("192.0.2.1:4000").srtp == keys);
  (void)call.caller.stack.reinvite(call.dialog, sdp_of("192.0.2.1", 4000));
  call.world.run(200ms);
  CHECK(call.caller.last<event::Refused>().status == 488);
  CHECK(call.remote("192.0.2.1:4000").srtp == keys);
}

TEST_CASE("keys by DTLS: fingerprints and roles are told and taken both ways") {
  struct Case {
    SrtpPolicy policy;
    std::string_view theirs, ours;
  };
  for (const Case& one : {Case{SrtpPolicy::dtls, "actpass", "active"}, Case{SrtpPolicy::offered, "active", "passive"},
                          Case{SrtpPolicy::required, "passive", "active"}}) {
    Call call(one.policy, SrtpPolicy::off);
    call.call(dtls_sdp("192.0.2.1", 4000, one.theirs));
    REQUIRE(call.callee.count<event::Invited>() == 1);
    CHECK(call.offered().find("fingerprint") == std::string::npos);
    call.answer(sdp_of("192.0.2.2", 5000, "0 101"));
    REQUIRE(call.caller.count<event::Accepted>() == 1);
    const std::string answer = call.caller.last<event::Accepted>().body.content;
    CHECK(answer.find("UDP/TLS/RTP/SAVP 0") != std::string::npos);
    CHECK(answer.find("a=fingerprint:sha-256 12:34\r\n") != std::string::npos);
    CHECK(answer.find(fmt::format("a=setup:{}\r\n", one.ours)) != std::string::npos);
    CHECK(answer.find("a=rtcp-mux") != std::string::npos);
    REQUIRE(call.remote("192.0.2.1:4000").dtls);
    CHECK(call.remote("192.0.2.1:4000").dtls == media::DtlsPeer{"sha-256 AB:CD", one.ours == "active"});
    CHECK(call.remote("192.0.2.1:4000").is_rtcp_mux);
    (void)call.caller.stack.reinvite(call.dialog, sdp_of("192.0.2.1", 4000));
    call.world.run(200ms);
    CHECK(call.caller.last<event::Refused>().status == 488);
  }
  Call call(SrtpPolicy::off, SrtpPolicy::dtls);
  call.call(sdp_of("192.0.2.1", 4000));
  CHECK(call.offered().find("UDP/TLS/RTP/SAVP 0") != std::string::npos);
  CHECK(call.offered().find("a=setup:actpass") != std::string::npos);
  CHECK(call.offered().find("crypto") == std::string::npos);
  call.answer(dtls_sdp("192.0.2.2", 5000, "active"));
  CHECK(call.caller.count<event::Accepted>() == 1);
  CHECK(call.remote("192.0.2.2:5000").dtls == media::DtlsPeer{"sha-256 AB:CD", false});

  Call refused(SrtpPolicy::off, SrtpPolicy::dtls);
  refused.call(sdp_of("192.0.2.1", 4000));
  refused.answer(dtls_sdp("192.0.2.2", 5000, "actpass"));
  CHECK(refused.caller.last<event::Refused>().status == 488);
}

namespace {

/// The part of a description from its m=video line on.
std::string video_of(const std::string& description) {
  const size_t at = description.find("m=video");
  return at == std::string::npos ? std::string() : description.substr(at);
}

Body with_video(Body body, int port, std::string_view protocol, std::string_view keying) {
  body.content +=
      fmt::format("m=video {} {} 96\r\na=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\n{}", port, protocol, keying);
  return body;
}

const std::string crypto_line =
    fmt::format("a=crypto:1 AEAD_AES_128_GCM inline:{}\r\n", "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3OA==");

}  // namespace

TEST_CASE("video is protected line by line with keys of its own, whatever the other side does") {
  Call call(SrtpPolicy::required, SrtpPolicy::off);
  call.call(with_video(keyed_sdp("192.0.2.1", 4000, "RTP/SAVP", 3), 4002, "RTP/SAVPF", crypto_line));
  REQUIRE(call.callee.count<event::Invited>() == 1);
  CHECK(video_of(call.offered()).starts_with("m=video"));
  CHECK(call.offered().find("RTP/AVPF 96") != std::string::npos);
  CHECK(call.offered().find("crypto") == std::string::npos);
  call.answer(with_video(sdp_of("192.0.2.2", 5000, "0 101"), 5002, "RTP/AVPF", ""));
  REQUIRE(call.caller.count<event::Accepted>() == 1);
  const std::string answer = video_of(call.caller.last<event::Accepted>().body.content);
  CHECK(answer.find("RTP/SAVPF 96") != std::string::npos);
  CHECK(answer.find("a=crypto:1 AEAD_AES_128_GCM inline:") != std::string::npos);
  REQUIRE(call.remote("192.0.2.1:4002").srtp);
  CHECK(call.remote("192.0.2.1:4002").srtp->send != call.remote("192.0.2.1:4000").srtp->send);
  CHECK_FALSE(call.remote("192.0.2.2:5002").srtp);

  Call towards(SrtpPolicy::off, SrtpPolicy::dtls);
  towards.call(with_video(sdp_of("192.0.2.1", 4000), 4002, "RTP/AVP", ""));
  const std::string offer = video_of(towards.offered());
  CHECK(offer.find("UDP/TLS/RTP/SAVP 96") != std::string::npos);
  CHECK(offer.find("a=fingerprint:sha-256 12:34") != std::string::npos);
  CHECK(offer.find("a=setup:actpass") != std::string::npos);
  CHECK(offer.find("a=rtcp-mux") != std::string::npos);
  towards.answer(
      with_video(dtls_sdp("192.0.2.2", 5000, "active"), 5002, "UDP/TLS/RTP/SAVP", "a=setup:active\r\na=rtcp-mux\r\n"));
  REQUIRE(towards.caller.count<event::Accepted>() == 1);
  CHECK(towards.remote("192.0.2.2:5002").dtls == media::DtlsPeer{"sha-256 AB:CD", false});
  CHECK(towards.remote("192.0.2.2:5002").is_rtcp_mux);
  CHECK(video_of(towards.caller.last<event::Accepted>().body.content).find("RTP/AVP 96") != std::string::npos);
}

TEST_CASE("video beside protected speech is protected too or refused, offered and answered") {
  for (const auto policy : {SrtpPolicy::offered, SrtpPolicy::required}) {
    Call call(policy, SrtpPolicy::off);
    call.call(with_video(keyed_sdp("192.0.2.1", 4000, "RTP/SAVP", 3), 4002, "RTP/AVP", ""));
    CHECK(video_of(call.offered()).starts_with("m=video 0 "));
    call.answer(with_video(sdp_of("192.0.2.2", 5000, "0 101"), 0, "RTP/AVP", ""));
    REQUIRE(call.caller.count<event::Accepted>() == 1);
    CHECK(video_of(call.caller.last<event::Accepted>().body.content).starts_with("m=video 0 "));
    CHECK(call.remote("192.0.2.1:4000").srtp);
    for (const auto& one : call.region.media.remotes) CHECK(one.rtp.to_string() != "192.0.2.1:4002");
  }
  for (const bool has_keys : {true, false}) {
    CAPTURE(has_keys);
    Call call(SrtpPolicy::off, SrtpPolicy::offered);
    call.call(with_video(sdp_of("192.0.2.1", 4000), 4002, "RTP/AVP", ""));
    const std::string offer = video_of(call.offered());
    CHECK(offer.find("RTP/AVP 96") != std::string::npos);
    CHECK(offer.find("a=crypto:1 AEAD_AES_128_GCM inline:") != std::string::npos);
    call.answer(with_video(keyed_sdp("192.0.2.2", 5000, "RTP/AVP", 3), 5002, "RTP/AVP", has_keys ? crypto_line : ""));
    REQUIRE(call.caller.count<event::Accepted>() == 1);
    bool is_told = false;
    for (const auto& one : call.region.media.remotes) is_told = is_told || one.rtp.to_string() == "192.0.2.2:5002";
    CHECK(is_told == has_keys);
    if (has_keys) CHECK(call.remote("192.0.2.2:5002").srtp);
  }
  Call plain(SrtpPolicy::offered, SrtpPolicy::off);
  plain.call(with_video(sdp_of("192.0.2.1", 4000), 4002, "RTP/AVP", ""));
  plain.answer(with_video(sdp_of("192.0.2.2", 5000, "0 101"), 5002, "RTP/AVP", ""));
  CHECK(video_of(plain.caller.last<event::Accepted>().body.content).find("RTP/AVP 96") != std::string::npos);
  CHECK_FALSE(plain.remote("192.0.2.1:4002").srtp);
}

TEST_CASE("who is refused for want of SRTP is told so") {
  Call call(SrtpPolicy::required, SrtpPolicy::off);
  call.call(sdp_of("192.0.2.1", 4000));
  REQUIRE(call.caller.count<event::Refused>() == 1);
  const auto warning = [](Call& one) {
    return std::string(one.caller.last<event::Refused>().response.header("Warning"));
  };
  CHECK(warning(call) == "399 nearend \"the offer has no SRTP, which is a must here\"");
  Call unusable(SrtpPolicy::required, SrtpPolicy::off);
  unusable.call(keyed_sdp("192.0.2.1", 4000, "RTP/SAVP", 1, "F8_128_HMAC_SHA1_80"));
  CHECK(warning(unusable) == "399 nearend \"the offer's SRTP has no suite or fingerprint that we do\"");
  Call callee(SrtpPolicy::off, SrtpPolicy::required);
  callee.call(sdp_of("192.0.2.1", 4000));
  callee.answer(sdp_of("192.0.2.2", 5000, "0 101"));
  CHECK(warning(callee) == "399 nearend \"the callee has no SRTP, which is a must\"");
}

}  // namespace nearend::gateway::test
