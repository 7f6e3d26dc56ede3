#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>
#include <set>

#include "sdp/sdp.hpp"
#include "sip/message.hpp"
#include "unit/sip/torture_table.hpp"

namespace nearend::sip {
namespace {

using torture::Reading;

ParseOutcome read_torture(const std::string& folder, std::string_view file) {
  return parse_message(torture::read(folder + std::string(file)));
}

void check_reading(const torture::Entry& entry, const ParseOutcome& outcome) {
  switch (entry.reading) {
    case Reading::good:
      CHECK_MESSAGE(outcome.is_good(), (outcome.problem ? outcome.problem->reason : ""));
      return;
    case Reading::refused:
      REQUIRE(outcome.problem);
      CHECK(outcome.is_answerable);
      CHECK(entry.udp.answers.front().status == outcome.problem->status);
      return;
    case Reading::dropped:
      REQUIRE(outcome.problem);
      CHECK_FALSE(outcome.is_answerable);
      return;
  }
}

/// A good message written and read again says the same.
void check_round_trip(const Message& message) {
  const std::string wire = message.serialize();
  const ParseOutcome again = parse_message(wire, Framing::stream);
  REQUIRE(again.is_good());
  CHECK(again.message.serialize() == wire);
  CHECK(again.message.method_name() == message.method_name());
  CHECK(again.message.body() == message.body());
  CHECK(again.message.from()->to_string() == message.from()->to_string());
  CHECK(again.message.vias()->size() == message.vias()->size());
}

void check_answer(const Message& request, int status) {
  const Message answer = Message::response(request, status);
  const ParseOutcome read = parse_message(answer.serialize());
  CHECK(read.message.status() == status);
  CHECK(read.message.header(HeaderId::via) == request.header(HeaderId::via));
  CHECK(read.message.call_id() == request.call_id());
}

}  // namespace

TEST_CASE("every message of RFC 4475 and RFC 5118 is read as the RFCs say") {
  const auto folder = torture::folder();
  if (!folder) {
    std::fputs("SKIPPED: ../shared/data/sip-torture is not here, RFC 4475 and RFC 5118 are not checked\n", stderr);
    return;
  }
  CHECK(torture::table().size() == 61);
  std::set<std::string_view> files;
  for (const torture::Entry& entry : torture::table()) {
    CAPTURE(entry.file);
    CHECK(files.insert(entry.file).second);
    const ParseOutcome outcome = read_torture(*folder, entry.file);
    check_reading(entry, outcome);
    if (outcome.is_good()) check_round_trip(outcome.message);
    if (outcome.is_answerable) check_answer(outcome.message, outcome.problem->status);
  }
}

TEST_CASE("the torture messages' odd parts are understood, not only let pass") {
  const auto folder = torture::folder();
  if (!folder) return;

  const Message wsinv = read_torture(*folder, "rfc4475/wsinv.dat").message;
  CHECK(wsinv.to_tag() == "1918181833n");
  CHECK(wsinv.from()->display == "J Rosenberg \\\"");
  CHECK(wsinv.from_tag() == "98asjd8");
  CHECK(wsinv.max_forwards() == 68);
  CHECK(wsinv.cseq()->number == 9);
  const auto vias = *wsinv.vias();
  REQUIRE(vias.size() == 3);
  CHECK(vias[0].host == "192.0.2.2");
  CHECK_FALSE(vias[0].has_rfc3261_branch());
  CHECK(vias[1].transport == "TCP");
  CHECK(vias[1].host == "spindle.example.com");
  CHECK(vias[2].branch() == "z9hG4bK30239");
  CHECK(wsinv.header("NewFangledHeader") == "newfangled value   continued newfangled value");
  CHECK(wsinv.contact()->parameters.get("q") == "0.33");
  CHECK(wsinv.contact()->display == "Quoted string \"\"");

  const Message esc01 = read_torture(*folder, "rfc4475/esc01.dat").message;
  CHECK(esc01.parsed_request_uri()->user == "sips:user@example.com");
  CHECK(esc01.contact()->uri.is_loose_route());
  CHECK(esc01.contact()->uri.parameters.get("name") == "value%41");

  const Message esc02 = read_torture(*folder, "rfc4475/esc02.dat").message;
  CHECK(esc02.method() == Method::other);
  CHECK(esc02.values(HeaderId::contact).size() == 2);

  const Message escnull = read_torture(*folder, "rfc4475/escnull.dat").message;
  CHECK(escnull.name_addrs(HeaderId::contact)->at(1).uri.user == std::string_view("\0\0", 2));

  const Message semiuri = read_torture(*folder, "rfc4475/semiuri.dat").message;
  CHECK(semiuri.parsed_request_uri()->user == "user;par=u@example.net");
  CHECK(semiuri.values(HeaderId::accept).size() == 6);

  const Message cparam01 = read_torture(*folder, "rfc4475/cparam01.dat").message;
  CHECK(cparam01.contact()->parameters.has("unknownparam"));
  CHECK_FALSE(cparam01.contact()->uri.parameters.has("unknownparam"));
  const Message cparam02 = read_torture(*folder, "rfc4475/cparam02.dat").message;
  CHECK(cparam02.contact()->uri.parameters.has("unknownparam"));

  const Message regescrt = read_torture(*folder, "rfc4475/regescrt.dat").message;
  CHECK(regescrt.contact()->uri.headers == "Route=%3Csip:sip.example.com%3E");

  const Message dblreq = read_torture(*folder, "rfc4475/dblreq.dat").message;
  CHECK(dblreq.method() == Method::register_);
  CHECK(dblreq.body().empty());

  const Message intmeth = read_torture(*folder, "rfc4475/intmeth.dat").message;
  CHECK(intmeth.to()->display == std::string_view("BEL:\x07 NUL:\0 DEL:\x7f", 17));
  Message answer = Message::response(intmeth, 501);
  REQUIRE(answer.set_to_tag("t1"));
  CHECK(parse_message(answer.serialize()).message.to()->display == intmeth.to()->display);
}

TEST_CASE("IPv6 addresses of RFC 5118 come out of URIs, Via and session descriptions") {
  const auto folder = torture::folder();
  if (!folder) return;
  CHECK(read_torture(*folder, "rfc5118/port-ambiguous.dat").message.parsed_request_uri()->host == "2001:db8::10:5070");
  const auto unambiguous = read_torture(*folder, "rfc5118/port-unambiguous.dat").message.parsed_request_uri();
  CHECK(unambiguous->host == "2001:db8::10");
  CHECK(unambiguous->port == 5070);
  for (const char* file : {"rfc5118/via-received-param-with-delim.dat", "rfc5118/via-received-param-no-delim.dat"})
    CHECK(read_torture(*folder, file).message.top_via()->received() == "2001:db8::9:255");
  const auto bug = read_torture(*folder, "rfc5118/ipv6-bug-abnf-3-colons.dat").message.parsed_request_uri();
  const auto correct = read_torture(*folder, "rfc5118/ipv6-correct-abnf-2-colons.dat").message.parsed_request_uri();
  CHECK(bug->host == correct->host);
}

}  // namespace nearend::sip
