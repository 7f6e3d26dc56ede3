#include "sip/message.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace nearend::sip {
namespace {

/// A good INVITE with `extra` header lines, each ended by CR LF.
std::string invite(std::string_view extra = {}, std::string_view body = {}) {
  std::string text =
      "INVITE sip:+15550100@gw.example SIP/2.0\r\n"
      "Via: SIP/2.0/UDP 192.0.2.9:5070;branch=z9hG4bKa;rport\r\n"
      "Max-Forwards: 70\r\n"
      "From: \"Ann\" <sip:+15550199@carrier.example>;tag=f1\r\n"
      "To: <sip:+15550100@gw.example>\r\n"
      "Call-ID: c1@carrier\r\n"
      "CSeq: 7 INVITE\r\n"
      "Contact: <sip:ann@192.0.2.9:5070>\r\n";
  text += extra;
  text += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
  return text.append(body);
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

Message good(std::string_view text) {
  ParseOutcome outcome = parse_message(text);
  REQUIRE_MESSAGE(outcome.is_good(), (outcome.problem ? outcome.problem->reason : ""));
  return std::move(outcome.message);
}

}  // namespace

TEST_CASE("a request is read with its parts") {
  const Message message = good(invite("Supported: 100rel, timer\r\nk: replaces\r\nSubject: a, b\r\n", "v=0"));
  CHECK(message.is_request());
  CHECK_FALSE(message.is_response());
  CHECK(message.method() == Method::invite);
  CHECK(message.request_uri() == "sip:+15550100@gw.example");
  CHECK(message.call_id() == "c1@carrier");
  CHECK(message.cseq()->number == 7);
  CHECK(message.cseq()->method == Method::invite);
  CHECK(message.from()->display == "Ann");
  CHECK(message.from_tag() == "f1");
  CHECK(message.to_tag().empty());
  CHECK(message.max_forwards() == 70);
  const auto via = *message.top_via();
  CHECK(via.transport == "UDP");
  CHECK(via.host == "192.0.2.9");
  CHECK(via.port == 5070);
  CHECK(via.branch() == "z9hG4bKa");
  CHECK(via.wants_rport());
  CHECK_FALSE(via.rport());
  CHECK(via.has_rfc3261_branch());
  CHECK(message.option_tags(HeaderId::supported) == std::vector<std::string>{"100rel", "timer", "replaces"});
  CHECK(message.has_option_tag(HeaderId::supported, "TIMER"));
  CHECK(message.values(HeaderId::subject) == std::vector<std::string_view>{"a, b"});
  CHECK(message.header("subject") == "a, b");
  CHECK(message.contact()->uri.port == 5070);
  CHECK(message.body() == "v=0");
}

TEST_CASE("a moved or copied message keeps its views right") {
  Message first = good(invite("Subject: x\r\n", "body"));
  const Message copy = first;
  const Message moved = std::move(first);
  CHECK(copy.header(HeaderId::subject) == "x");
  CHECK(moved.header(HeaderId::subject) == "x");
  CHECK(copy.serialize() == moved.serialize());
  CHECK(Message().empty());
}

TEST_CASE("session timer, RSeq, RAck and Retry-After are read as numbers") {
  const Message message =
      good(invite("x: 1800;refresher=UAC\r\nMin-SE: 90\r\nRSeq: 3\r\nRAck: 776656 1 INVITE\r\nRetry-After: 18 (in a "
                  "meeting);duration=3600\r\n"));
  CHECK(message.session_expires()->seconds == 1800);
  CHECK(message.session_expires()->refresher == "uac");
  CHECK(message.min_se() == 90);
  CHECK(message.number(HeaderId::rseq) == 3);
  CHECK(message.rack()->response_number == 776656);
  CHECK(message.rack()->cseq_number == 1);
  CHECK(message.rack()->method == Method::invite);
  CHECK(message.number(HeaderId::retry_after) == 18);
  CHECK_FALSE(message.number(HeaderId::expires));
  CHECK_FALSE(good(invite("Session-Expires: soon\r\n")).session_expires());
  CHECK_FALSE(good(invite("Min-SE: 99999999999\r\n")).min_se());
}

TEST_CASE("lists are cut at commas outside of quotes and brackets, over several fields") {
  const Message message = good(invite("Route: <sip:a,b@h>, \"q, \\\" r\" <sip:b>\r\nRoute: , <sip:c>\r\n"));
  const auto routes = *message.name_addrs(HeaderId::route);
  REQUIRE(routes.size() == 3);
  CHECK(routes[1].display == "q, \" r");
  CHECK(routes[2].uri.host == "c");
}

TEST_CASE("broken messages are refused with the status they deserve, and stay answerable") {
  struct Row {
    std::string text;
    int status;
    bool is_answerable;
  };
  const std::vector<Row> table{
      {replaced(invite(), "CSeq: 7 INVITE", "CSeq: 7 ACK"), 400, true},
      {replaced(invite(), "CSeq: 7 INVITE", "CSeq: 2147483648 INVITE"), 400, true},
      {replaced(invite(), "CSeq: 7 INVITE", "CSeq: INVITE"), 400, true},
      {replaced(invite(), "CSeq: 7 INVITE\r\n", ""), 400, true},
      {replaced(invite(), "Call-ID: c1@carrier\r\n", ""), 400, true},
      {replaced(invite(), "Call-ID: c1@carrier", "Call-ID: a b"), 400, true},
      {replaced(invite(), "From: \"Ann\"", "From: \"Ann"), 400, true},
      {replaced(invite(), "Max-Forwards: 70", "Max-Forwards: 256"), 400, true},
      {replaced(invite(), "Max-Forwards: 70", "Max-Forwards: -1"), 400, true},
      {replaced(invite(), "SIP/2.0/UDP 192", "SIP/2.0/UDP[192"), 400, true},
      {replaced(invite(), "Via: SIP/2.0/UDP 192.0.2.9:5070;branch=z9hG4bKa;rport\r\n", ""), 400, false},
      {replaced(invite(), "INVITE sip:+15550100@gw.example SIP/2.0", "INVITE sip:+15550100@gw.example SIP/3.0"), 505,
       true},
      {replaced(invite(), "INVITE sip:+15550100@gw.example SIP/2.0", "INVITE sip:+15550100@gw.example HTTP/1.1"), 400,
       true},
      {replaced(invite(), "INVITE sip:+15550100@gw.example SIP/2.0", "INVITE http://gw.example SIP/2.0"), 416, true},
      {replaced(invite(), "INVITE sip:+15550100@gw.example SIP/2.0", "INVITE SIP/2.0"), 400, true},
      {replaced(invite(), "INVITE sip:", "IN@VITE sip:"), 400, false},
      {invite("Bad Name: x\r\n"), 400, true},
      {invite("no colon here\r\n"), 400, true},
      {invite(std::string_view("T\0: x\r\n", 7)), 400, true},
      {invite("Subject: a\x01z\r\n"), 400, true},
      {invite(std::string_view("Subject: a\0z\r\n", 14)), 400, true},
      {invite("Subject: a\rb\r\n"), 400, true},
      {invite("Subject: a\nTo: <sip:b@b>\r\n"), 400, true},
      {invite("To: <sip:other@h>\r\n"), 400, true},
      {invite("Content-Length: 0\r\n"), 400, true},
      {invite("l: 0\r\n"), 400, true},
      {invite("Contact: <sip:a\r\n"), 400, true},
      {invite("Route: nonsense\r\n"), 400, true},
      {replaced(invite(), "Content-Length: 0", "Content-Length: 1"), 400, true},
      {replaced(invite(), "Content-Length: 0", "Content-Length: 99999999999999999999"), 400, true},
      {replaced(invite(), "\r\n\r\n", "\r\n"), 400, true},
      {invite("Subject: " + std::string(line_bytes_max, 'x') + "\r\n"), 513, true},
      {invite("", std::string(message_bytes_max, 'x')), 513, false},
      {"", 400, false},
      {"\r\n\r\n", 400, false},
      {"nonsense", 400, false},
      {std::string(300, '\0'), 400, false},
  };
  for (const Row& row : table) {
    CAPTURE(row.text.substr(0, 600));
    const ParseOutcome outcome = parse_message(row.text);
    REQUIRE(outcome.problem);
    CHECK(outcome.problem->status == row.status);
    CHECK(outcome.is_answerable == row.is_answerable);
    CHECK(outcome.problem->reason.find_first_of("\r\n") == std::string::npos);
    if (row.is_answerable) CHECK(Message::response(outcome.message, row.status).serialize().starts_with("SIP/2.0 "));
  }
}

TEST_CASE("no more header fields than the limit are read") {
  std::string many;
  for (size_t i = 0; i < header_fields_max; ++i) many += "X-A: y\r\n";
  const ParseOutcome outcome = parse_message(invite(many));
  REQUIRE(outcome.problem);
  CHECK(outcome.problem->status == 513);
  CHECK(outcome.is_answerable);
  CHECK(outcome.message.field_count() == header_fields_max);
}

TEST_CASE("a list of more values than the limit is refused before its values are read") {
  const auto with_contacts = [](size_t count) {
    std::string list = "Contact: <sip:c>";
    for (size_t i = 1; i < count; ++i) list += ",<sip:c>";
    return parse_message(replaced(invite(), "Contact: <sip:ann@192.0.2.9:5070>", list));
  };
  CHECK(with_contacts(list_values_max).is_good());
  CHECK(with_contacts(list_values_max + 1).problem->status == 513);
}

TEST_CASE("an ACK with a fault and a response with a fault are not answered") {
  const std::string ack = replaced(replaced(invite(), "INVITE sip", "ACK sip"), "7 INVITE", "8 BYE");
  CHECK_FALSE(parse_message(ack).is_answerable);
  const std::string response = replaced(invite(), "INVITE sip:+15550100@gw.example SIP/2.0", "SIP/2.0 99 What");
  const ParseOutcome outcome = parse_message(response);
  CHECK(outcome.problem);
  CHECK_FALSE(outcome.is_answerable);
}

TEST_CASE("a stream's message must say its length, a datagram's may leave it out") {
  const std::string text = replaced(invite("", "v=0"), "Content-Length: 3\r\n", "");
  CHECK(parse_message(text).is_good());
  CHECK(parse_message(text).message.body() == "v=0");
  CHECK(parse_message(text, Framing::stream).problem->status == 400);
}

TEST_CASE("blank lines before a message are skipped and folds become blanks") {
  const Message message = good("\r\n\r\n" + invite("Subject:\r\n  first\r\n\tsecond\r\nEmpty:\r\n"));
  CHECK(message.header(HeaderId::subject) == "first  \tsecond");
  CHECK(message.has("empty"));
  CHECK(message.header("empty").empty());
}

TEST_CASE("a response copies what RFC 3261 8.2.6.2 asks for") {
  const Message request =
      good(invite("Via: SIP/2.0/TCP p.example;branch=z9hG4bKb\r\nv: SIP/2.0/TLS q.example\r\nTimestamp: 5\r\n"));
  Message response = Message::response(request, 486);
  CHECK(response.is_response());
  CHECK(response.status() == 486);
  CHECK(response.reason() == "Busy Here");
  CHECK(response.method() == Method::invite);
  CHECK(response.method_name() == "INVITE");
  REQUIRE(response.set_to_tag("t9"));
  REQUIRE(response.add(HeaderId::contact, "<sip:me@192.0.2.1>"));
  const Message read = good(response.serialize());
  CHECK(read.vias()->size() == 3);
  CHECK(read.to_tag() == "t9");
  CHECK(read.from_tag() == "f1");
  CHECK(read.cseq()->number == 7);
  CHECK(read.method() == Method::invite);
  CHECK(Message::response(request, 299).reason() == "OK");
  CHECK(Message::response(request, 400, "bad\r\nX: y").reason() == "Bad Request");
  CHECK(Message::response(request, 400, "Bad Via").reason() == "Bad Via");
}

TEST_CASE("a request is built, changed and written with its length last") {
  auto built = Message::request(Method::options, "sip:h.example;transport=tcp");
  REQUIRE(built);
  Message message = std::move(*built);
  REQUIRE(message.add(HeaderId::via, "SIP/2.0/TCP a;branch=z9hG4bK1"));
  REQUIRE(message.prepend(HeaderId::via, "SIP/2.0/TCP b;branch=z9hG4bK2"));
  REQUIRE(message.add(HeaderId::from, "<sip:a@a>;tag=1"));
  REQUIRE(message.add(HeaderId::to, "<sip:b@b>"));
  REQUIRE(message.add(HeaderId::call_id, "id"));
  REQUIRE(message.add(HeaderId::cseq, "1 OPTIONS"));
  REQUIRE(message.add("x-own", " kept "));
  REQUIRE(message.add("m", "<sip:a@a>"));
  REQUIRE(message.set("Max-Forwards", "70"));
  REQUIRE(message.set(HeaderId::max_forwards, "69"));
  message.set_body("text/plain;charset=utf-8", "hello");
  CHECK(message.serialize() ==
        "OPTIONS sip:h.example;transport=tcp SIP/2.0\r\n"
        "Via: SIP/2.0/TCP b;branch=z9hG4bK2\r\n"
        "Via: SIP/2.0/TCP a;branch=z9hG4bK1\r\n"
        "From: <sip:a@a>;tag=1\r\n"
        "To: <sip:b@b>\r\n"
        "Call-ID: id\r\n"
        "CSeq: 1 OPTIONS\r\n"
        "x-own: kept\r\n"
        "Contact: <sip:a@a>\r\n"
        "Max-Forwards: 69\r\n"
        "Content-Type: text/plain;charset=utf-8\r\n"
        "Content-Length: 5\r\n\r\nhello");
  CHECK(message.content_type() == "text/plain");
  message.remove_first_value(HeaderId::via);
  CHECK(message.top_via()->host == "a");
  message.remove("X-OWN");
  CHECK_FALSE(message.has("x-own"));
  message.clear_body();
  CHECK(message.body().empty());
  CHECK_FALSE(message.has(HeaderId::content_type));
  CHECK(good(message.serialize()).field_count() == 8);
}

TEST_CASE("line breaks, NUL and bad names are refused wherever text comes in") {
  Message message = *Message::request(Method::info, "sip:h");
  const std::string before = message.serialize();
  for (std::string_view value : {std::string_view("a\r\nVia: x"), std::string_view("a\nb"), std::string_view("a\rb"),
                                 std::string_view("a\0b", 3)}) {
    CHECK_FALSE(message.add(HeaderId::subject, value));
    CHECK_FALSE(message.add("X", value));
    CHECK_FALSE(message.set(HeaderId::subject, value));
    CHECK_FALSE(message.prepend(HeaderId::via, value));
    CHECK_FALSE(message.set_request_uri(value));
    CHECK_FALSE(message.set_to_tag(value));
    CHECK_FALSE(Message::request(Method::info, value));
    CHECK_FALSE(Message::request(value, "sip:h"));
  }
  CHECK_FALSE(message.add("Two Words", "x"));
  CHECK_FALSE(message.add("", "x"));
  CHECK_FALSE(message.add("A:", "x"));
  CHECK_FALSE(message.set_request_uri("sip:a b"));
  CHECK_FALSE(message.set_to_tag(""));
  Via via;
  via.transport = "UDP";
  via.host = "h\r\nX: y";
  CHECK_FALSE(message.set_top_via(via));
  CHECK(message.serialize() == before);
}

TEST_CASE("a value that is a view of the message itself is copied before the text moves") {
  Message message = *Message::request(Method::info, "sip:h");
  REQUIRE(message.add("X-First", std::string(200, 'x')));
  for (int i = 0; i < 50; ++i) REQUIRE(message.add(message.field(0).name, message.field(0).value));
  REQUIRE(message.set(message.field(0).name, message.field(1).value));
  CHECK(message.field_count() == 1);
  CHECK(message.header("x-first") == std::string(200, 'x'));
  message.set_body("a/b", message.header("x-first"));
  CHECK(message.body() == std::string(200, 'x'));
}

TEST_CASE("the top Via takes received and rport, the others stay") {
  const auto stamp = [](std::string_view via, std::string_view address, uint16_t port, bool always = false) {
    Message message = good(replaced(invite(), "SIP/2.0/UDP 192.0.2.9:5070;branch=z9hG4bKa;rport", via));
    message.stamp_top_via(address, port, always);
    return std::string(message.header(HeaderId::via));
  };
  CHECK(stamp("SIP/2.0/UDP 192.0.2.9:5070;branch=z9hG4bKa;rport", "198.51.100.1", 9) ==
        "SIP/2.0/UDP 192.0.2.9:5070;branch=z9hG4bKa;rport=9;received=198.51.100.1");
  CHECK(stamp("SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKa", "192.0.2.9", 9) == "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKa");
  CHECK(stamp("SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKa", "192.0.2.9", 9, true) ==
        "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKa;received=192.0.2.9");
  CHECK(stamp("SIP/2.0/UDP h;branch=z9hG4bKa , SIP/2.0/TCP g", "2001:db8::1", 9) ==
        "SIP/2.0/UDP h;branch=z9hG4bKa;received=2001:db8::1, SIP/2.0/TCP g");
  CHECK(stamp("SIP/2.0/UDP h;received=203.0.113.5;rport=1", "192.0.2.9", 9) ==
        "SIP/2.0/UDP h;received=192.0.2.9;rport=9");
}

TEST_CASE("a To tag replaces the old one or is put behind whatever To says") {
  Message message = good(replaced(invite(), "To: <sip:+15550100@gw.example>", "To: sip:b@b"));
  REQUIRE(message.set_to_tag("one"));
  CHECK(message.header(HeaderId::to) == "sip:b@b;tag=one");
  REQUIRE(message.set_to_tag("two"));
  CHECK(message.to_tag() == "two");
  const ParseOutcome broken =
      parse_message(replaced(invite(), "To: <sip:+15550100@gw.example>", "To: \"open <sip:b@b>"));
  Message answer = Message::response(broken.message, 400);
  REQUIRE(answer.set_to_tag("three"));
  CHECK(answer.header(HeaderId::to) == "\"open <sip:b@b>;tag=three");
}

TEST_CASE("tags are found without reading the whole address") {
  const auto tag_of = [](std::string_view from) {
    return std::string(
        parse_message(replaced(invite(), "\"Ann\" <sip:+15550199@carrier.example>;tag=f1", from)).message.from_tag());
  };
  CHECK(tag_of("<sip:a@b;tag=no>;tag=yes") == "yes");
  CHECK(tag_of("<sip:a@b;tag=no>") == "");
  CHECK(tag_of("\";tag=no\" <sip:a@b>; TAG = yes ;x") == "yes");
  CHECK(tag_of("sip:a@b;x=\";tag=no\";tag=yes") == "yes");
}

TEST_CASE("Via is read with its parameters or refused") {
  const auto via =
      parse_via("SIP / 2.0 / tls  [2001:db8::1] : 5061 ; ttl=16;maddr=224.2.0.1 ;rport=77;branch=Z9HG4BKx");
  REQUIRE(via);
  CHECK(via->transport == "TLS");
  CHECK(via->host == "2001:db8::1");
  CHECK(via->port == 5061);
  CHECK(via->ttl() == 16);
  CHECK(via->maddr() == "224.2.0.1");
  CHECK(via->rport() == 77);
  CHECK(via->has_rfc3261_branch());
  CHECK(via->to_string() == "SIP/2.0/TLS [2001:db8::1]:5061;ttl=16;maddr=224.2.0.1;rport=77;branch=Z9HG4BKx");
  for (std::string_view text :
       {"", "SIP/2.0", "SIP/2.0/UDP", "SIP/2.0/UDP ", "HTTP/2.0/UDP h", "SIP/2.0/UDP h:x", "SIP/2.0/UDP h;;",
        "SIP/2.0/UDP h h", "SIP//UDP h", "SIP/2.0/UDP ;branch=x", "SIP/2.0/UDP 2001:db8::1"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_via(text));
  }
}

}  // namespace nearend::sip
