#include "gateway/subareas.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <random>

#include "policy/places.hpp"

using namespace nearend;
using namespace nearend::gateway;

namespace {

/// What calls of some numbers or addresses meet.
struct Weather {
  double loss = 0.002, rtt_ms = 40;
};

/// An access area with calls that come and go: each has luck of its own besides what its network is like.
class Traffic {
 public:
  using Of = std::function<Weather(const std::string& address, double at_s)>;
  Traffic(uint64_t seed, std::string area, std::function<std::string(std::mt19937_64&)> address, size_t calls, Of of)
      : chance_(seed), area_(std::move(area)), address_(std::move(address)), of_(std::move(of)), calls_(calls) {
    for (Call& call : calls_) begin(call, true);
  }
  void run(int seconds) {
    for (int i = 0; i < seconds; ++i) second();
  }
  void second() {
    now_ms_ += 1000;
    for (Call& call : calls_) {
      if (call.left_s-- <= 0) begin(call, false);
      const Weather weather = of_(call.address, static_cast<double>(now_ms_) / 1000);
      media::LegSecond heard{.packets = 50};
      const double loss = std::min(0.9, weather.loss * call.luck + call.bad);
      heard.lost = std::binomial_distribution<uint32_t>(50, loss)(chance_);
      if (chance_() % 5 == 0) heard.rtt_ms = static_cast<float>((weather.rtt_ms + call.far_ms) * (0.9 + 0.2 * unit()));
      subareas_.add(call.member, heard, now_ms_);
    }
    subareas_.look(now_ms_);
  }
  std::vector<std::string> parts() const { return subareas_.parts_of(area_); }
  std::string name_of(std::string_view address) {
    Subareas::Member member;
    subareas_.enrol(member, area_, address);
    return subareas_.name_of(member);
  }
  void set(Of of) { of_ = std::move(of); }
  void stop() { calls_.clear(); }
  int64_t now_ms() const { return now_ms_; }

 private:
  struct Call {
    std::string address;
    int left_s = 0;
    double luck = 1, bad = 0, far_ms = 0;
    Subareas::Member member;
  };
  double unit() { return std::uniform_real_distribution<double>(0, 1)(chance_); }
  void begin(Call& call, bool is_first) {
    call.address = address_(chance_);
    call.left_s = static_cast<int>(-90 * std::log(1 - unit()));
    if (is_first) call.left_s /= 2;
    call.luck = std::exp(std::normal_distribution<double>(0, 1)(chance_));
    call.bad = unit() < 0.08 ? 0.05 * unit() : 0;  // a bad line at home
    call.far_ms = 60 * std::pow(unit(), 3);
    subareas_.enrol(call.member, area_, call.address);
  }
  std::mt19937_64 chance_;
  std::string area_;
  std::function<std::string(std::mt19937_64&)> address_;
  Of of_;
  std::vector<Call> calls_;
  policy::Places places_{policy::Topology{}};
  Subareas subareas_{[this](std::string_view name) { return places_.area_around(name); }};
  int64_t now_ms_ = 1'000'000;
};

std::string german_number(std::mt19937_64& chance) {
  static const char* const prefixes[] = {"+49151", "+49160", "+49171", "+4930", "+4989", "+4940", "+492", "+497"};
  return prefixes[chance() % 8] + std::to_string(1'000'000 + chance() % 9'000'000);
}

std::string address_in_16(std::mt19937_64& chance) {
  return fmt::format("203.0.{}.{}", chance() % 256, chance() % 256);
}

bool is_mobile(const std::string& number) {
  return number.starts_with("+491");
}

int false_splits(int seeds) {
  int splits = 0;
  for (int seed = 0; seed < seeds; ++seed) {
    // Whole area good, bad for a while, far for a while: as time has it, not as numbers have it.
    Traffic traffic(static_cast<uint64_t>(seed), seed % 3 == 0 ? "203.0.0.0/16" : "+49",
                    seed % 3 == 0 ? address_in_16 : german_number, 40 + static_cast<size_t>(seed % 5) * 40,
                    [](const std::string&, double at_s) {
                      const int minute = static_cast<int>(at_s / 60) % 5;
                      return Weather{minute == 2 ? 0.03 : 0.003, minute == 3 ? 140.0 : 40.0};
                    });
    bool has_split = false;
    for (int i = 0; i < 60 && !has_split; ++i) {
      traffic.run(5);
      has_split = !traffic.parts().empty();
    }
    splits += has_split;
  }
  return splits;
}

}  // namespace

TEST_CASE("numbers that lose packets are told apart from the rest of their country within half a minute") {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    Traffic traffic(seed, "+49", german_number, 80,
                    [](const std::string& number, double) { return Weather{is_mobile(number) ? 0.04 : 0.002, 40}; });
    int seconds = 0;
    for (; traffic.parts().empty() && seconds < 60; ++seconds) traffic.second();
    CAPTURE(seed);
    CHECK(seconds <= 30);
    CHECK(traffic.parts() == std::vector<std::string>{"+491"});
    CHECK(traffic.name_of("+491511234567") == "+491");
    CHECK(traffic.name_of("+49301234567") == "+49");
    // It stays so as long as it is so.
    traffic.run(120);
    CHECK(traffic.parts() == std::vector<std::string>{"+491"});
  }
}

TEST_CASE("networks that are farther are told apart, as wide as they are of one kind") {
  Traffic traffic(3, "203.0.0.0/16", address_in_16, 120, [](const std::string& address, double) {
    return Weather{0.002, parse_cidr("203.0.128.0/20")->contains(*parse_ip(address)) ? 160.0 : 40.0};
  });
  traffic.run(300);
  CHECK(traffic.parts().empty());  // a sixteenth of so few calls is too little to tell
  Traffic half(3, "203.0.0.0/16", address_in_16, 120, [](const std::string& address, double) {
    return Weather{0.002, parse_cidr("203.0.128.0/18")->contains(*parse_ip(address)) ? 160.0 : 40.0};
  });
  half.run(300);
  for (const std::string& part : half.parts()) CHECK(parse_cidr("203.0.128.0/18")->contains(parse_cidr(part)->base));
}

TEST_CASE("of two kinds within a kind each is found") {
  Traffic traffic(11, "+49", german_number, 300, [](const std::string& number, double) {
    return Weather{number.starts_with("+49151") ? 0.06 : 0.002, number.starts_with("+493") ? 160.0 : 40.0};
  });
  traffic.run(120);
  CHECK(traffic.parts().size() == 2);
  CHECK(traffic.name_of("+493012345678") != "+49");
  CHECK(traffic.name_of("+491511234567").starts_with("+4915"));
  CHECK(traffic.name_of("+491711234567") == "+49");
  CHECK(traffic.name_of("+498912345678") == "+49");
}

TEST_CASE("a part is put back a minute after the difference is gone, or when nobody calls there") {
  Traffic traffic(5, "+49", german_number, 80,
                  [](const std::string& number, double) { return Weather{is_mobile(number) ? 0.04 : 0.002, 40}; });
  traffic.run(60);
  REQUIRE(traffic.parts().size() == 1);
  traffic.set([](const std::string&, double) { return Weather{}; });
  int seconds = 0;
  for (; !traffic.parts().empty() && seconds < 400; ++seconds) traffic.second();
  CHECK(seconds >= 60);
  CHECK(seconds <= 240);
  CHECK(traffic.name_of("+491511234567") == "+49");
  traffic.set([](const std::string& number, double) { return Weather{is_mobile(number) ? 0.04 : 0.002, 40}; });
  traffic.run(120);
  REQUIRE(traffic.parts().size() == 1);
  traffic.stop();
  traffic.run(290);
  CHECK(traffic.parts().size() == 1);
  traffic.run(90);
  CHECK(traffic.parts().empty());
}

TEST_CASE("what is alike is not told apart, whatever happens to all of it") {
  CHECK(false_splits(12) == 0);
}

TEST_CASE("what is alike is told apart in at most one of a hundred times" * doctest::skip()) {
  const int splits = false_splits(1000);
  MESSAGE(splits << " of 1000");
  CHECK(splits <= 10);
}

TEST_CASE("a part's name leads back to its area, or it is none") {
  // An area of two countries' mobiles: "+4" would be neither's.
  policy::Topology topology;
  topology.areas = {{"mobile", "de1", 0, {"+4915", "+4366"}, {}}};
  policy::Places places(topology);
  CHECK(places.area_around("+4915") == "mobile");
  CHECK(places.area_around("+49151") == "mobile");
  CHECK(places.area_around("+491") == "+49");
  CHECK(places.area_around("+4") == "");
  Subareas subareas([&](std::string_view name) { return places.area_around(name); });
  std::vector<Subareas::Member> members(80);
  std::mt19937_64 chance(1);
  for (size_t i = 0; i < members.size(); ++i)
    subareas.enrol(members[i], "mobile",
                   (i % 2 ? "+4915" : "+4366") + std::to_string(1'000'000 + chance() % 9'000'000));
  for (int second = 1; second <= 30; ++second) {
    for (size_t i = 0; i < members.size(); ++i)
      subareas.add(members[i], {.packets = 50, .lost = static_cast<uint32_t>((i % 2) * 3 + chance() % 2)},
                   second * 1000);
    subareas.look(second * 1000);
  }
  REQUIRE(subareas.parts_of("mobile").size() == 1);
  CHECK(places.area_around(subareas.parts_of("mobile")[0]) == "mobile");
  CHECK(subareas.is_stale(members[0]));
}
