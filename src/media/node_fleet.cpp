#include "media/node_fleet.hpp"

#include <algorithm>

#include "telemetry/log.hpp"
#include "telemetry/metrics.hpp"

namespace nearend::media {
namespace {

// A node numbers its anchors by a slot in the lower half of the id; the upper eight bits of that are ours.
constexpr int node_shift = 24;
constexpr uint64_t node_mask = uint64_t{0xff} << node_shift;

AnchorId outside(size_t node, AnchorId anchor) {
  return static_cast<AnchorId>(static_cast<uint64_t>(anchor) | (uint64_t{node} << node_shift));
}
AnchorId bare(AnchorId anchor) {
  return static_cast<AnchorId>(static_cast<uint64_t>(anchor) & ~node_mask);
}
size_t number_of(AnchorId anchor) {
  return static_cast<size_t>((static_cast<uint64_t>(anchor) & node_mask) >> node_shift);
}

bool has_all(const std::vector<std::string>& capabilities, const std::vector<std::string>& wanted) {
  return std::ranges::all_of(wanted, [&](const auto& one) { return std::ranges::count(capabilities, one) != 0; });
}

bool has_room(const NodeState& state, const std::vector<std::string>& wanted) {
  return std::ranges::all_of(state.resources, [&](const NodeState::Resource& one) {
    return one.used < one.max || one.max == 0 || std::ranges::count(wanted, one.name) == 0;
  });
}

void add_resources(std::vector<NodeState::Resource>& all, const std::vector<NodeState::Resource>& more) {
  for (const NodeState::Resource& one : more) {
    const auto known = std::ranges::find(all, one.name, &NodeState::Resource::name);
    if (known == all.end()) {
      all.push_back(one);
      continue;
    }
    known->used += one.used;
    known->max += one.max;
  }
}

std::unexpected<Error> gone(AnchorId anchor) {
  return fail(Error::Kind::not_found, "anchor {:x} is on no media node", static_cast<uint64_t>(anchor));
}

}  // namespace

NodeFleet::NodeFleet(io::Loop& loop, std::vector<std::unique_ptr<HttpControl>> nodes) : loop_(loop) {
  for (auto& control : nodes) {
    const size_t number = nodes_.size();
    if (number >= nodes_max) break;
    control->set_event_handler(
        [this, number](AnchorId anchor, Event event) { on_event(number, anchor, std::move(event)); });
    control->set_watcher([this] { review(); });
    nodes_.push_back({.control = std::move(control)});
  }
}

NodeFleet::~NodeFleet() = default;

HttpControl* NodeFleet::node_of(AnchorId anchor) const {
  const size_t number = number_of(anchor);
  return number < nodes_.size() ? nodes_[number].control.get() : nullptr;
}

double NodeFleet::load_of(size_t node) const {
  const NodeState& state = nodes_[node].control->last_state();
  const double here = static_cast<double>(nodes_[node].control->anchors()) / std::max(state.anchors_max, 1U);
  return std::max(state.load, here);
}

/// The best first. Where a leg of the call is already, its others must be.
std::vector<size_t> NodeFleet::candidates(const AllocateRequest& request) const {
  const auto call = request.call.empty() ? calls_.end() : calls_.find(request.call);
  if (call != calls_.end() && nodes_[call->second.node].control->is_reachable()) return {call->second.node};
  std::vector<Candidate> able;
  for (size_t i = 0; i < nodes_.size(); ++i) {
    const HttpControl& node = *nodes_[i].control;
    if (!node.is_reachable() || !has_all(node.last_state().capabilities, request.needs)) continue;
    able.push_back({.lacks_wanted = !has_all(node.last_state().capabilities, request.wants) ||
                                    !has_room(node.last_state(), request.wants),
                    .load = load_of(i),
                    .node = i});
  }
  std::ranges::sort(able);
  std::vector<size_t> numbers;
  for (const Candidate& one : able) numbers.push_back(one.node);
  return numbers;
}

Error NodeFleet::refusal(const AllocateRequest& request) const {
  const auto is_reachable = [](const Node& node) { return node.control->is_reachable(); };
  const auto reachable = std::ranges::count_if(nodes_, is_reachable);
  if (reachable == 0)
    return {Error::Kind::unavailable, fmt::format("none of the {} media nodes is reachable: {}", nodes_.size(),
                                                  nodes_.empty() ? "" : nodes_.front().control->trouble())};
  return {Error::Kind::unsupported, fmt::format("none of the {} reachable media nodes has all of: {}", reachable,
                                                fmt::join(request.needs, ", "))};
}

Task<Result<AnchorInfo>> NodeFleet::allocate(AllocateRequest request) {
  Result<AnchorInfo> outcome = std::unexpected(refusal(request));
  const std::vector<size_t> able = candidates(request);
  const std::string call = request.call;
  for (const size_t number : able) {
    // Named before the node has answered: the call's other leg may be asked for meanwhile.
    Call& placed = calls_.try_emplace(call, Call{.node = number}).first->second;
    if (placed.node != number) placed = {.node = number};
    ++placed.anchors;
    AllocateRequest asked = request;
    if (asked.path && asked.path->kind == Path::Kind::bridge) {
      if (number_of(asked.path->peer) != number) {
        leave_call(call, number);
        co_return fail(Error::Kind::invalid, "path: its peer is on another media node");
      }
      asked.path->peer = bare(asked.path->peer);
    }
    outcome = co_await nodes_[number].control->allocate(std::move(asked));
    if (outcome && static_cast<uint64_t>(bare(outcome->id)) != static_cast<uint64_t>(outcome->id)) {
      nodes_[number].control->release(outcome->id);
      outcome = fail(Error::Kind::internal, "media node {} numbers its anchors otherwise", outcome->node);
    }
    if (outcome) {
      outcome->id = outside(number, outcome->id);
      if (const bool is_known = !anchors_.emplace(outcome->id, call).second; is_known) leave_call(call, number);
      co_return outcome;
    }
    leave_call(call, number);
    const auto kind = outcome.error().kind;
    if (kind != Error::Kind::unavailable && kind != Error::Kind::timeout) break;
  }
  co_return outcome;
}

void NodeFleet::leave_call(const std::string& call, size_t node) {
  const auto found = calls_.find(call);
  if (found != calls_.end() && found->second.node == node && --found->second.anchors == 0) calls_.erase(found);
}

void NodeFleet::leave_room(AnchorId anchor) {
  const auto seat = seats_.find(anchor);
  if (seat == seats_.end()) return;
  if (const auto room = rooms_.find(seat->second); room != rooms_.end() && --room->second.legs == 0) rooms_.erase(room);
  seats_.erase(seat);
}

void NodeFleet::forget(AnchorId anchor) {
  leave_room(anchor);
  const auto found = anchors_.find(anchor);
  if (found == anchors_.end()) return;
  leave_call(found->second, number_of(anchor));
  anchors_.erase(found);
}

void NodeFleet::on_event(size_t node, AnchorId anchor, Event event) {
  const AnchorId known = anchor == AnchorId::none ? anchor : outside(node, anchor);
  if (!std::holds_alternative<event::Lost>(event)) {
    if (handler_) handler_(known, std::move(event));
    return;
  }
  // Told when all that went with it are forgotten: who is told asks for another at once.
  forget(known);
  loop_.post([this, alive = std::weak_ptr(is_alive_), known, event = std::move(event)]() mutable {
    if (!alive.expired() && handler_) handler_(known, std::move(event));
  });
}

/// Where no other node is there, a talk on one that does not answer may still be a talk: its media needs nobody. One
/// that has answered since that one stopped is there; one that has not may be lost to us as well.
void NodeFleet::review() {
  for (Node& node : nodes_) {
    HttpControl& lost = *node.control;
    if (lost.is_reachable() || lost.anchors() == 0) continue;
    const bool has_other = std::ranges::any_of(nodes_, [&](const Node& other) {
      return other.control->is_reachable() && other.control->heard() > lost.missed_since();
    });
    if (!has_other) continue;
    telemetry::warn("media_node_lost", {{"node", lost.url()}, {"anchors", lost.anchors()}});
    telemetry::counter("nearend_media_nodes_lost_total").add();
    lost.give_up("media node lost");
  }
}

template <class T, class... Args>
Task<Result<T>> NodeFleet::pass_on(AnchorId anchor, Task<Result<T>> (HttpControl::*command)(AnchorId, Args...),
                                   std::type_identity_t<Args>... args) {
  HttpControl* node = node_of(anchor);
  if (node == nullptr) co_return gone(anchor);
  auto answer = co_await (node->*command)(bare(anchor), std::move(args)...);
  co_return answer;
}

Task<Result<void>> NodeFleet::set_remote(AnchorId anchor, Side side, Remote remote) {
  return pass_on(anchor, &HttpControl::set_remote, side, std::move(remote));
}

Result<Path> NodeFleet::inside(AnchorId anchor, Path path) const {
  if (path.kind != Path::Kind::bridge) return path;
  if (number_of(path.peer) != number_of(anchor))
    return fail(Error::Kind::invalid, "peer: {:x} is on another media node", static_cast<uint64_t>(path.peer));
  path.peer = bare(path.peer);
  return path;
}

Task<Result<void>> NodeFleet::connect(AnchorId anchor, Path path) {
  HttpControl* node = node_of(anchor);
  if (node == nullptr) co_return gone(anchor);
  auto there = inside(anchor, path);
  if (!there) co_return pass(there);
  auto connected = co_await node->connect(bare(anchor), *there);
  co_return connected;
}

Task<Result<void>> NodeFleet::arm(AnchorId anchor, Path path) {
  HttpControl* node = node_of(anchor);
  if (node == nullptr) co_return gone(anchor);
  auto there = inside(anchor, path);
  if (!there) co_return pass(there);
  auto armed = co_await node->arm(bare(anchor), *there);
  co_return armed;
}

void NodeFleet::open(AnchorId anchor) {
  if (HttpControl* node = node_of(anchor)) node->open(bare(anchor));
}

Task<Result<JobId>> NodeFleet::play(AnchorId anchor, PlayRequest request) {
  return pass_on(anchor, &HttpControl::play, std::move(request));
}

Task<Result<JobId>> NodeFleet::record(AnchorId anchor, RecordRequest request) {
  HttpControl* node = node_of(anchor);
  if (node == nullptr) co_return gone(anchor);
  for (AnchorId& leg : request.legs) {
    if (number_of(leg) != number_of(anchor))
      co_return fail(Error::Kind::invalid, "legs: {:x} is on another media node", static_cast<uint64_t>(leg));
    leg = bare(leg);
  }
  auto job = co_await node->record(bare(anchor), std::move(request));
  co_return job;
}

Task<Result<JobId>> NodeFleet::collect(AnchorId anchor, CollectRequest request) {
  return pass_on(anchor, &HttpControl::collect, std::move(request));
}

Task<Result<JobId>> NodeFleet::tap(AnchorId anchor, TapRequest request) {
  return pass_on(anchor, &HttpControl::tap, std::move(request));
}

Task<Result<std::string>> NodeFleet::capture(AnchorId anchor, JobId job) {
  return pass_on(anchor, &HttpControl::capture, job);
}

Task<Result<void>> NodeFleet::seat(AnchorId anchor, Seat seat) {
  HttpControl* node = node_of(anchor);
  if (node == nullptr) co_return gone(anchor);
  if (seat.coached != AnchorId::none && number_of(seat.coached) != number_of(anchor))
    co_return fail(Error::Kind::invalid, "coached: {:x} is on another media node", static_cast<uint64_t>(seat.coached));
  seat.coached = bare(seat.coached);
  // Two halves of a room that do not hear each other would be worse than a refusal.
  const auto room = rooms_.find(seat.room);
  if (room != rooms_.end() && room->second.node != number_of(anchor))
    co_return fail(Error::Kind::unavailable, "room {} is on another media node than the leg", seat.room);
  leave_room(anchor);
  if (!seat.room.empty()) {
    Room& entered = rooms_[seat.room];
    entered.node = number_of(anchor);
    ++entered.legs;
    seats_[anchor] = seat.room;
  }
  auto taken = co_await node->seat(bare(anchor), std::move(seat));
  if (!taken) leave_room(anchor);
  co_return taken;
}

Task<Result<JobId>> NodeFleet::listen(AnchorId anchor, ListenRequest request) {
  return pass_on(anchor, &HttpControl::listen, std::move(request));
}

Task<Result<JobId>> NodeFleet::stream(AnchorId anchor, StreamRequest request) {
  return pass_on(anchor, &HttpControl::stream, std::move(request));
}

Task<Result<void>> NodeFleet::change(AnchorId anchor, JobId job, JobChange change) {
  return pass_on(anchor, &HttpControl::change, job, std::move(change));
}

void NodeFleet::stop(AnchorId anchor, JobId job) {
  if (HttpControl* node = node_of(anchor)) node->stop(bare(anchor), job);
}

/// It is not known yet which of them will play it.
void NodeFleet::prefetch(std::string url) {
  for (Node& node : nodes_)
    if (node.control->is_reachable()) node.control->prefetch(url);
}

void NodeFleet::watch_silence(AnchorId anchor, milliseconds after) {
  if (HttpControl* node = node_of(anchor)) node->watch_silence(bare(anchor), after);
}

Task<Result<std::vector<StreamStats>>> NodeFleet::stats(AnchorId anchor) {
  return pass_on(anchor, &HttpControl::stats);
}

Task<Result<std::vector<LegSecond>>> NodeFleet::seconds() {
  std::vector<LegSecond> all;
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (!nodes_[i].control->is_reachable()) continue;
    auto part = co_await nodes_[i].control->seconds();
    if (!part) continue;
    for (LegSecond& second : *part) {
      second.anchor = outside(i, second.anchor);
      all.push_back(second);
    }
  }
  co_return all;
}

void NodeFleet::renew(AnchorId anchor, std::chrono::seconds lease) {
  if (HttpControl* node = node_of(anchor)) node->renew(bare(anchor), lease);
}

void NodeFleet::release(AnchorId anchor) {
  forget(anchor);
  if (HttpControl* node = node_of(anchor)) node->release(bare(anchor));
}

Task<Result<NodeState>> NodeFleet::state() {
  NodeState all;
  bool is_any = false;
  for (const Node& node : nodes_) {
    if (!node.control->is_reachable()) continue;
    const NodeState& one = node.control->last_state();
    all.load = is_any ? std::min(all.load, one.load) : one.load;  // where the next call goes
    is_any = true;
    all.anchors += one.anchors;
    all.anchors_max += one.anchors_max;
    add_resources(all.resources, one.resources);
    for (const std::string& capability : one.capabilities)
      if (std::ranges::count(all.capabilities, capability) == 0) all.capabilities.push_back(capability);
  }
  if (!is_any) co_return std::unexpected(refusal({}));
  co_return all;
}

Task<Result<RecordingPiece>> NodeFleet::read_recording(std::string name, uint64_t offset) {
  Result<RecordingPiece> piece = fail(Error::Kind::not_found, "no media node has recording {}", name);
  for (const Node& node : nodes_) {
    if (!node.control->is_reachable()) {
      piece = fail(Error::Kind::unavailable, "media node {} may have recording {}", node.control->url(), name);
      continue;
    }
    auto found = co_await node.control->read_recording(name, offset);
    if (found || found.error().kind != Error::Kind::not_found) co_return found;
  }
  co_return piece;
}

Task<Result<void>> NodeFleet::remove_recording(std::string name) {
  Result<void> removed = fail(Error::Kind::not_found, "no media node has recording {}", name);
  for (const Node& node : nodes_) {
    if (!node.control->is_reachable()) continue;
    auto done = co_await node.control->remove_recording(name);
    if (done || done.error().kind != Error::Kind::not_found) co_return done;
  }
  co_return removed;
}

}  // namespace nearend::media
