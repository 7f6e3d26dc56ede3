#include "lab/phone.hpp"

#include <doctest/doctest.h>

#include "lab/rtp_trace.hpp"
#include "lab/sip_trace.hpp"

using namespace nearend;
using namespace nearend::lab;
using namespace std::chrono_literals;

namespace {

struct TwoPhones {
  Wan wan;
  Capture capture;
  SiteId near = 0, far = 0;
  std::unique_ptr<Phone> caller, callee;

  explicit TwoPhones(PhoneSettings callee_settings) {
    near = *wan.add_site("near");
    far = *wan.add_site("far");
    wan.set_paths(near, far, {.delay = 10ms});
    wan.add_tap(capture);
    REQUIRE(wan.start());
    callee_settings.voice = Voice::callee;
    caller = *Phone::start(wan, near, {.has_video = callee_settings.has_video});
    callee = *Phone::start(wan, far, callee_settings);
  }
  void dial() { caller->dial("+15550102", {wan.address(far), 5060}); }
  bool wait_rtp(SiteId from, int packets) {
    return capture
        .wait([&](const Captured& packet) { return packet.from == from && rtp_in(packet) && --packets == 0; }, 5s)
        .has_value();
  }
};

bool is_skipped() {
  const auto rights = gain_network_rights();
  if (!rights) MESSAGE("SKIPPED: no network namespaces here: ", rights.error().text);
  return !rights;
}

const SipSeen* first_with_status(const std::vector<SipSeen>& messages, int status, std::string_view method) {
  for (const auto& seen : messages) {
    if (seen.status() == status && seen.method() == method) return &seen;
  }
  return nullptr;
}

}  // namespace

TEST_CASE("the callee's first speech leaves with its 200 OK and every frame is heard at the other end") {
  if (is_skipped()) return;
  TwoPhones phones({.ring = 100ms});
  phones.dial();
  REQUIRE(phones.caller->wait(Phone::State::talking, 3s));
  REQUIRE(phones.wait_rtp(phones.far, 100));
  phones.caller->hangup();
  REQUIRE(phones.callee->wait(Phone::State::ended, 3s));
  const auto is_bye_answer = [](const SipSeen& seen) { return seen.status() == 200 && seen.method() == "BYE"; };
  REQUIRE(phones.capture.wait(sip_where(is_bye_answer), 3s));

  const auto packets = phones.capture.packets();
  const auto messages = sip_messages(packets);
  const SipSeen* ok = first_with_status(messages, 200, "INVITE");
  REQUIRE(ok != nullptr);
  const auto back = rtp_between(packets, phones.far, phones.near);
  CHECK(back.front().entered_ns - ok->entered_ns < 3'000'000);
  const auto hearing = hear(listen(back).samples);
  CHECK(hearing[static_cast<size_t>(Voice::callee)].frames >= 98);
  CHECK(hearing[static_cast<size_t>(Voice::callee)].lost_ms == 0);
  CHECK(hearing[static_cast<size_t>(Voice::caller)].frames == 0);
  std::vector<std::string> labels;
  for (const auto& seen : messages) labels.push_back(seen.label());
  CHECK(labels ==
        std::vector<std::string>{"INVITE", "180 Ringing (INVITE)", "200 OK (INVITE)", "ACK", "BYE", "200 OK (BYE)"});
}

TEST_CASE("a phone refuses, is cancelled while it rings, and falls silent without hanging up") {
  if (is_skipped()) return;
  {
    TwoPhones phones({.refusal = 486});
    phones.dial();
    REQUIRE(phones.caller->wait(Phone::State::ended, 3s));
    CHECK(phones.caller->status() == 486);
  }
  {
    TwoPhones phones({.is_left_ringing = true});
    phones.dial();
    REQUIRE(phones.callee->wait(Phone::State::ringing, 3s));
    phones.caller->hangup();
    REQUIRE(phones.callee->wait(Phone::State::ended, 3s));
    REQUIRE(phones.caller->wait(Phone::State::ended, 3s));
    CHECK(phones.caller->status() == 487);
  }
  TwoPhones phones({.has_video = true});
  phones.dial();
  REQUIRE(phones.caller->wait(Phone::State::talking, 3s));
  REQUIRE(phones.wait_rtp(phones.near, 20));
  phones.caller->press('*');
  REQUIRE(phones.capture.wait(
      [](const Captured& packet) {
        const auto rtp = rtp_in(packet);
        return rtp && rtp->payload_type == 101 && rtp->payload[0] == 10 && (rtp->payload[1] & 0x80) != 0;
      },
      3s));
  phones.caller->fall_silent(true);
  const size_t mark = phones.capture.size();
  CHECK_FALSE(
      phones.capture.wait([&](const Captured& p) { return p.from == phones.near && rtp_in(p); }, 200ms, mark + 4));
  CHECK(phones.callee->state() == Phone::State::talking);
}
