#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/gateway.hpp"
#include "media/clip_loader.hpp"
#include "media/loop_control.hpp"
#include "policy/http_client.hpp"
#include "policy_server/server.hpp"
#include "router/router.hpp"
#include "sim/phone.hpp"
#include "sim/world.hpp"
#include "store/memory.hpp"

namespace nearend::sim::test {

inline constexpr std::string_view platform_number = "+15550900", caller_number = "+15550111",
                                  callee_number = "+15550222";

/// What the platform of one run is made of: an edge region `eu` with the caller, the callee there or in `as`, a
/// policy server in `eu`, the router and its application server in `us`.
struct Plan {
  bool is_callee_far = false;
  bool has_router = true;
  bool has_relay = false;  ///< A media node in a third region, near both, by which talks may go.
  std::vector<std::string> features{"bridge", "play", "local-tts", "record", "collect", "hangup-on-star", "video"};
  std::vector<std::string> capabilities{"bridge", "play", "tts", "record", "collect"};
  std::chrono::milliseconds rtp_timeout{60'000};
  gateway::ReanchorBy reanchor = gateway::ReanchorBy::both;
  gateway::StarPath star = gateway::StarPath::router;
  bool has_arming = true;
  bool has_continuations = true;
  uint32_t steps_max = 1'000;
  std::string forward_to;                        ///< Set: the platform's number only forwards.
  std::map<std::string, std::string> documents;  ///< Path to TwiML; "/start" comes first.
  Phone::Options caller{.party = 1, .number = std::string(caller_number)};
  Phone::Options callee{.party = 2, .number = std::string(callee_number)};

  Plan& without_local_verbs() {
    features = {"bridge", "hangup-on-star"};
    capabilities = {"bridge"};
    return *this;
  }
};

/// What SIP over UDP suffers on the way between phones and gateways. RTP is left alone, so that every flaw heard is
/// ours.
struct AccessFaults {
  double loss = 0.05, duplicate = 0.02, reorder = 0.05;
};

/// A media node with what it needs, on a host's loop.
class Node {
 public:
  Node(Host& host, uint16_t port_first, std::vector<std::string> capabilities);
  media::LoopControl& control() { return *control_; }
  /// Anchors held at this moment.
  uint32_t anchors();

 private:
  io::Loop& loop_;
  media::NodeSettings settings_;
  media::LoopWorker worker_;
  std::unique_ptr<media::ClipLoader> loader_;
  std::unique_ptr<media::LoopControl> control_;
};

/// A region's edge: the real gateway with a real media node, a policy client and a journal.
struct Edge {
  Edge(Host& host, gateway::Settings settings, const Plan& plan, const policy::Topology& topology,
       std::string policy_url);
  Host& host;
  Node node;
  policy::HttpPolicyClient policy;
  gateway::MemoryJournal journal;
  gateway::Gateway gateway;
};

/// The router with the real interpreter, its media node and a store in memory.
struct Core {
  Core(Host& host, router::Settings settings, const policy::Topology& topology, std::string policy_url);
  Host& host;
  Node node;
  policy::HttpPolicyClient policy;
  store::MemoryStore store;
  store::MemoryLiveState live;
  router::Router router;
};

/// Everything of one run in one process: gateways, router, policy server, application server and two phones, each on a
/// host of its own in a world of one seed. Round trips are drawn from the seed.
class Platform {
 public:
  Platform(uint64_t seed, Plan plan, AccessFaults faults = {});
  ~Platform();
  Platform(const Platform&) = delete;

  World world;
  Plan plan;
  std::vector<std::string> failures;

  Phone& caller() { return *caller_; }
  Phone& callee() { return *callee_; }
  Edge& near() { return *near_; }
  Edge& far() { return far_ ? *far_ : *near_; }
  Core& core() { return *core_; }
  /// The media node of the third region.
  Node& relay() { return *relay_; }

  /// Notes a failure in words when `is_so` is false; gives `is_so` back.
  bool expect(bool is_so, std::string failure);
  void run(io::Duration length) { world.run_for(length); }
  template <class Condition>
  bool wait(Condition is_done, io::Duration limit, std::string_view what) {
    return expect(world.run_until(is_done, limit), std::string(what));
  }
  void call();
  /// Router, policy server and application server die at once.
  void kill_remote();

  /// RTP packets that went between different regions, phones counted with their gateway.
  uint64_t rtp_across() { return world.paths().counts_across_regions().rtp_packets; }
  /// Everything is over: nothing may be left, and the journal must be in order.
  void check_end(size_t legs_expected);
  size_t asked(const std::string& path) const;
  uint64_t faults_done() const { return faults_done_; }
  /// Events of a kind in all journals.
  std::vector<store::CallEvent> events(std::string_view kind = {}) const;
  /// What the policy server believes, as `GET /v1/state` tells it.
  json::object policy_state();
  double rtt_ms = 0;      ///< Between the edge and the router,
  double between_ms = 0;  ///< and between the edges.

 private:
  void set_paths();
  void set_faults(AccessFaults faults);
  void start_application();
  Task<http::Response> answer(http::ServerRequest request);
  gateway::Settings edge_settings(std::string_view name, std::string_view zone, const Host& host) const;
  void add_provider(gateway::Settings& settings, std::string name, const Host& phone, std::string prefix) const;
  router::Settings core_settings() const;
  void check_ledger(const std::vector<store::CallEvent>& all, size_t legs_expected);

  Random random_;
  uint64_t faults_done_ = 0;
  Host *caller_host_, *callee_host_, *near_host_, *far_host_ = nullptr, *relay_host_ = nullptr, *core_host_,
                                                  *policy_host_, *app_host_;
  policy::Topology topology_;
  std::unique_ptr<http::Server> application_;
  std::map<std::string, size_t> asked_;
  std::unique_ptr<policy_server::Server> policy_server_;
  std::unique_ptr<Node> relay_;
  std::unique_ptr<Core> core_;
  std::unique_ptr<Edge> near_, far_;
  std::unique_ptr<Phone> caller_, callee_;
};

}  // namespace nearend::sim::test
