#include "app/top.hpp"

#include <doctest/doctest.h>

using namespace nearend;
using namespace nearend::app;

TEST_CASE("a page shows the worst leg first, those without a score last, and no more than asked for") {
  const auto page = top_page(R"({"more":3,"legs":[
    {"leg":"LG1","call":"CA1","direction":"inbound","from":"+1","to":"+2","path":"local","talked_ms":65000,
     "streams":[{"packets_in":3250,"jitter_ms":2.5,"rtt_ms":40,"codec":"PCMU","tier":"kernel","cpu_percent":0.2,"quality":{"loss_percent":0,"score":4.4}},
       {"side":"inner","cpu_percent":0.05}]},
    {"leg":"LG2","call":"CA2","direction":"outbound","from":"+3","to":"+4","path":"idle","talked_ms":0,"streams":[]},
    {"leg":"LG3","call":"CA3","direction":"inbound","from":"+5","to":"+6","path":"router","talked_ms":1000,
     "streams":[{"packets_in":50,"dropped_source":7,"jitter_ms":30,"quality":{"loss_percent":5.5,"score":2.1}}]}]})",
                             2);
  REQUIRE(page);
  CHECK(page->starts_with("6 legs"));
  const size_t bad = page->find("CA3"), good = page->find("CA1");
  REQUIRE(bad != std::string::npos);
  REQUIRE(good != std::string::npos);
  CHECK(bad < good);
  CHECK(page->find("CA2") == std::string::npos);
  CHECK(page->find(" 2.10   5.50   30.0      -       50       7      1  0.00 -      -          router") !=
        std::string::npos);
  CHECK(page->find(" 4.40   0.00    2.5     40     3250       0     65  0.25 PCMU   kernel     local") !=
        std::string::npos);
}

TEST_CASE("what is no list of legs is said to be none") {
  CHECK_FALSE(top_page("<html>", 10));
  CHECK_FALSE(top_page("[]", 10));
  CHECK_FALSE(top_page(R"({"legs":4})", 10));
  REQUIRE(top_page(R"({"legs":[]})", 10));
}
