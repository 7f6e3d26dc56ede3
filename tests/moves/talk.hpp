#pragma once

#include "moves/talker.hpp"

namespace nearend::media::test {

/// How the media of a talk moves, there and back.
enum class Kind : uint8_t {
  local_remote,  ///< Bridge in the gateway's node <-> over the router's node and back.
  local_split,   ///< Bridge <-> bridge with a recorder of both.
  local_direct,  ///< Bridge <-> telephone to telephone.
  relay_relay,   ///< Over one router's node <-> over another's.
  relay_node,    ///< Straight between the nodes of two gateways <-> over the router's node.
};
inline constexpr std::array kinds{Kind::local_remote, Kind::local_split, Kind::local_direct, Kind::relay_relay,
                                  Kind::relay_node};
std::string_view to_string(Kind kind);
std::optional<Kind> parse_kind(std::string_view name);

/// The nodes of a run: two gateways' and two routers'.
struct Nodes {
  explicit Nodes(Site& site) : near(site, 20000), far(site, 22000), core(site, 24000), other_core(site, 26000) {}
  MediaNode near, far, core, other_core;
};

/// The network of a talk. The long path is `extra` longer than the short one, one way.
struct Conditions {
  io::Duration extra{0}, jitter{0};
  double loss = 0;
};

/// Two telephones that talk all the time, and media that moves under them.
class Talk {
 public:
  struct Mark {
    io::Instant at;
    bool is_to_long = false;
    bool was_in_kernel = false;
  };
  virtual ~Talk() = default;
  Talk(Site& site, Nodes& nodes, const Conditions& conditions, uint32_t number);
  /// Moves it there or back; notes when.
  void move();

  Talker& a() { return *a_; }
  Talker& b() { return *b_; }
  const Dropped& dropped() const { return dropped_; }
  std::vector<Mark> marks;
  Conditions conditions;
  /// What the nodes told of its moves.
  std::vector<event::Moved> reports() const;
  /// Digits that the nodes told of the leg.
  size_t digits_told(bool of_a) const;
  AnchorInfo leg_a, leg_b;
  Nodes& nodes() { return nodes_; }
  virtual MediaNode& node_of_b() { return nodes_.near; }

 protected:
  virtual void change(bool is_to_long) = 0;
  AnchorInfo allocate(MediaNode& node, std::string_view what, bool has_inner = true);
  void face(MediaNode& node, const AnchorInfo& anchor, Side side, const Endpoint& to, uint8_t law = 0,
            const std::optional<SrtpKeys>& keys = std::nullopt);
  void face(MediaNode& node, const AnchorInfo& anchor, const Talker& talker);
  void connect(MediaNode& node, const AnchorInfo& anchor, Path path);
  /// The stretch between two sides of two anchors; the long one takes half of `extra` where it is passed twice.
  Wire& wire(const Endpoint& near_end, const Endpoint& far_end, io::Duration delay);
  /// Signalling takes its time, and no two legs' alike.
  void soon(uint32_t within_ms, std::function<void()> run);

  Site& site_;
  Nodes& nodes_;

 private:
  uint32_t number_;
  Dropped dropped_;
  std::vector<std::unique_ptr<Wire>> wires_;
  std::unique_ptr<Talker> a_, b_;
};

std::unique_ptr<Talk> make_talk(Kind kind, Site& site, Nodes& nodes, const Conditions& conditions, uint32_t number);

}  // namespace nearend::media::test
