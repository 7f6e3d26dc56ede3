#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>

#include "sip/stream_framer.hpp"
#include "unit/sip/test_agents.hpp"
#include "unit/sip/torture_table.hpp"

using namespace nearend;
using namespace nearend::sip;
using namespace nearend::sip::test;

namespace {

/// What came back: each final response once, and whether a stream was closed.
struct Heard {
  std::vector<Message> finals;
  bool is_other = false;  ///< Something that is no response.
  bool is_closed = false;
  std::vector<std::string> seen;

  void take(std::string_view text) {
    if (text.find_first_not_of("\r\n") == std::string_view::npos) return;
    if (std::ranges::find(seen, text) != seen.end()) return;  // sent again, since nobody acknowledges
    seen.emplace_back(text);
    Message message = parse_message(text).message;
    if (!message.is_response())
      is_other = is_other || message.method() != Method::bye;  // the end of a call that nobody acknowledged
    else if (message.status() >= 200)
      finals.push_back(std::move(message));
  }
};

/// A user agent that answers what it is told of: calls with 200, OPTIONS with 200, the rest with 405.
struct Server {
  World world;
  Agent agent{world, "192.0.2.2:5060"};
  Server() { agent.answer_all(); }
};

/// Long enough for a stream's message that never comes to its end.
constexpr auto patience = 12s;

Heard over_udp(const std::string& bytes) {
  Server server;
  Heard heard;
  // Via fields of the torture messages name other ports: without rport answers go there.
  sim::Host& host = server.world.host(at("192.0.2.9:5060"));
  auto socket = host.net().open_udp(at("192.0.2.9:5071"), [](const Endpoint&, io::Bytes) {});
  server.world.sim.network().observe([&](const sim::PacketSeen& packet) {
    if (packet.from == server.agent.endpoint && packet.to.address == host.address())
      heard.take({reinterpret_cast<const char*>(packet.bytes.data()), packet.bytes.size()});
  });
  (*socket)->send(server.agent.endpoint, {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
  server.world.run(patience);
  return heard;
}

Heard over_tcp(const std::string& bytes) {
  Server server;
  Heard heard;
  StreamFramer framer(message_bytes_max);
  io::Stream::Handlers handlers;
  handlers.on_data = [&](std::string_view data) {
    framer.append(data);
    while (const auto piece = framer.next()) heard.take(piece->text);
  };
  handlers.on_close = [&](const Error&) { heard.is_closed = true; };
  auto stream =
      server.world.host(at("192.0.2.9:5060")).net().connect(server.agent.endpoint, nullptr, std::move(handlers));
  stream->write(bytes);
  server.world.run(patience);
  return heard;
}

void check_outcome(const torture::Outcome& outcome, const Heard& heard, const std::string& request) {
  CHECK_FALSE(heard.is_other);
  CHECK(heard.is_closed == outcome.is_closed);
  CHECK(heard.finals.size() == outcome.answers.size());
  if (heard.finals.size() != outcome.answers.size()) return;
  for (size_t i = 0; i < heard.finals.size(); ++i) {
    const torture::Answer& answer = outcome.answers[i];
    CHECK(heard.finals[i].status() == answer.status);
    if (!answer.field.empty()) CHECK(heard.finals[i].has(answer.field));
    if (!answer.value.empty()) CHECK(heard.finals[i].header(answer.field) == answer.value);
  }
  if (heard.finals.empty()) return;
  const Message asked = parse_message(request).message;
  for (const HeaderId id : {HeaderId::call_id, HeaderId::cseq, HeaderId::from})
    CHECK(heard.finals.front().header(id) == asked.header(id));
}

/// A caller whose peer speaks raw text.
struct Calling {
  World world;
  Agent agent{world, "192.0.2.2:5060"};
  RawPeer peer{world, "192.0.2.9:5060"};
  Calling() {
    (void)agent.stack.invite(agent.to({at("192.0.2.9:5060")}));
    world.run(100ms);
  }
  /// Answers the INVITE with the first line of a torture message.
  void answer(const std::string& torture_message, std::string_view more_via = {}) {
    std::string text = Message::response(peer.last_message("INVITE"), 200).serialize();
    text.replace(0, text.find("\r\n"), torture_message.substr(0, torture_message.find("\r\n")));
    text.insert(text.find("\r\nFrom:"), more_via);
    text.insert(text.find("\r\nCall-ID:"), ";tag=raw");
    peer.send(agent.endpoint, text);
    world.run(100ms);
  }
};

}  // namespace

TEST_CASE("every message of RFC 4475 and RFC 5118 is answered over UDP and TCP as the RFCs ask") {
  const auto folder = torture::folder();
  if (!folder) {
    std::puts("SKIPPED: ../shared/data/sip-torture is not here: answers to torture messages are not tried");
    return;
  }
  for (const auto& entry : torture::table()) {
    CAPTURE(entry.file);
    const std::string bytes = torture::read(*folder + std::string(entry.file));
    {
      INFO("over UDP");
      check_outcome(entry.udp, over_udp(bytes), bytes);
    }
    {
      INFO("over TCP");
      check_outcome(entry.tcp.value_or(entry.udp), over_tcp(bytes), bytes);
    }
  }
}

TEST_CASE("torture: the manual has a row for every message, as it is tested") {
  const std::string manual = torture::read(NEAREND_SOURCE_DIR "/docs/sip-torture.md");
  for (const auto& entry : torture::table()) {
    CAPTURE(torture::row(entry));
    CHECK(manual.find(torture::row(entry)) != std::string::npos);
  }
}

TEST_CASE("torture: odd reasons are taken and impossible codes dropped where the response belongs to a call") {
  const auto folder = torture::folder();
  if (!folder) return;
  {
    Calling calling;
    calling.answer(torture::read(*folder + "rfc4475/noreason.dat"));
    const size_t heard = calling.peer.count("INVITE");
    calling.world.run(10s);
    CHECK(calling.peer.count("INVITE") == heard);  // a 100 ends the repeating of the INVITE
  }
  {
    Calling calling;
    calling.answer(torture::read(*folder + "rfc4475/unreason.dat"));
    CHECK(calling.agent.count<event::Accepted>() == 1);
    CHECK(calling.peer.count("ACK") == 1);
  }
  for (const char* file : {"rfc4475/bigcode.dat", "rfc4475/scalarlg.dat"}) {
    Calling calling;
    std::string bytes = torture::read(*folder + file);
    if (bytes.starts_with("SIP/2.0 503")) bytes.replace(8, 3, "999");
    calling.answer(bytes);
    CHECK(calling.agent.told.empty());
    CHECK(calling.peer.count("ACK") == 0);
  }
}

TEST_CASE("torture: a response with a second Via is dropped even where its first is ours") {
  const auto folder = torture::folder();
  if (!folder) return;
  Calling calling;
  calling.answer(torture::read(*folder + "rfc4475/bcast.dat"),
                 "\r\nVia: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1saber23");
  CHECK(calling.agent.told.empty());
  calling.answer(torture::read(*folder + "rfc4475/bcast.dat"));
  CHECK(calling.agent.count<event::Accepted>() == 1);
}

TEST_CASE("torture: a branch that says nothing tells two requests apart all the same") {
  const auto folder = torture::folder();
  if (!folder) return;
  Server server;
  RawPeer peer(server.world, "192.0.2.9:5060");
  size_t told = 0;
  server.agent.on_outside = [&](ServerTransactionId transaction, const Message&, const Flow&) {
    ++told;
    (void)server.agent.stack.respond(transaction, 200);
  };
  const std::string first = torture::read(*folder + "rfc4475/badbranch.dat");
  std::string second = first;
  second.replace(second.find("CSeq: 8"), 7, "CSeq: 9");
  for (const std::string& text : {first, second, first}) {
    peer.send(server.agent.endpoint, text);
    server.world.run(100ms);
  }
  CHECK(told == 2);
  CHECK(peer.count("SIP/2.0 200") == 3);  // the first came again and got its answer again
}
