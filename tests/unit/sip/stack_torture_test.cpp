#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>

#include "unit/sip/test_agents.hpp"
#include "unit/sip/torture_table.hpp"

using namespace nearend;
using namespace nearend::sip;
using namespace nearend::sip::test;
using torture::Outcome;

namespace {

/// Statuses of all responses in what came back, in order.
std::vector<int> statuses_in(std::string_view text) {
  std::vector<int> statuses;
  constexpr std::string_view kStart = "SIP/2.0 ";
  for (size_t at = text.find(kStart); at != std::string_view::npos; at = text.find(kStart, at + 1))
    if (at == 0 || text[at - 1] == '\n') statuses.push_back(std::stoi(std::string(text.substr(at + kStart.size(), 3))));
  return statuses;
}

std::vector<int> finals(std::vector<int> statuses) {
  std::erase_if(statuses, [](int status) { return status < 200; });
  return statuses;
}

void check_outcome(const torture::Entry& entry, Outcome outcome, const std::vector<int>& all) {
  const auto answers = finals(all);
  if (outcome == Outcome::ignored) {
    CHECK(all.empty());
    return;
  }
  CHECK_FALSE(answers.empty());
  if (answers.empty()) return;
  const int status = answers.front();
  CAPTURE(status);
  if (outcome == Outcome::answered)
    CHECK(std::ranges::find(entry.statuses, status) != entry.statuses.end());
  else
    CHECK((status != 400 && status != 500 && status != 505));
}

/// A user agent that answers what it is told of: calls with 200, OPTIONS with 200, the rest with 405.
struct Server {
  World world;
  Agent agent{world, "192.0.2.2:5060"};
  Server() { agent.answer_all(); }
};

std::vector<int> over_udp(const std::string& bytes) {
  Server server;
  // Via fields of the torture messages name other ports: without rport answers go there.
  std::string heard;
  sim::Host& host = server.world.host(at("192.0.2.9:5060"));
  auto socket = host.net().open_udp(at("192.0.2.9:5071"), [](const Endpoint&, io::Bytes) {});
  server.world.sim.network().observe([&](const sim::PacketSeen& packet) {
    if (packet.from == server.agent.endpoint && packet.to.address == host.address())
      heard.append(reinterpret_cast<const char*>(packet.bytes.data()), packet.bytes.size()).append("\n");
  });
  (*socket)->send(server.agent.endpoint, {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
  server.world.run(5s);
  return statuses_in(heard);
}

std::vector<int> over_tcp(const std::string& bytes) {
  Server server;
  std::string heard;
  io::Stream::Handlers handlers;
  handlers.on_data = [&](std::string_view data) { heard += data; };
  auto stream =
      server.world.host(at("192.0.2.9:5060")).net().connect(server.agent.endpoint, nullptr, std::move(handlers));
  stream->write(bytes);
  server.world.run(5s);
  return statuses_in(heard);
}

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
      check_outcome(entry, entry.outcome, over_udp(bytes));
    }
    {
      INFO("over TCP");
      check_outcome(entry, entry.on_stream.value_or(entry.outcome), over_tcp(bytes));
    }
  }
}
