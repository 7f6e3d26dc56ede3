#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/gateway.hpp"
#include "io/async.hpp"
#include "link/profile.hpp"
#include "policy/report.hpp"
#include "unit/sip/test_agents.hpp"

namespace nearend::gateway::test {

using namespace std::chrono_literals;
using sip::test::Agent;
using sip::test::at;
using sip::test::World;

/// A media node that does nothing but write down what it is told, a turn of the loop later, as a node elsewhere would.
class FakeMedia final : public media::Control {
 public:
  FakeMedia(io::Loop& loop, IpAddress address) : loop_(loop), address_(address) {}

  void set_event_handler(EventHandler handler) override { handler_ = std::move(handler); }
  void tell(media::AnchorId anchor, media::Event event) {
    loop_.post([this, anchor, event = std::move(event)]() mutable { handler_(anchor, std::move(event)); });
  }

  Task<Result<media::AnchorInfo>> allocate(media::AllocateRequest request) override {
    co_await io::sleep_for(loop_, 10us);
    if (is_full) co_return fail(Error::Kind::unavailable, "no ports");
    media::AnchorInfo info;
    info.id = static_cast<media::AnchorId>(++anchors_made);
    info.fingerprint = "sha-256 12:34";
    info.node = node;
    for (const auto kind : request.streams) {
      info.streams.push_back({kind, {address_, next_port_}, {address_, static_cast<uint16_t>(next_port_ + 2)}});
      next_port_ += 4;
    }
    ++anchors_held;
    co_return info;
  }
  Task<Result<void>> set_remote(media::AnchorId anchor, media::Side side, media::Remote remote) override {
    co_await io::sleep_for(loop_, 10us);
    note("{} {} {} {}", number(anchor), side == media::Side::outer ? "outer" : "inner",
         remote.rtp.port == 0 ? "nowhere" : remote.rtp.to_string(),
         remote.formats.empty() ? "-" : remote.formats.front().name);
    remotes.push_back(std::move(remote));
    co_return Result<void>{};
  }
  Task<Result<void>> connect(media::AnchorId anchor, media::Path path) override {
    co_await io::sleep_for(loop_, 10us);
    note("{} connect {}", number(anchor), text(path));
    co_return Result<void>{};
  }
  Task<Result<void>> seat(media::AnchorId anchor, media::Seat seat) override {
    co_await io::sleep_for(loop_, 10us);
    note("{} seat {}", number(anchor), seat.room);
    co_return Result<void>{};
  }
  Task<Result<void>> arm(media::AnchorId anchor, media::Path path) override {
    co_await io::sleep_for(loop_, 10us);
    note("{} arm {}", number(anchor), text(path));
    co_return Result<void>{};
  }
  void open(media::AnchorId anchor) override { note("{} open", number(anchor)); }
  Task<Result<media::JobId>> play(media::AnchorId anchor, media::PlayRequest request) override {
    co_await io::sleep_for(loop_, 10us);
    note("{} play {}", number(anchor), request.sources.empty() ? "" : request.sources.front().value);
    co_return static_cast<media::JobId>(++jobs_made);
  }
  Task<Result<media::JobId>> record(media::AnchorId anchor, media::RecordRequest request) override {
    co_await io::sleep_for(loop_, 10us);
    note("{} record {}", number(anchor), request.legs.size());
    co_return static_cast<media::JobId>(++jobs_made);
  }
  Task<Result<media::JobId>> collect(media::AnchorId anchor, media::CollectRequest) override {
    co_await io::sleep_for(loop_, 10us);
    note("{} collect", number(anchor));
    co_return static_cast<media::JobId>(++jobs_made);
  }
  std::map<media::AnchorId, std::string> captures;  ///< What a tap on it has kept.
  Task<Result<media::JobId>> tap(media::AnchorId anchor, media::TapRequest request) override {
    co_await io::sleep_for(loop_, 10us);
    note("{} tap {}", number(anchor), request.capture_bytes);
    co_return static_cast<media::JobId>(++jobs_made);
  }
  Task<Result<std::string>> capture(media::AnchorId anchor, media::JobId) override {
    co_await io::sleep_for(loop_, 10us);
    if (!captures.contains(anchor)) co_return fail(Error::Kind::not_found, "the tap is gone");
    co_return captures[anchor];
  }
  void stop(media::AnchorId anchor, media::JobId job) override {
    note("{} stop {}", number(anchor), static_cast<uint64_t>(job));
  }
  void prefetch(std::string url) override { note("prefetch {}", url); }
  void watch_silence(media::AnchorId anchor, media::milliseconds after) override {
    note("{} watch {}", number(anchor), after.count());
  }
  std::vector<media::StreamStats> figures;  ///< Of every anchor.
  Task<Result<std::vector<media::StreamStats>>> stats(media::AnchorId) override {
    co_await io::sleep_for(loop_, 10us);
    co_return figures;
  }
  void renew(media::AnchorId, std::chrono::seconds) override {}
  void release(media::AnchorId anchor) override {
    note("{} release", number(anchor));
    --anchors_held;
  }
  media::NodeState node_state;  ///< States nothing.
  Task<Result<media::NodeState>> state() override { co_return node_state; }
  Task<Result<media::RecordingPiece>> read_recording(std::string name, uint64_t offset) override {
    const auto found = recordings.find(name);
    if (found == recordings.end()) co_return fail(Error::Kind::not_found, "no such recording");
    const size_t from = std::min<size_t>(offset, found->second.size());
    co_return media::RecordingPiece{.bytes = found->second.substr(from, piece_max), .size = found->second.size()};
  }
  Task<Result<void>> remove_recording(std::string name) override {
    if (recordings.erase(name) == 0) co_return fail(Error::Kind::not_found, "no such recording");
    co_return Result<void>{};
  }

  bool has(std::string_view line) const { return std::ranges::find(lines, line) != lines.end(); }
  size_t count(std::string_view line) const { return static_cast<size_t>(std::ranges::count(lines, line)); }

  std::vector<std::string> lines;
  std::vector<media::Remote> remotes;
  uint64_t anchors_made = 0, jobs_made = 0;
  int64_t anchors_held = 0;
  bool is_full = false;
  std::string node;                               ///< Where anchors are said to be.
  std::map<std::string, std::string> recordings;  ///< Files by name.
  size_t piece_max = 1000;

 private:
  template <class... Args>
  void note(fmt::format_string<Args...> format, Args&&... args) {
    lines.push_back(fmt::format(format, std::forward<Args>(args)...));
  }
  static uint64_t number(media::AnchorId anchor) { return static_cast<uint64_t>(anchor); }
  static std::string text(const media::Path& path) {
    switch (path.kind) {
      case media::Path::Kind::idle:
        return "idle";
      case media::Path::Kind::inner:
        return "inner";
      case media::Path::Kind::bridge:
        return fmt::format("bridge {}", number(path.peer));
      case media::Path::Kind::room:
        return "room";
    }
    return "";
  }

  io::Loop& loop_;
  IpAddress address_;
  EventHandler handler_;
  uint16_t next_port_ = 20000;
};

class FakePolicy final : public policy::Client {
 public:
  explicit FakePolicy(io::Loop& loop) : loop_(loop) {}
  Task<policy::RouterAnswer> pick_routers(policy::RouterQuery) override {
    co_await io::sleep_for(loop_, 1ms);
    co_return answer;
  }
  Task<policy::RouteAnswer> pick_route(policy::RouteQuery) override { co_return policy::RouteAnswer{}; }
  Task<policy::ResourceAnswer> pick_resource(policy::ResourceQuery) override { co_return policy::ResourceAnswer{}; }
  Task<policy::RerouteAnswer> reroute(policy::RerouteQuery query) override {
    co_await io::sleep_for(loop_, 1ms);
    reroutes.push_back(std::move(query));
    co_return reroute_answer;
  }
  void report_load(std::string, uint32_t, uint32_t) override {}
  void report(const policy::GatewayReport& report) override { reports.push_back(report); }

  std::vector<policy::GatewayReport> reports;
  policy::RouterAnswer answer;
  policy::RerouteAnswer reroute_answer;
  std::vector<policy::RerouteQuery> reroutes;

 private:
  io::Loop& loop_;
};

inline sip::Body sdp_of(std::string_view address, int port, std::string_view codecs = "0 8 101",
                        std::string_view direction = "sendrecv") {
  std::string text = fmt::format(
      "v=0\r\no=- 1 1 IN IP4 {0}\r\ns=-\r\nc=IN IP4 {0}\r\nt=0 0\r\nm=audio {1} RTP/AVP {2}\r\n"
      "a=rtpmap:101 telephone-event/8000\r\na={3}\r\n",
      address, port, codecs, direction);
  return {"application/sdp", std::move(text)};
}

/// A gateway with its fakes on a machine of the world.
struct Region {
  Region(World& world, std::string_view address, Settings settings)
      : host(world.host(at(fmt::format("{}:5060", address)))),
        media(host.loop(), host.address()),
        policy(host.loop()),
        journal(host.loop()) {
    const bool answers_probes = std::ranges::any_of(settings.listen, &ListenSettings::answers_probes);
    settings.listen = {
        {.protocol = sip::Protocol::udp, .local = host.endpoint(5060), .answers_probes = answers_probes}};
    settings.link_listen = {{.protocol = sip::Protocol::tcp, .local = host.endpoint(5070)}};
    settings.link_peers = {*parse_cidr("198.51.100.0/24"), *parse_cidr("203.0.113.0/24")};
    gateway = std::make_unique<Gateway>(std::move(settings), host.world(), media, policy, journal);
    REQUIRE(gateway->start());
  }
  size_t events(std::string_view kind) const {
    return static_cast<size_t>(
        std::ranges::count_if(journal.records(), [&](const Record& r) { return r.event.kind == kind; }));
  }
  const Record& last_event(std::string_view kind) const {
    const auto& records = journal.records();
    const auto found =
        std::find_if(records.rbegin(), records.rend(), [&](const Record& r) { return r.event.kind == kind; });
    REQUIRE(found != records.rend());
    return *found;
  }
  bool is_clean() const { return gateway->legs() == 0 && media.anchors_held == 0; }

  sim::Host& host;
  FakeMedia media;
  FakePolicy policy;
  MemoryJournal journal;
  std::unique_ptr<Gateway> gateway;
};

/// Providers "in" (calls from 192.0.2.1) and "out" (calls to 192.0.2.2, then 192.0.2.3).
inline Settings two_providers() {
  Settings settings;
  settings.name = "eu-gw1";
  settings.region = "eu/de1";
  Provider in;
  in.name = "in";
  in.is_outbound = false;
  in.addresses = {*parse_cidr("192.0.2.1")};
  Provider out;
  out.name = "out";
  out.is_inbound = false;
  out.targets = {{.host = "192.0.2.2"}};
  out.options_ping = 0s;
  Provider second = out;
  second.name = "second";
  second.targets = {{.host = "192.0.2.3"}};
  second.priority = 1;
  settings.providers = {in, out, second};
  settings.numbers = {{.match = NumberEntry::Match::number,
                       .value = "+15550100",
                       .account_sid = "AC1",
                       .kind = NumberEntry::Kind::application},
                      {.match = NumberEntry::Match::number,
                       .value = "+15550101",
                       .account_sid = "AC1",
                       .kind = NumberEntry::Kind::forward,
                       .forward_to = "+4930123"}};
  return settings;
}

/// Speaks for a router: an agent on the link that dresses its messages in platform headers.
struct FakeRouter {
  explicit FakeRouter(World& world, std::string_view address = "198.51.100.9:5070") : agent(world, address) {}
  std::string uri() const { return fmt::format("sip:{};transport=tcp", agent.endpoint.to_string()); }
  policy::RouterChoice choice() const { return {"us-r1", "us/va1", uri(), "http://198.51.100.9/v1/call-events"}; }

  sip::ExtraHeaders headers(const link::CallContext& context, std::string_view action = {},
                            std::string_view features = {}) const {
    link::Headers all;
    all.region.path = "us/va1";
    all.context = context;
    if (!action.empty()) all.actions = *link::parse_items(action);
    if (!features.empty()) all.features = *link::parse_items(features);
    return link::to_sip(all);
  }
  /// What the last INVITE of a gateway says.
  link::Headers invited() const { return *link::read_headers(agent.last<sip::event::Invited>().request); }
  sip::InviteRequest dial(const Region& region, std::string_view number, link::CallContext context, sip::Body offer,
                          std::string_view action = "dial;timeout=30", std::string_view features = {}) const {
    sip::InviteRequest request;
    request.uri = fmt::format("sip:{}@{}", number, region.gateway->link_addresses().front().to_string());
    request.from = "<sip:+15550199@router.example>";
    request.targets = {{sip::Protocol::tcp, region.gateway->link_addresses().front(), {}, 0}};
    request.body = std::move(offer);
    request.headers = headers(context, action, features);
    if (!features.empty()) request.headers.push_back({"Require", "local-bridge"});
    return request;
  }

  Agent agent;
};

}  // namespace nearend::gateway::test
