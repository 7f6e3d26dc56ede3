// One behaviour, whoever relays: each case runs on real sockets over every tier that is possible here.
#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>

#include "rtp/rtcp.hpp"
#include "unit/flow/private_network.hpp"
#include "unit/media/real_node.hpp"

using namespace nearend;
using namespace nearend::media;
using namespace nearend::media::test;

namespace {

/// A telephone on real sockets: a numbered frame every 20 ms, and everything it hears.
class RealPhone {
 public:
  struct Heard {
    io::Instant at;
    Endpoint from;
    rtp::Packet packet;  // without its payload
    uint32_t number = 0;
    rtp::EventPayload event;
  };
  RealPhone(RealNode& node, uint32_t ssrc, const IpAddress& ip) : node_(node), timer_(node.world.loop), ssrc_(ssrc) {
    static uint16_t next_port = 42000;
    for (; !rtcp_; next_port += 2) {
      auto rtp = node.world.net.open_udp({ip, next_port},
                                         [this](const Endpoint& from, io::Bytes bytes) { hear(from, bytes); });
      auto rtcp = node.world.net.open_udp(
          {ip, static_cast<uint16_t>(next_port + 1)},
          [this](const Endpoint&, io::Bytes bytes) { reports.emplace_back(bytes.begin(), bytes.end()); });
      if (!rtp || !rtcp) continue;
      rtp_ = std::move(*rtp);
      rtcp_ = std::move(*rtcp);
    }
    sequence = static_cast<uint16_t>(ssrc * 7919);
    timestamp = ssrc * 104729;
  }
  Endpoint local() const { return rtp_->local(); }
  void talk_to(const Endpoint& to) {
    to_ = to;
    due_ = node_.world.loop.now();
    step();
  }
  void stop() { timer_.stop(); }
  void press(uint8_t event, uint16_t frames) { pressing_.emplace(event, static_cast<uint16_t>(frames * 160)); }
  void send(const Endpoint& to, rtp::Packet packet) {
    packet.ssrc = ssrc_;
    std::array<uint8_t, 400> bytes;
    rtp_->send(to, {bytes.data(), rtp::write_packet(bytes, packet)});
  }
  void send_number(const Endpoint& to, uint32_t number) {
    std::array<uint8_t, 160> payload;
    payload.fill(static_cast<uint8_t>(number));
    rtp::write32(payload.data(), number);
    send(to, {.sequence = sequence++, .timestamp = timestamp, .payload = payload});
  }
  void report(const Endpoint& to, std::span<const uint8_t> bytes) { rtcp_->send(to, bytes); }
  void change_ssrc(uint32_t ssrc) { ssrc_ = ssrc; }
  uint32_t said() const { return count_ - 1; }

  uint16_t sequence;
  uint32_t timestamp;
  std::vector<Heard> heard;
  std::vector<std::vector<uint8_t>> reports;

  size_t breaks() const {
    size_t found = 0;
    for (size_t i = 1; i < heard.size(); ++i) {
      const auto &before = heard[i - 1].packet, &now = heard[i].packet;
      const bool is_event = before.payload_type == 101 || now.payload_type == 101;
      found += now.ssrc != before.ssrc || now.sequence != static_cast<uint16_t>(before.sequence + 1);
      found += !is_event && (now.timestamp - before.timestamp) % 160 != 0;
    }
    return found;
  }
  /// Numbers of `other`'s frames that did not come exactly once, from the first that came to the last.
  size_t missed() const {
    std::map<uint32_t, int> times;
    for (const Heard& one : heard)
      if (one.number > 0) ++times[one.number];
    if (times.empty()) return 0;
    size_t found = 0;
    for (uint32_t number = times.begin()->first; number <= times.rbegin()->first; ++number) found += times[number] != 1;
    return found;
  }

 private:
  void step() {
    due_ += 20ms;
    timer_.start(std::max(due_ - node_.world.loop.now(), io::Duration(0)), [this] { step(); });
    timestamp += 160;
    if (pressing_) {
      const bool is_new = pressing_->is_new();
      if (is_new) event_timestamp_ = timestamp;
      if (const auto event = pressing_->next()) {
        const auto payload = rtp::write_event(*event);
        send(to_, {.marker = is_new,
                   .payload_type = 101,
                   .sequence = sequence++,
                   .timestamp = event_timestamp_,
                   .payload = payload});
        return;
      }
      pressing_.reset();
    }
    send_number(to_, count_++);
  }
  void hear(const Endpoint& from, io::Bytes bytes) {
    const auto packet = rtp::parse_packet(bytes);
    if (!packet) return;
    heard.push_back({node_.world.loop.now(), from, *packet});
    if (packet->payload_type == 101)
      heard.back().event = rtp::parse_event(packet->payload).value_or(rtp::EventPayload());
    else if (packet->payload.size() == 160)
      heard.back().number = rtp::read32(packet->payload.data()) < 1'000'000 ? rtp::read32(packet->payload.data()) : 0;
    heard.back().packet.payload = {};
  }

  RealNode& node_;
  io::Timer timer_;
  uint32_t ssrc_;
  uint32_t count_ = 1;
  uint32_t event_timestamp_ = 0;
  io::Instant due_{};
  Endpoint to_;
  std::unique_ptr<io::UdpSocket> rtp_, rtcp_;
  std::optional<rtp::EventSender> pressing_;
};

/// A node with one tier, and phones that talk over it.
struct Talk {
  RealNode node;
  std::string tier;
  IpAddress ip;
  std::vector<std::unique_ptr<RealPhone>> phones;
  std::vector<AnchorInfo> legs;

  Talk(const std::string& with, const IpAddress& address, const std::string& recordings)
      : node(settings_of(with, address, recordings)), tier(with), ip(address) {}
  static NodeSettings settings_of(const std::string& tier, const IpAddress& address, const std::string& recordings) {
    NodeSettings settings{.port_first = 33000, .port_last = 33199, .recordings = recordings, .tiers = tier};
    if (address.is_v6()) settings.bind_outer_v6 = address;
    return settings;
  }
  RealPhone& add(const SourceRule& rule = {}) {
    const auto number = static_cast<uint32_t>(phones.size() + 1);
    phones.push_back(std::make_unique<RealPhone>(node, number, ip));
    AllocateRequest request{.leg = fmt::format("leg{}", number), .outer_family = ip.family()};
    auto info = node.wait(node.control().allocate(std::move(request)));
    REQUIRE(info);
    legs.push_back(*info);
    set_remote(phones.size() - 1, phones.back()->local(), rule);
    phones.back()->talk_to(at(phones.size() - 1));
    return *phones.back();
  }
  void set_remote(size_t leg, const Endpoint& to, const SourceRule& rule = {}, bool is_held = false) {
    Remote remote{
        .rtp = to, .formats = telephone_formats(), .may_send = !is_held, .may_receive = !is_held, .source = rule};
    REQUIRE(node.wait(node.control().set_remote(legs[leg].id, Side::outer, std::move(remote))));
  }
  Endpoint at(size_t leg) const { return legs[leg].streams[0].outer; }
  void bridge(size_t a, size_t b) {
    const Path path{.kind = Path::Kind::bridge, .peer = legs[b].id};
    REQUIRE(node.wait(node.control().connect(legs[a].id, path)));
  }
  void run_for(milliseconds length) {
    node.run_until([] { return false; }, length);
  }
  bool is_in_kernel(size_t leg) const { return node.node->local().is_in_kernel(at(leg).port); }
  /// The tier does what it is for: the kernel has the streams of these legs, or never has any.
  void settle(size_t a, size_t b) {
    if (tier == "kernel") {
      REQUIRE(node.run_until([&] { return is_in_kernel(a) && is_in_kernel(b); }, 6000ms));
    } else {
      run_for(300ms);
      REQUIRE_FALSE(is_in_kernel(a));
      REQUIRE(node.node->local().has_range() == (tier == "range"));
    }
  }
  StreamStats stats(size_t leg) {
    auto all = node.wait(node.control().stats(legs[leg].id));
    REQUIRE(all);
    return all->front();
  }
};

/// Runs a case over each tier; says which it cannot.
template <class Case>
void over_tiers(Case run, const std::vector<const char*>& addresses = {"127.0.0.1"}) {
  flow::test::PrivateNetwork network;
  if (!network) MESSAGE("SKIP: network namespaces are not allowed here; only sockets are tried (root)");
  const std::string directory = scratch("tiers");
  for (const char* tier : {"sockets", "range", "kernel"}) {
    if (!network && std::string_view(tier) != "sockets") continue;
    for (const char* address : addresses) {
      CAPTURE(std::string(tier));
      CAPTURE(std::string(address));
      Talk talk(tier, *parse_ip(address), directory);
      run(talk);
    }
  }
  std::filesystem::remove_all(directory);
}

}  // namespace

TEST_CASE("tiers: a talk is one stream each way, whole, with one SSRC, counted to the packet") {
  over_tiers(
      [](Talk& talk) {
        RealPhone &a = talk.add(), &b = talk.add();
        talk.bridge(0, 1);
        talk.settle(0, 1);
        talk.run_for(700ms);
        for (RealPhone* phone : {&a, &b}) {
          CHECK(phone->breaks() == 0);
          CHECK(phone->missed() == 0);
          CHECK(phone->heard.size() > 40);
          phone->stop();
        }
        for (size_t i : {0, 1}) CHECK(talk.phones[i]->heard.back().from == talk.at(i));
        talk.run_for(30ms);
        for (size_t i : {0, 1}) {
          const StreamStats stats = talk.stats(i);
          CHECK(stats.packets_in == talk.phones[i]->said());
          CHECK(stats.octets_in == talk.phones[i]->said() * 160);
          CHECK(stats.packets_out == talk.phones[i]->heard.size());
          CHECK(stats.octets_out == talk.phones[i]->heard.size() * 160);
          CHECK(stats.lost == 0);
          CHECK(stats.jitter_ms < 10);
        }
      },
      {"127.0.0.1", "::1"});
}

TEST_CASE("tiers: after a leg has moved, not one packet reaches the party it was moved away from") {
  over_tiers([](Talk& talk) {
    RealPhone &a = talk.add(), &b = talk.add(), &c = talk.add();
    talk.bridge(0, 1);
    for (int i = 0; i < 3; ++i) {
      const size_t old = i % 2 == 0 ? 1 : 2, next = 3 - old;
      talk.settle(0, old);
      talk.bridge(0, next);
      talk.run_for(350ms);  // both paths are fed until the new one has proven itself, then for the time in flight
      RealPhone& left = *talk.phones[old];
      const size_t had = left.heard.size();
      talk.run_for(300ms);
      size_t leaked = 0;
      for (size_t k = had; k < left.heard.size(); ++k) leaked += left.heard[k].number > 0;
      CHECK(leaked == 0);
    }
    for (RealPhone* phone : {&a, &b, &c}) CHECK(phone->breaks() == 0);
  });
}

TEST_CASE("tiers: twenty moves in one talk break no header") {
  over_tiers([](Talk& talk) {
    RealPhone& a = talk.add();
    talk.add();
    talk.add();
    talk.bridge(0, 1);
    talk.settle(0, 1);
    for (size_t i = 0; i < 20; ++i) {
      talk.bridge(0, 1 + (i + 1) % 2);
      talk.run_for(i % 5 == 4 ? 900ms : 130ms);
    }
    CHECK(a.breaks() == 0);
  });
}

TEST_CASE("tiers: a stranger's packets go nowhere, are counted, and change nothing for the talk") {
  over_tiers([](Talk& talk) {
    RealPhone &a = talk.add(), &b = talk.add();
    talk.bridge(0, 1);
    talk.settle(0, 1);
    const bool was_in_kernel = talk.is_in_kernel(0);
    RealPhone stranger(talk.node, 99, talk.ip);
    for (uint32_t i = 0; i < 20; ++i) {
      stranger.sequence = static_cast<uint16_t>(a.sequence + i);
      stranger.timestamp = a.timestamp;
      stranger.send_number(talk.at(0), 500'000 + i);
      talk.run_for(20ms);
    }
    CHECK(talk.stats(0).dropped_source == 20);
    CHECK(talk.is_in_kernel(0) == was_in_kernel);
    for (const RealPhone::Heard& one : b.heard) CHECK(one.number < 500'000);
    CHECK(b.breaks() == 0);
    CHECK(b.missed() == 0);
    CHECK(stranger.heard.empty());
  });
}

TEST_CASE("tiers: a learned source is the only one, for as long as it talks") {
  over_tiers([](Talk& talk) {
    RealPhone &a = talk.add({.mode = SourceRule::Mode::learn}), &b = talk.add();
    talk.set_remote(0, {*parse_ip("127.0.0.9"), 9}, {.mode = SourceRule::Mode::learn});  // what SDP says is not true
    talk.bridge(0, 1);
    talk.settle(0, 1);
    RealPhone stranger(talk.node, 1, talk.ip);  // with the same SSRC
    talk.run_for(5300ms);                       // longer than a silent source keeps its place
    stranger.sequence = a.sequence;
    for (uint32_t i = 0; i < 10; ++i) stranger.send_number(talk.at(0), 600'000 + i);
    talk.run_for(200ms);
    CHECK(talk.stats(0).dropped_source >= 10);
    for (const RealPhone::Heard& one : b.heard) CHECK(one.number < 600'000);
    CHECK(stranger.heard.empty());
    CHECK(a.heard.size() > 200);
  });
}

TEST_CASE("tiers: sender reports count what was sent, report blocks what came, and the answers are read") {
  over_tiers([](Talk& talk) {
    RealPhone& a = talk.add();
    RealPhone& b = talk.add();
    talk.bridge(0, 1);
    talk.settle(0, 1);
    a.reports.clear();
    REQUIRE(talk.node.run_until([&] { return !a.reports.empty(); }, 8000ms));
    rtp::RtcpReader reader(a.reports.back());
    const auto packet = reader.next();
    REQUIRE(packet);
    const auto info = rtp::sender_info(*packet);
    const auto block = rtp::report_block(*packet, 0);
    REQUIRE(info);
    REQUIRE(block);
    CHECK(info->packets + 3 >= a.heard.size());
    CHECK(info->packets <= a.heard.size() + 3);
    CHECK(info->octets == info->packets * 160);
    CHECK(std::abs(static_cast<int32_t>(info->rtp_timestamp - a.heard.back().packet.timestamp)) < 800);
    CHECK(std::abs(static_cast<int16_t>(static_cast<uint16_t>(block->extended_highest) - a.sequence)) < 4);
    CHECK(block->fraction_lost == 0);
    CHECK(block->cumulative_lost == 0);
    const bool was_in_kernel = talk.is_in_kernel(0);
    std::array<uint8_t, 64> bytes;
    rtp::RtcpWriter writer(bytes);
    const rtp::ReportBlock seen{.ssrc = a.heard.back().packet.ssrc, .fraction_lost = 64};
    writer.receiver_report(1, {&seen, 1});
    a.report({talk.ip, static_cast<uint16_t>(talk.at(0).port + 1)}, {bytes.data(), writer.size()});
    talk.run_for(100ms);
    CHECK(talk.stats(0).remote_loss == doctest::Approx(0.25));
    CHECK(talk.is_in_kernel(0) == was_in_kernel);
    CHECK(b.breaks() == 0);
  });
}

TEST_CASE("tiers: silence is told in time and once, speech is not taken for silence, and noise fills the gap") {
  over_tiers([](Talk& talk) {
    RealPhone &a = talk.add(), &b = talk.add();
    talk.bridge(0, 1);
    talk.settle(0, 1);
    talk.node.control().watch_silence(talk.legs[0].id, 1000ms);
    talk.run_for(1700ms);
    CHECK_FALSE(talk.node.told<event::Silent>(talk.legs[0].id));
    a.stop();
    const size_t had = b.heard.size();
    const auto stopped = talk.node.world.loop.now();
    REQUIRE(talk.node.run_until([&] { return talk.node.told<event::Silent>(talk.legs[0].id); }, 3000ms));
    CHECK(talk.node.world.loop.now() - stopped < 1700ms);
    CHECK(b.heard.size() > had + 5);  // noise
    a.talk_to(talk.at(0));
    REQUIRE(talk.node.run_until([&] { return talk.node.told<event::Resumed>(talk.legs[0].id); }, 1000ms));
    talk.settle(0, 1);
    CHECK(b.breaks() == 0);
  });
}

TEST_CASE("tiers: a key pressed in a talk is heard once and told once, and the stream goes on") {
  over_tiers([](Talk& talk) {
    RealPhone &a = talk.add(), &b = talk.add();
    talk.bridge(0, 1);
    for (int round = 0; round < 2; ++round) {
      talk.settle(0, 1);
      a.press(5, 6);
      talk.run_for(400ms);
    }
    rtp::EventDetector detector;
    size_t pressed = 0;
    for (const RealPhone::Heard& one : b.heard) {
      if (one.packet.payload_type != 101) continue;
      pressed += detector.on_event(one.packet.timestamp, one.event, 8000, one.at).count;
    }
    CHECK(pressed == 2);
    CHECK_FALSE(detector.is_open());
    size_t told = 0;
    for (const Event& event : talk.node.events[talk.legs[0].id]) told += std::holds_alternative<event::Digit>(event);
    CHECK(told == 2);
    CHECK(b.breaks() == 0);
    CHECK(b.missed() == 0);
  });
}

TEST_CASE("tiers: a recorder that comes and goes costs the talk no packet and misses none") {
  over_tiers([](Talk& talk) {
    RealPhone &a = talk.add(), &b = talk.add();
    talk.bridge(0, 1);
    for (int round = 0; round < 3; ++round) {
      talk.settle(0, 1);
      RecordRequest request{.legs = {talk.legs[0].id, talk.legs[1].id}, .is_dual = true};
      request.path_hint = fmt::format("RE{}", round);
      const auto job = talk.node.wait(talk.node.control().record(talk.legs[0].id, std::move(request)));
      REQUIRE(job);
      talk.run_for(400ms);
      CHECK_FALSE(talk.is_in_kernel(0));
      CHECK_FALSE(talk.is_in_kernel(1));
      talk.node.events.clear();
      talk.node.control().stop(talk.legs[0].id, *job);
      REQUIRE(talk.node.run_until([&] { return talk.node.told<event::RecordEnded>(talk.legs[0].id); }));
      const auto length = talk.node.told<event::RecordEnded>(talk.legs[0].id)->length;
      CHECK(length >= 340ms);
      CHECK(length <= 520ms);
    }
    for (RealPhone* phone : {&a, &b}) {
      CHECK(phone->breaks() == 0);
      CHECK(phone->missed() == 0);
    }
  });
}

TEST_CASE("tiers: a tap that comes and goes costs the talk no packet and gets its own") {
  const char* wanted = std::getenv("NEAREND_TAPS");  // so many on each tier; 200 are the bound's
  const int taps = wanted ? std::atoi(wanted) : 16;
  over_tiers([&](Talk& talk) {
    RealPhone &a = talk.add(), &b = talk.add();
    RealPhone copy(talk.node, 99, talk.ip);
    talk.bridge(0, 1);
    for (int round = 0; round < 1 + taps / 50; ++round) {
      talk.settle(0, 1);
      const auto job = talk.node.wait(
          talk.node.control().tap(talk.legs[0].id, {.in = copy.local(), .capture_bytes = capture_bytes_max}));
      REQUIRE(job);
      const size_t before = copy.heard.size();
      talk.run_for(400ms);
      CHECK_FALSE(talk.is_in_kernel(0));
      CHECK_FALSE(talk.is_in_kernel(1));
      CHECK(copy.heard.size() - before >= 18);
      const auto packets = talk.node.wait(talk.node.control().capture(talk.legs[0].id, *job));
      REQUIRE(packets);
      CHECK(packets->size() > 36 * 200);
      talk.node.control().stop(talk.legs[0].id, *job);
    }
    // More often than the kernel has the streams: coming and going in every state of the way there and back.
    for (int round = 0; round < taps; ++round) {
      const auto job = talk.node.wait(talk.node.control().tap(talk.legs[round % 2].id, {.in = copy.local()}));
      REQUIRE(job);
      talk.run_for(milliseconds(7 + round % 11));
      talk.node.control().stop(talk.legs[round % 2].id, *job);
      talk.run_for(milliseconds(5 + round * 3 % 13));
    }
    talk.settle(0, 1);
    for (RealPhone* phone : {&a, &b}) {
      CHECK(phone->breaks() == 0);
      CHECK(phone->missed() == 0);
    }
  });
}

TEST_CASE("tiers: a source with another SSRC is believed at its second packet, and ours stays") {
  over_tiers([](Talk& talk) {
    RealPhone &a = talk.add(), &b = talk.add();
    talk.bridge(0, 1);
    talk.settle(0, 1);
    const uint32_t said = a.said();
    a.change_ssrc(77);
    talk.run_for(300ms);
    CHECK(b.breaks() == 0);
    CHECK(b.heard.back().number > said + 5);
    CHECK(b.missed() <= 1);
    talk.settle(0, 1);
    talk.run_for(100ms);
    CHECK(b.breaks() == 0);
  });
}

TEST_CASE("tiers: what was sent long before the packets that have come since is not heard, and moves no stream") {
  over_tiers([](Talk& talk) {
    RealPhone &a = talk.add(), &b = talk.add();
    talk.bridge(0, 1);
    talk.settle(0, 1);
    std::array<uint8_t, 160> payload{};
    const auto heard = b.heard.size();
    for (uint16_t i = 0; i < 10; ++i) {
      a.send(talk.at(0), {.sequence = static_cast<uint16_t>(a.sequence - 100 - i),
                          .timestamp = a.timestamp - 160 * (100u + i),
                          .payload = payload});
      talk.run_for(20ms);
      CHECK(talk.is_in_kernel(0) == (talk.tier == "kernel"));
    }
    CHECK(b.heard.size() >= heard + 8);
    CHECK(b.breaks() == 0);
    CHECK(b.missed() == 0);
  });
}

TEST_CASE("tiers: a held leg hears nothing and nothing is taken from it; afterwards the talk goes on") {
  over_tiers([](Talk& talk) {
    RealPhone &a = talk.add(), &b = talk.add();
    talk.bridge(0, 1);
    talk.settle(0, 1);
    talk.set_remote(0, a.local(), {}, true);
    talk.run_for(50ms);
    const size_t had = a.heard.size();
    const uint32_t said = a.said();
    talk.run_for(300ms);
    CHECK(a.heard.size() == had);
    for (const RealPhone::Heard& one : b.heard) CHECK(one.number <= said);
    talk.set_remote(0, a.local());
    talk.settle(0, 1);
    CHECK(a.heard.size() > had);
    CHECK(a.breaks() == 1);  // what was said during the hold is missing, and can be seen to be
    CHECK(b.breaks() == 1);
    CHECK(a.heard.back().packet.ssrc == a.heard.front().packet.ssrc);
  });
}

TEST_CASE("tiers: a released leg's ports are silent at once, and its peer hears noise") {
  over_tiers([](Talk& talk) {
    RealPhone &a = talk.add(), &b = talk.add();
    talk.bridge(0, 1);
    talk.settle(0, 1);
    const uint16_t port = talk.at(0).port;
    talk.node.control().release(talk.legs[0].id);
    talk.run_for(60ms);
    const size_t had = a.heard.size();
    const uint32_t said = a.said();
    talk.run_for(300ms);
    CHECK(a.heard.size() == had);
    for (const RealPhone::Heard& one : b.heard) CHECK(one.number <= said);
    CHECK_FALSE(talk.node.node->local().is_in_kernel(port));
    CHECK_FALSE(talk.is_in_kernel(1));
    CHECK(b.breaks() == 0);
  });
}
