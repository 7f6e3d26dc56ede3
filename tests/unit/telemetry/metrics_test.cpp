#include "telemetry/metrics.hpp"

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
