// Keys that are pressed while the media moves.
#include "moves/runs.hpp"

namespace nearend::media::test {
namespace {

constexpr std::string_view keys = "0123456789*#ABCD";
constexpr uint32_t around_ms = 300;  // from 150 ms before the move to 150 ms after it

/// Digits that a telephone hears, each once.
std::string digits_heard(const Talker& talker) {
  rtp::EventDetector detector;
  std::string found;
  for (const auto& one : talker.heard) {
    if (const auto late = detector.on_time(one.at); late) found += late->digit;
    if (one.payload_type != 101) continue;
    const auto pressed = detector.on_event(one.timestamp, one.event, 8000, one.at);
    for (uint8_t i = 0; i < pressed.count; ++i) found += pressed.pressed[i].digit;
  }
  if (detector.is_open()) found += '?';
  return found;
}

struct Pressed {
  std::string by_a, by_b;
};

}  // namespace

int run_digits(const Plan& plan) {
  Stage stage(plan);
  std::map<const Talk*, Pressed> pressed;
  for (Kind kind : plan.kinds) {
    // A telephone that is sent elsewhere in the middle of a key press has two listeners; neither is ours.
    if (kind == Kind::local_direct) continue;
    for (uint32_t extra : kind == Kind::local_split ? std::vector<uint32_t>{0} : plan.extra_ms) stage.add(kind, extra);
  }
  stage.settle();
  stage.move_all([&](Talk& talk, size_t number) {
    stage.site.loop().start_timer(
        stage.site.loop().now() + std::chrono::microseconds(stage.site.random(around_ms * 1000)), [&, number] {
          const char key = keys[stage.site.random(keys.size())];
          Talker& by = number % 2 == 0 ? talk.a() : talk.b();
          by.press(key, static_cast<uint16_t>(3 + stage.site.random(8)));
          (number % 2 == 0 ? pressed[&talk].by_a : pressed[&talk].by_b) += key;
        });
  });
  int worst = 0;
  for (size_t i = 0; i < stage.size(); ++i) {
    Talk& talk = stage.talk(i);
    const Verdict verdict = stage.judge(i);
    const Pressed& by = pressed[&talk];
    const std::string at_b = digits_heard(talk.b()), at_a = digits_heard(talk.a());
    const size_t told_a = talk.digits_told(true), told_b = talk.node_of_b().told<event::Digit>(talk.leg_b.id).size();
    std::string fault;
    if (at_b != by.by_a || at_a != by.by_b) fault = "digits differ";
    if (told_a != by.by_a.size() || told_b != by.by_b.size()) fault = "digits told differ";
    if (verdict.breaks() > 0) fault = fmt::format("{} header breaks", verdict.breaks());
    worst = std::max(
        worst, tell(fmt::format("{:34} {} keys pressed around {} moves ({} from the kernel): {} heard, {} "
                                "told; breaks {}",
                                stage.name(i), by.by_a.size() + by.by_b.size(), verdict.moves, verdict.from_kernel,
                                at_a.size() + at_b.size(), told_a + told_b, verdict.breaks()),
                    fault));
    if (!fault.empty()) fmt::print("  pressed {} / {}\n  heard   {} / {}\n", by.by_a, by.by_b, at_b, at_a);
  }
  return worst;
}

}  // namespace nearend::media::test
