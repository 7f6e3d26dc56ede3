#include "policy/move_budget.hpp"

#include <doctest/doctest.h>

#include <deque>
#include <random>

#include "policy/advisor.hpp"

using namespace nearend;
using namespace nearend::policy;

namespace {

/// Instances that tell each other each second what they counted, late.
struct Fleet {
  explicit Fleet(size_t count, int late_s = 1) : late_s(late_s) {
    for (size_t i = 0; i < count; ++i) all.emplace_back(MoveRules{});
    wishes.assign(count, 0);
    granted.assign(count, 0);
    is_cut.assign(count, false);
    for (auto& each : all) each.set_instances(count, count);
  }
  void second() {
    ++now_s;
    for (size_t i = 0; i < all.size(); ++i) {
      for (int call = 0; call < 400; ++call) all[i].count_call();
      for (int wish = 0; wish < wishes[i]; ++wish) granted[i] += all[i].take_move(now_s * 1000 + wish % 1000);
      MoveCounts counts = all[i].counts();
      counts.since_ms = 1;
      if (lie && i == 0) counts = lie(now_s);
      letters.push_back({now_s + late_s, i, counts});
    }
    for (size_t n = letters.size(); n-- > 0;) {
      const Letter letter = letters.front();
      letters.pop_front();
      if (letter.due_s > now_s) {
        letters.push_back(letter);
        continue;
      }
      for (size_t to = 0; to < all.size(); ++to)
        if (to != letter.from && !is_cut[to] && !is_cut[letter.from])
          all[to].hear(letter.from, letter.counts, now_s * 1000);
    }
  }
  int run(int seconds) {
    int before = 0, after = 0;
    for (const int each : granted) before += each;
    for (int i = 0; i < seconds; ++i) second();
    for (const int each : granted) after += each;
    return after - before;
  }
  struct Letter {
    int due_s;
    size_t from;
    MoveCounts counts;
  };
  int late_s, now_s = 0;
  std::deque<MoveBudget> all;
  std::vector<int> wishes, granted;
  std::vector<bool> is_cut;
  std::deque<Letter> letters;
  std::function<MoveCounts(int)> lie;
};

}  // namespace

TEST_CASE("one instance alone grants the fleet's burst and rate") {
  Fleet fleet(1);
  fleet.wishes = {50};
  const int moved = fleet.run(60);
  CHECK(moved >= 60 + 4 * 59);
  CHECK(moved <= 60 + 4 * 60);
}

TEST_CASE("three instances that all have bad calls grant together what one alone would, heard at once or 5 s late") {
  for (const int late_s : {0, 1, 5}) {
    CAPTURE(late_s);
    Fleet fleet(3, late_s);
    fleet.run(10);  // they have heard of each other
    fleet.wishes = {50, 50, 50};
    // At once no more than the burst; late news let the rate run three times until it is paid.
    const int first = fleet.run(1);
    CHECK(first <= 60 + 3 * 4);
    const int begun = fleet.run(59);
    CHECK(first + begun <= 60 + 4 * 60 + 2 * 4 * (late_s + 1));
    const int settled = fleet.run(60);
    CHECK(settled <= 4 * 60 + 6);
    CHECK(settled >= 4 * 60 - 12);
    for (const int each : fleet.granted) CHECK(each > 100);
  }
}

TEST_CASE("what others do not need is there for the one that does") {
  Fleet fleet(3, 5);
  fleet.run(10);
  fleet.wishes = {50, 0, 0};
  CHECK(fleet.run(60) >= 20 + 4 * 59);
  fleet.wishes = {50, 1, 1};
  const int moved = fleet.run(60);
  CHECK(moved >= 4 * 60 - 12);
  CHECK(moved <= 4 * 60 + 60);  // and the others' parts of the burst
}

TEST_CASE("when the fleet falls in two each side has its part, never nothing and never all") {
  Fleet fleet(3, 2);
  fleet.wishes = {50, 50, 50};
  fleet.run(60);
  const auto before = fleet.granted;
  fleet.is_cut = {true, false, false};
  fleet.all[0].set_instances(3, 1);
  fleet.all[1].set_instances(3, 2);
  fleet.all[2].set_instances(3, 2);
  CHECK(fleet.run(60) <= 4 * 60 + 12);
  CHECK(fleet.granted[0] - before[0] >= 75);
  CHECK(fleet.granted[0] - before[0] <= 85);
  CHECK(fleet.granted[1] + fleet.granted[2] - before[1] - before[2] >= 140);
  // Alone, it has what it would have had anyway, whatever the others did before.
  Fleet lone(3);
  lone.all[0].set_instances(3, 1);
  lone.is_cut = {true, true, true};
  lone.wishes = {50, 0, 0};
  const int moved = lone.run(60);
  CHECK(moved >= 20 + 78);
  CHECK(moved <= 20 + 81);
}

TEST_CASE("an instance that tells what cannot be leaves the others their part and gives them no more than the rate") {
  const auto rate = [](std::function<MoveCounts(int)> lie) {
    Fleet fleet(3);
    fleet.lie = std::move(lie);
    fleet.wishes = {0, 50, 50};
    fleet.run(60);
    return fleet.run(60);
  };
  const auto much = [](int second) { return static_cast<uint64_t>(second) * 1'000'000'000'000'000; };
  CHECK(rate([&](int second) { return MoveCounts{1, 0, much(second), much(second)}; }) >= 2 * 75);
  CHECK(rate([&](int second) { return MoveCounts{second, 0, much(second), 0}; }) >= 2 * 75);  // starts anew each second
  CHECK(rate([&](int second) { return MoveCounts{1, much(second), 0, 0}; }) <= 4 * 60 + 12);
  CHECK(rate([&](int second) { return MoveCounts{1'000'000 - second, 0, UINT64_MAX, 0}; }) >= 4 * 60 - 12);
  CHECK(rate([&](int second) { return MoveCounts{1, 0, second % 2 ? UINT64_MAX : 0, 0}; }) >= 4 * 60 - 70);
}

TEST_CASE("calls that are all but dead wait for nobody, and what they took is paid") {
  MoveBudget one(MoveRules{}), other(MoveRules{});
  for (MoveBudget* each : {&one, &other}) each->set_instances(3, 3);
  other.hear(1, {1, 0, 0, 0}, 1000);
  int rescued = 0, more = 0;
  for (int i = 0; i < 1000; ++i) rescued += one.take_rescue(1000);
  CHECK(rescued == 500);
  MoveCounts told = one.counts();
  told.since_ms = 1;
  other.hear(1, told, 1000);
  for (int i = 0; i < 1000; ++i) more += other.take_rescue(1000);
  CHECK(more >= 165);  // its part
  CHECK(more <= 167);
}

TEST_CASE("counts in any order, some twice, come to the same") {
  std::mt19937 chance(1);
  std::vector<MoveCounts> told;
  for (uint64_t i = 0; i <= 20; ++i) told.push_back({1, 10 * i, i, 2 * i});
  const auto left = [&](const std::vector<MoveCounts>& letters) {
    MoveBudget budget(MoveRules{});
    budget.set_instances(2, 2);
    budget.take_move(1000);
    budget.hear(1, {1, 0, 0, 0}, 1000);
    for (const MoveCounts& each : letters) budget.hear(1, each, 1000);
    return budget.moves_left();
  };
  const double expected = left(told);
  CHECK(expected == 60 - 1 - 20);
  for (int round = 0; round < 20; ++round) {
    std::vector<MoveCounts> mixed = told;
    for (int i = 0; i < 10; ++i) mixed.push_back(told[chance() % told.size()]);
    std::ranges::shuffle(mixed, chance);
    CHECK(left(mixed) == expected);
  }
  CHECK(left({told.back()}) == expected);
}

TEST_CASE("moves are scarcer the fewer calls earned them, over all instances") {
  MoveBudget budget(MoveRules{});
  CHECK(budget.gain_needed() == 8);
  budget.set_instances(2, 2);
  int64_t now_ms = 1000;
  int moved = 0;
  for (int i = 0; i < 200; ++i) moved += budget.take_move(now_ms += 1000);
  CHECK(moved == 60);  // no call earned any more
  CHECK(budget.gain_needed() > 22);
  budget.hear(1, {1, 0, 0, 0}, now_ms);
  budget.hear(1, {1, 1000, 0, 0}, now_ms);  // calls that the other gave routes to
  CHECK(budget.gain_needed() < 14);
  CHECK(budget.take_move(now_ms));
}

TEST_CASE("advisors tell each other what they moved, and what makes no sense is left out") {
  Topology topology;
  for (const std::string name : {"de1", "fr1"})
    topology.gateways.push_back({name + "-gw", name, "sip:" + name + "-gw", {}, {""}});
  topology.rtts = {{"de1", "fr1", 12}};
  Advisor eu(topology, {.name = "eu", .instances = 2}), us(topology, {.name = "us", .instances = 2});
  const auto tell = [&](Advisor& from, Advisor& to, int64_t now_ms) {
    auto summary = summary_from(to_json(from.summary(now_ms), now_ms), now_ms);
    REQUIRE(summary);
    REQUIRE(summary->moves);
    REQUIRE(to.take(*summary, now_ms));
  };
  const auto move = [&](Advisor& advisor, int count, int64_t now_ms) {
    int moved = 0;
    for (int i = 0; i < count; ++i) {
      RerouteQuery query;
      query.route.call = fmt::format("CA{}-{}", now_ms, i);
      query.route.a.area = "de1-x";
      query.route.b.area = "de1-y";
      query.current = {"de1-gw"};
      query.observed = {.rtt_ms = 10, .loss = 0.12, .jitter_ms = 3};
      moved += !advisor.reroute(query, now_ms).stays;
    }
    return moved;
  };
  tell(eu, us, 1000);
  tell(us, eu, 1000);
  const int first = move(eu, 100, 1500);
  CHECK(first > 10);
  CHECK(first <= 30);                   // its part of the burst at once
  CHECK(us.moves().moves_left() == 0);  // never asked yet
  tell(eu, us, 2000);
  CHECK(us.moves().moves_left() == 60 - first);
  for (const char* moves : {R"({"since_ms":1,"calls":1,"granted":-1,"rescued":0})", R"({"since_ms":1,"calls":1e300})",
                            R"([])", R"({"since_ms":"x","calls":1,"granted":1,"rescued":0})"}) {
    const auto body = parse_json(fmt::format(R"({{"instance":"eu","seq":99999999,"moves":{}}})", moves));
    REQUIRE(body);
    auto summary = summary_from(*body, 3000);
    REQUIRE(summary);
    CHECK(summary->left_out == 1);
    CHECK_FALSE(summary->moves);
  }
}
