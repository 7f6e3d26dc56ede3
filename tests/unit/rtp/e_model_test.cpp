#include "rtp/e_model.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <initializer_list>

using namespace nearend::rtp;

TEST_CASE("the E-model's default connection is rated 93.2") {
  CHECK(rating({}) == doctest::Approx(93.206208).epsilon(1e-6));
}

TEST_CASE("delay takes from the rating what G.107 says, with and without echo") {
  struct Row {
    double delay, rating, score, rating_without_echo;
  };
  // From an independent implementation of G.107 with its default parameters.
  for (const Row& row : {Row{0, 93.2, 4.41, 93.2}, Row{50, 91.8, 4.38, 93.0}, Row{100, 90.7, 4.35, 92.8},
                         Row{150, 89.5, 4.33, 92.4}, Row{200, 85.8, 4.22, 89.4}, Row{250, 79.2, 3.99, 83.4},
                         Row{300, 72.7, 3.72, 77.5}, Row{400, 62.2, 3.22, 68.0}, Row{500, 54.8, 2.83, 61.3}}) {
    CAPTURE(row.delay);
    const double rated = rating({.delay_ms = row.delay});
    CHECK(std::abs(rated - row.rating) < 0.1);
    CHECK(std::abs(opinion_score(rated) - row.score) < 0.01);
    CHECK(std::abs(rating({.delay_ms = row.delay, .echo_loss_db = 100}) - row.rating_without_echo) < 0.1);
  }
}

TEST_CASE("loss costs each codec its own share") {
  struct Row {
    Impairment codec;
    double scores[5];
  };
  constexpr double losses[] = {0, 1, 2, 3, 5};
  for (const Row& row :
       {Row{g711_bare, {4.35, 3.72, 3.13, 2.66, 2.04}}, Row{g711_concealed, {4.35, 4.26, 4.15, 4.04, 3.82}},
        Row{g729a, {4.01, 3.84, 3.67, 3.51, 3.21}}, Row{g723_6k3, {3.85, 3.64, 3.44, 3.26, 2.93}},
        Row{gsm_efr, {4.22, 3.93, 3.63, 3.35, 2.87}}}) {
    for (size_t i = 0; i < 5; ++i) {
      CAPTURE(row.codec.bpl);
      CAPTURE(losses[i]);
      const double score = opinion_score(rating({.delay_ms = 100, .loss_percent = losses[i], .codec = row.codec}));
      CHECK(score == doctest::Approx(row.scores[i]).epsilon(0.003));
    }
  }
}

TEST_CASE("losses in bursts are worse than single ones, and nothing leaves the scale") {
  const double single = rating({.loss_percent = 3}), bursts = rating({.loss_percent = 3, .burst_ratio = 4});
  CHECK(bursts < single);
  CHECK(rating({.delay_ms = 10'000, .loss_percent = 300, .codec = g711_bare}) == 0);
  CHECK(rating({.delay_ms = -5, .loss_percent = -1}) == rating({}));
  CHECK(opinion_score(0) == 1);
  CHECK(opinion_score(120) == 4.5);
}

TEST_CASE("what coding and loss take does not depend on the delay, and an advantage is forgiven up to 20") {
  for (const double delay : {0.0, 120.0, 260.0}) {
    const Conditions conditions{.delay_ms = delay, .loss_percent = 2, .burst_ratio = 2, .codec = g729a};
    CHECK(rating({.delay_ms = delay}) - equipment_impairment(g729a, 2, 2) == doctest::Approx(rating(conditions)));
  }
  CHECK(rating({.delay_ms = 300, .advantage = 10}) == doctest::Approx(rating({.delay_ms = 300}) + 10));
  CHECK(rating({.delay_ms = 300, .advantage = 90}) == doctest::Approx(rating({.delay_ms = 300}) + 20));
}

TEST_CASE("a codec's impairment is found by its RTP name; one without figures counts as G.711 with concealment") {
  CHECK(impairment_of("G729").ie == 11);
  CHECK(impairment_of("AMR").bpl == 10);
  CHECK(impairment_of("PCMA").bpl == 25.1);
  CHECK(impairment_of("opus").ie == 0);
}
