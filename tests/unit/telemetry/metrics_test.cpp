#include "telemetry/metrics.hpp"

#include "telemetry/histogram.hpp"

#include <doctest/doctest.h>

using namespace nearend::telemetry;

TEST_CASE("a metric is found by name and labels, and one family is told once with its type") {
  counter("test_refused_total", "kind=\"digest\"").add(2);
  counter("test_refused_total", "kind=\"address\"").add();
  counter("test_refused_total", "kind=\"digest\"").add();
  gauge("test_legs").set(7);
  const std::string text = prometheus_text();
  CHECK(
      text.contains("# TYPE test_refused_total counter\n"
                    "test_refused_total{kind=\"address\"} 1\n"
                    "test_refused_total{kind=\"digest\"} 3\n"));
  CHECK(text.contains("# TYPE test_legs gauge\ntest_legs 7\n"));
}

TEST_CASE("log lines that a full queue dropped are told among the metrics") {
  CHECK(prometheus_text().contains(
      "# TYPE nearend_log_lines_dropped_total counter\nnearend_log_lines_dropped_total 0\n"));
}

TEST_CASE("a histogram tells how many values were at or below each bound, their number and their sum") {
  constexpr double bounds[] = {1, 2.5, 4};
  Histogram& scores = histogram("test_score", bounds, "tier=\"kernel\"");
  for (const double value : {0.5, 1.0, 2.0, 4.5}) scores.note(value);
  scores.note(3, 2);
  CHECK(scores.count() == 6);
  CHECK(scores.sum() == 14);
  CHECK(
      prometheus_text().contains("# TYPE test_score histogram\n"
                                 "test_score_bucket{tier=\"kernel\",le=\"1\"} 2\n"
                                 "test_score_bucket{tier=\"kernel\",le=\"2.5\"} 3\n"
                                 "test_score_bucket{tier=\"kernel\",le=\"4\"} 5\n"
                                 "test_score_bucket{tier=\"kernel\",le=\"+Inf\"} 6\n"
                                 "test_score_sum{tier=\"kernel\"} 14\n"
                                 "test_score_count{tier=\"kernel\"} 6\n"));
}
