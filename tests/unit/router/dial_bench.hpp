#pragma once

#include "unit/router/bench.hpp"

namespace nearend::router::test {

inline call::DialRequest dial_of(std::vector<std::string> numbers) {
  call::DialRequest request;
  for (std::string& number : numbers) request.targets.push_back({.address = std::move(number)});
  return request;
}

/// A Dial on a caller that hears the callee's answer as its own.
struct DialBench : Bench {
  explicit DialBench(Settings settings = defaults())
      : Bench(std::move(settings)),
        near(*this, "eu-gw1", "eu/de1", "198.51.100.7:5070"),
        far(*this, "eu-gw2", "eu/ie1", "198.51.100.8:5070") {
    add_gateway("eu-gw1", "eu/de1", "198.51.100.7:5070", {"+4"});
    add_gateway("eu-gw2", "eu/ie1", "198.51.100.8:5070", {"+3"});
    policy.topology.rtts = {{"eu/de1", "eu/ie1", 20}};
    request = dial_of({"+353123"});
    verbs = [this](Call& call) { return dial(call); };
  }
  Task<void> dial(Call& call) {
    call::DialRequest wanted = request;
    result = co_await call.dial(std::move(wanted));
    if (!next_text.empty() && !result->is_caller_gone) {
      media::PlayRequest play;
      play.sources.push_back({.kind = media::Source::Kind::speech, .value = next_text});
      played = co_await call.play(std::move(play));
    }
  }
  /// Up to the callee's ringing.
  void ring() {
    near.call();
    world.run(200ms);
    REQUIRE(far.callee != sip::DialogId::none);
    far.progress(183, true);
    far.progress(180, false);
    world.run(200ms);
  }
  void talk() {
    ring();
    far.answer("bridged;at=0;sip-call-id=\"out-1\"");
    world.run(50ms);
    near.say(near.caller, fmt::format("bridged;peer={}", far.callee_context.leg));
    world.run(200ms);
  }

  FakeGateway near, far;
  call::DialRequest request;
  std::optional<call::DialResult> result;
  std::optional<call::PlayResult> played;
  std::string next_text;
};

}  // namespace nearend::router::test
