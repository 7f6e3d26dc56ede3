// The real server, driven through its HTTP interface: bodies as they come over the wire, time by its test clock.
#include <boost/json/array.hpp>

#include <deque>

#include "policy/wire.hpp"
#include "policy_server/server.hpp"
#include "policy_world/guide.hpp"
#include "sim/world.hpp"

namespace nearend::policy_world {
namespace {

std::string region_name(const World& world, int region) {
  return world.geography.regions[region].name;
}

std::string area_name(const World& world, int area) {
  constexpr std::string_view kinds[] = {"-carrier", "-fixed", "-mobile"};
  return region_name(world, world.weather.areas()[area].region) + std::string(kinds[area % 3]);
}

policy::Topology topology_of(const World& world) {
  policy::Topology topology;
  for (const auto& gateway : world.fleet.gateways) {
    if (gateway.name.ends_with("-home")) continue;
    policy::GatewayEntry entry;
    entry.name = gateway.name;
    entry.region = region_name(world, gateway.region);
    entry.link_uri = "sip:" + gateway.name + ".example:5070;transport=tcp";
    entry.features = {"bridge"};
    entry.prefixes = {""};
    entry.capacity = static_cast<uint32_t>(gateway.capacity);
    topology.gateways.push_back(std::move(entry));
  }
  for (size_t a = 0; a < world.geography.regions.size(); ++a)
    for (size_t b = a + 1; b < world.geography.regions.size(); ++b)
      topology.rtts.push_back(
          {world.geography.regions[a].name, world.geography.regions[b].name, world.geography.regions[a].rtt_ms[b]});
  return topology;
}

class PolicyGuide : public Guide {
 public:
  PolicyGuide(PolicyPlan plan, const World& world)
      : plan_(std::move(plan)), world_(world), topology_(topology_of(world)) {
    for (int i = 0; i < plan_.instances; ++i) servers_.push_back(make_server(servers_.size()));
    for (size_t area = 0; area < world.weather.areas().size(); ++area)
      area_instances_.push_back(instance_of(world.nearest(static_cast<int>(area), 1).front()));
    for (size_t i = 0; i < world.fleet.gateways.size(); ++i) ids_[world.fleet.gateways[i].name] = static_cast<int>(i);
  }

  Route choose(const PlannedCall& call, size_t id, double at_s, const Route& refused) override {
    json::object body = question(call, id, at_s);
    json::array exclude;
    for (const int gateway : refused) exclude.emplace_back(world_.fleet.gateways[gateway].name);
    if (!exclude.empty()) body["exclude"] = std::move(exclude);
    auto answer = policy::route_answer_from(ask(area_instances_[call.a], "/v1/routes", std::move(body)));
    answered_ = answer ? std::move(*answer) : policy::RouteAnswer{};
    return route_of(answered_.hops);
  }

  std::optional<Route> move(const PlannedCall& call, size_t id, double at_s, const Route& current,
                            const policy::Estimate& heard) override {
    json::object body = question(call, id, at_s);
    json::array gateways;
    for (const int gateway : current) gateways.emplace_back(world_.fleet.gateways[gateway].name);
    body["current"] = std::move(gateways);
    body["observed"] =
        json::object{{"rtt_ms", 2 * heard.delay_ms}, {"loss", heard.loss}, {"jitter_ms", heard.jitter_ms}};
    auto answer = policy::reroute_answer_from(ask(area_instances_[call.a], "/v1/routes/reroute", std::move(body)));
    if (!answer || answer->stays) return std::nullopt;
    answered_ = std::move(answer->route);
    return route_of(answered_.hops);
  }

  const policy::RouteAnswer* answered() const override { return &answered_; }
  const std::string& failure() const override { return failure_; }
  bool wants_reports() const override { return true; }
  void report(int second, std::vector<policy::GatewayReport> reports) override {
    if (plan_.has_restart && second == world_.plan.seconds / 2) servers_.back() = make_server(servers_.size() - 1);
    std::vector<json::array> by_instance(servers_.size());
    for (const auto& report : reports)
      by_instance[instance_of(world_.fleet.gateways[ids_.at(report.gateway)].region)].push_back(
          policy::to_json(report));
    for (size_t i = 0; i < servers_.size(); ++i)
      if (!by_instance[i].empty())
        on_the_way_.push_back({second + plan_.own_late_s, i, "/v1/reports", {{"reports", std::move(by_instance[i])}}});
    deliver(second);
    // What has come by now goes to the others; how late they hear it is on top of how late it was heard here.
    const int on_top_s = std::max(0, plan_.others_late_s - plan_.own_late_s);
    for (size_t from = 0; from < servers_.size() && servers_.size() > 1; ++from) {
      const auto summary = parse_json(servers_[from]->summary((second + 1) * 1000LL));
      for (size_t to = 0; to < servers_.size(); ++to)
        if (to != from) on_the_way_.push_back({second + on_top_s, to, "/v1/exchange", summary->get_object()});
    }
    if (on_top_s == 0) deliver(second);
  }

  std::string remark() const override {
    if (!plan_.is_replayed) return {};
    auto again = make_server(0);
    size_t different = 0;
    for (const auto& [request, answer] : record_) different += again->respond(request, 0).body != answer;
    return fmt::format("{} of {} answers differ when replayed", different, record_.size());
  }

 private:
  struct Letter {
    int due_s = 0;
    size_t to = 0;
    std::string path;
    json::object body;
  };

  void deliver(int second) {
    std::erase_if(on_the_way_, [&](Letter& letter) {
      if (letter.due_s > second) return false;
      letter.body["now_ms"] = (second + 1) * 1000LL;
      ask(letter.to, std::move(letter.path), std::move(letter.body));
      return true;
    });
  }

  std::unique_ptr<policy_server::Server> make_server(size_t instance) const {
    policy_server::Settings settings;
    settings.name = fmt::format("policy{}", instance);
    settings.takes_test_clock = true;
    settings.mode = plan_.mode == "static"    ? policy::Mode::static_rules
                    : plan_.mode == "generic" ? policy::Mode::generic
                                              : policy::Mode::quality;
    settings.silent_after = std::chrono::seconds(plan_.others_late_s > 0 ? 8 : 3);
    return std::make_unique<policy_server::Server>(host_.loop(), host_.http_servers(), settings, topology_);
  }
  size_t instance_of(int region) const { return static_cast<size_t>(region) % static_cast<size_t>(plan_.instances); }

  json::object question(const PlannedCall& call, size_t id, double at_s) const {
    return {{"call", fmt::format("CA{}", id)},
            {"now_ms", static_cast<int64_t>(at_s * 1000)},
            {"media", "audio"},
            {"codecs", json::array{"PCMU"}},
            {"a", json::object{{"kind", "pstn"}, {"area", area_name(world_, call.a)}}},
            {"b", json::object{{"kind", "pstn"}, {"area", area_name(world_, call.b)}}}};
  }

  json::value ask(size_t instance, std::string path, json::object body) {
    http::ServerRequest request{.method = "POST", .target = path, .path = path, .body = to_json(body)};
    const http::Response response = servers_[instance]->respond(request, 0);
    if (response.status != 200) {
      failure_ = fmt::format("{} {}: {}", path, response.status, response.body);
      return {};
    }
    auto answer = parse_json(response.body);
    if (plan_.is_replayed && instance == 0) record_.emplace_back(std::move(request), response.body);
    return answer ? *answer : json::value{};
  }

  Route route_of(const std::vector<policy::RouteChoice>& hops) const {
    Route route;
    for (const auto& hop : hops) route.push_back(ids_.at(hop.gateway));
    return route;
  }

  PolicyPlan plan_;
  const World& world_;
  policy::Topology topology_;
  sim::World machine_{1};
  sim::Host& host_ = machine_.add_host("policy", "here");
  std::vector<std::unique_ptr<policy_server::Server>> servers_;
  std::vector<size_t> area_instances_;
  std::map<std::string, int, std::less<>> ids_;
  std::vector<Letter> on_the_way_;
  policy::RouteAnswer answered_;
  std::string failure_;
  std::vector<std::pair<http::ServerRequest, std::string>> record_;
};

}  // namespace

std::unique_ptr<Guide> make_policy(const PolicyPlan& plan, const World& world) {
  return std::make_unique<PolicyGuide>(plan, world);
}

}  // namespace nearend::policy_world
