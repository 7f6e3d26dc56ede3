#include "moves/talk.hpp"

namespace nearend::media::test {
namespace {

constexpr std::array names{"local-remote", "local-split", "local-direct", "relay-relay", "relay-node"};
constexpr uint32_t signalling_ms = 15;
constexpr auto bridge_to = [](const AnchorInfo& peer) { return Path{.kind = Path::Kind::bridge, .peer = peer.id}; };
constexpr Path inner{.kind = Path::Kind::inner};

std::optional<SrtpKeys> new_keys() {
  const auto send = srtp::MasterKey::random(srtp::Suite::aead_aes_128_gcm);
  const auto receive = srtp::MasterKey::random(srtp::Suite::aead_aes_128_gcm);
  if (!send || !receive) Site::fatal("no random keys");
  return SrtpKeys{.send = *send, .receive = *receive};
}

/// A path both ways over a router's node, whose two anchors are bridged.
struct Detour {
  Endpoint to_a, to_b;  ///< What the inner sides of both legs send to.
};

class LocalRemote : public Talk {
 public:
  LocalRemote(Site& site, Nodes& nodes, const Conditions& on, uint32_t number) : Talk(site, nodes, on, number) {
    over_ = detour(nodes.core, conditions.extra);
    face(nodes.near, leg_a, Side::inner, over_.to_a);
    face(nodes.near, leg_b, Side::inner, over_.to_b);
    connect(nodes.near, leg_a, bridge_to(leg_b));
  }

 protected:
  Detour detour(MediaNode& core, io::Duration extra) {
    const AnchorInfo ha = allocate(core, "ha", false), hb = allocate(core, "hb", false);
    Wire& to_a = wire(leg_a.streams[0].inner, ha.streams[0].outer, extra / 2);
    Wire& to_b = wire(leg_b.streams[0].inner, hb.streams[0].outer, extra / 2);
    face(core, ha, Side::outer, to_a.far());
    face(core, hb, Side::outer, to_b.far());
    connect(core, ha, bridge_to(hb));
    return {to_a.near(), to_b.near()};
  }
  void change(bool is_to_long) override {
    if (!is_to_long) return connect(nodes_.near, leg_a, bridge_to(leg_b));
    connect(nodes_.near, leg_a, inner);
    soon(signalling_ms, [this] { connect(nodes_.near, leg_b, inner); });
  }
  Detour over_;
};

class RelayRelay final : public LocalRemote {
 public:
  RelayRelay(Site& site, Nodes& nodes, const Conditions& on, uint32_t number)
      : LocalRemote(site, nodes, {.extra = {}, .jitter = on.jitter, .loss = on.loss}, number) {
    conditions = on;
    other_ = detour(nodes.other_core, on.extra);
    connect(nodes.near, leg_a, inner);
    connect(nodes.near, leg_b, inner);
  }

 private:
  void change(bool is_to_long) override {
    const Detour& over = is_to_long ? other_ : over_;
    face(nodes_.near, leg_a, Side::inner, over.to_a);
    soon(signalling_ms, [this, &over] { face(nodes_.near, leg_b, Side::inner, over.to_b); });
  }
  Detour other_;
};

class LocalSplit final : public Talk {
 public:
  LocalSplit(Site& site, Nodes& nodes, const Conditions& on, uint32_t number)
      : Talk(site, nodes, {.extra = {}, .jitter = on.jitter, .loss = on.loss}, number), number_(number) {
    connect(nodes.near, leg_a, bridge_to(leg_b));
  }

 private:
  void change(bool is_split) override {
    if (!is_split) return nodes_.near.control().stop(leg_a.id, job_);
    RecordRequest request{.legs = {leg_a.id, leg_b.id}, .is_dual = true};
    request.path_hint = fmt::format("split{}-{}", number_, ++count_);
    auto job = site_.wait(nodes_.near.control().record(leg_a.id, std::move(request)));
    if (job)
      job_ = *job;
    else
      ++site_.refused;
  }
  uint32_t number_, count_ = 0;
  JobId job_ = JobId::none;
};

class LocalDirect final : public Talk {
 public:
  LocalDirect(Site& site, Nodes& nodes, const Conditions& on, uint32_t number)
      : Talk(site, nodes, {.extra = {}, .jitter = on.jitter, .loss = on.loss}, number) {
    connect(nodes.near, leg_a, bridge_to(leg_b));
  }

 private:
  /// The endpoints are invited anew; each sends elsewhere when it has heard of it, and our side steps out when it has
  /// said so, or is back before the first of them.
  void change(bool is_direct) override {
    if (!is_direct) connect(nodes_.near, leg_a, bridge_to(leg_b));
    step(a(), is_direct ? b().local() : leg_a.streams[0].outer, leg_a, is_direct);
    step(b(), is_direct ? a().local() : leg_b.streams[0].outer, leg_b, is_direct);
  }
  void step(Talker& talker, const Endpoint& to, const AnchorInfo& leg, bool is_direct) {
    soon(40, [this, &talker, to, &leg, is_direct] {
      talker.talk_to(to);
      if (!is_direct) return;
      soon(signalling_ms,
           [this, &leg] { connect(nodes_.near, leg, {.kind = Path::Kind::idle, .has_comfort_noise = false}); });
    });
  }
};

class RelayNode final : public Talk {
 public:
  RelayNode(Site& site, Nodes& nodes, const Conditions& on, uint32_t number) : Talk(site, nodes, on, number) {
    leg_b = allocate(nodes.far, "far");
    face(nodes.far, leg_b, b());
    b().talk_to(leg_b.streams[0].outer);
    Wire& straight = wire(leg_a.streams[0].inner, leg_b.streams[0].inner, {});
    straight_ = {straight.near(), straight.far()};
    const AnchorInfo ha = allocate(nodes.core, "ha", false), hb = allocate(nodes.core, "hb", false);
    Wire& to_a = wire(leg_a.streams[0].inner, ha.streams[0].outer, on.extra / 2);
    Wire& to_b = wire(leg_b.streams[0].inner, hb.streams[0].outer, on.extra / 2);
    face(nodes.core, ha, Side::outer, to_a.far());
    face(nodes.core, hb, Side::outer, to_b.far());
    connect(nodes.core, ha, bridge_to(hb));
    over_ = {to_a.near(), to_b.near()};
    connect(nodes.near, leg_a, inner);
    connect(nodes.far, leg_b, inner);
    use(straight_);
  }
  MediaNode& node_of_b() override { return nodes_.far; }

 private:
  void use(const Detour& path) {
    face(nodes_.near, leg_a, Side::inner, path.to_a);
    soon(signalling_ms, [this, &path] { face(nodes_.far, leg_b, Side::inner, path.to_b); });
  }
  void change(bool is_to_long) override { use(is_to_long ? over_ : straight_); }
  Detour straight_, over_;
};

}  // namespace

std::string_view to_string(Kind kind) {
  return names[static_cast<size_t>(kind)];
}

std::optional<Kind> parse_kind(std::string_view name) {
  for (Kind kind : kinds)
    if (name == to_string(kind)) return kind;
  return std::nullopt;
}

std::unique_ptr<Talk> make_talk(Kind kind, Site& site, Nodes& nodes, const Conditions& conditions, uint32_t number) {
  switch (kind) {
    case Kind::local_remote:
      return std::make_unique<LocalRemote>(site, nodes, conditions, number);
    case Kind::local_split:
      return std::make_unique<LocalSplit>(site, nodes, conditions, number);
    case Kind::local_direct:
      return std::make_unique<LocalDirect>(site, nodes, conditions, number);
    case Kind::relay_relay:
      return std::make_unique<RelayRelay>(site, nodes, conditions, number);
    case Kind::relay_node:
      return std::make_unique<RelayNode>(site, nodes, conditions, number);
  }
  return nullptr;
}

Talk::Talk(Site& site, Nodes& nodes, const Conditions& on, uint32_t number)
    : conditions(on), site_(site), nodes_(nodes), number_(number) {
  // Half of loss and jitter is on the access lines, half on the way to another node.
  const Way access{.jitter = on.jitter / 2, .loss = on.loss / 2};
  const bool is_working = is_processing(site.tier());
  a_ = std::make_unique<Talker>(
      site,
      Talker::Options{
          .id = static_cast<uint8_t>(number * 2 + 1), .access = access, .keys = is_working ? new_keys() : std::nullopt},
      dropped_);
  b_ = std::make_unique<Talker>(site,
                                Talker::Options{.id = static_cast<uint8_t>(number * 2 + 2),
                                                .law = static_cast<uint8_t>(is_working ? 8 : 0),
                                                .access = access},
                                dropped_);
  leg_a = allocate(nodes.near, "a");
  leg_b = allocate(nodes.near, "b");
  face(nodes.near, leg_a, a());
  face(nodes.near, leg_b, b());
  a().talk_to(leg_a.streams[0].outer);
  b().talk_to(leg_b.streams[0].outer);
}

void Talk::move() {
  const bool is_to_long = marks.empty() || !marks.back().is_to_long;
  marks.push_back({.at = site_.loop().now(),
                   .is_to_long = is_to_long,
                   .was_in_kernel = nodes_.near.is_in_kernel(leg_a.streams[0].outer.port)});
  change(is_to_long);
}

std::vector<event::Moved> Talk::reports() const {
  return nodes_.near.told<event::Moved>(leg_a.id);
}

size_t Talk::digits_told(bool of_a) const {
  return nodes_.near.told<event::Digit>(of_a ? leg_a.id : leg_b.id).size();
}

AnchorInfo Talk::allocate(MediaNode& node, std::string_view what, bool has_inner) {
  AllocateRequest request;
  static uint32_t last = 0;
  request.leg = fmt::format("{}-{}-{}", number_, what, ++last);
  request.call = fmt::format("call{}", number_);
  request.has_inner = has_inner;
  return node.allocate(std::move(request));
}

void Talk::face(MediaNode& node, const AnchorInfo& anchor, Side side, const Endpoint& to, uint8_t law,
                const std::optional<SrtpKeys>& keys) {
  Remote remote{.rtp = to, .formats = telephone_formats(law), .srtp = keys};
  site_.order(node.control().set_remote(anchor.id, side, std::move(remote)));
}

void Talk::face(MediaNode& node, const AnchorInfo& anchor, const Talker& talker) {
  face(node, anchor, Side::outer, talker.local(), talker.options().law, talker.options().keys);
}

void Talk::connect(MediaNode& node, const AnchorInfo& anchor, Path path) {
  site_.order(node.control().connect(anchor.id, path));
}

Wire& Talk::wire(const Endpoint& near_end, const Endpoint& far_end, io::Duration delay) {
  const Way way{.delay = delay, .jitter = conditions.jitter / 4, .loss = conditions.loss / 4};
  wires_.push_back(std::make_unique<Wire>(site_, way, dropped_));
  wires_.back()->join(near_end, far_end);
  return *wires_.back();
}

void Talk::soon(uint32_t within_ms, std::function<void()> run) {
  const auto after = std::chrono::microseconds(site_.random(within_ms * 1000));
  site_.loop().start_timer(site_.loop().now() + after, [run = std::move(run)] { run(); });
}

}  // namespace nearend::media::test
