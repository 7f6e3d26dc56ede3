#include "lab/baresip.hpp"

#include <doctest/doctest.h>

#include "lab/capture.hpp"
#include "lab/packet.hpp"

using namespace nearend;
using namespace nearend::lab;
using namespace std::chrono_literals;

namespace {

struct RunDirectory {
  std::filesystem::path path = std::filesystem::temp_directory_path() / fmt::format("nearend-lab-{}", ::getpid());
  RunDirectory() { std::filesystem::create_directories(path); }
  ~RunDirectory() { std::filesystem::remove_all(path); }
};

}  // namespace

TEST_CASE("two softphones on two sites hear each other's marker over the network") {
  const auto rights = gain_network_rights();
  if (!rights) {
    MESSAGE("SKIPPED: no network namespaces here: ", rights.error().text);
    return;
  }
  const RunDirectory run;
  Wan wan;
  Capture capture;
  const SiteId near = *wan.add_site("near");
  const SiteId far = *wan.add_site("far");
  wan.set_paths(near, far, {.delay = 30ms});
  wan.add_tap(capture);
  REQUIRE(wan.start());
  auto caller = Baresip::start(wan, near, {.name = "caller", .voice = Voice::caller}, run.path);
  REQUIRE_MESSAGE(caller, caller.error().text);
  auto callee = Baresip::start(wan, far, {.name = "callee", .voice = Voice::callee}, run.path);
  REQUIRE_MESSAGE(callee, callee.error().text);

  REQUIRE(caller->dial(fmt::format("sip:callee@{}", wan.address(far).to_string())));
  const auto established = caller->wait_event("CALL_ESTABLISHED", 5s);
  REQUIRE_MESSAGE(established, established.error().text);
  size_t count = 0;
  const auto talked = capture.wait(
      [&count](const Captured& packet) {
        const auto udp = read_udp(packet.packet);
        return udp && read_rtp(udp->payload) && ++count == 200;
      },
      10s);
  REQUIRE(talked);
  caller->press('7');
  const auto digit = capture.wait(
      [](const Captured& packet) {
        const auto udp = read_udp(packet.packet);
        const auto rtp = udp ? read_rtp(udp->payload) : std::nullopt;
        return rtp && rtp->payload_type != 0 && rtp->payload.size() == 4 && rtp->payload[0] == 7;
      },
      3s);
  CHECK(digit);
  REQUIRE(caller->hangup());
  CHECK(callee->wait_event("CALL_CLOSED", 3s));
  caller->stop();
  callee->stop();

  const auto at_caller = caller->heard();
  REQUIRE_MESSAGE(at_caller, at_caller.error().text);
  const auto at_callee = callee->heard();
  REQUIRE(at_callee);
  CHECK(hear(*at_caller)[static_cast<size_t>(Voice::callee)].frames > 70);
  CHECK(hear(*at_callee)[static_cast<size_t>(Voice::caller)].frames > 70);
  CHECK(hear(*at_caller)[static_cast<size_t>(Voice::caller)].frames == 0);
}
