#include "media/http_control.hpp"

#include "base/crypto.hpp"
#include "base/text.hpp"
#include "http/peer_signature.hpp"
#include "media/control_json.hpp"
#include "telemetry/log.hpp"

namespace nearend::media {

using namespace std::chrono_literals;

namespace {

constexpr milliseconds command_timeout{5000};
constexpr milliseconds poll_wait{20'000};
constexpr size_t capture_limit = 2 * capture_bytes_max;  // in Base64, with what is around it
constexpr size_t seconds_limit = 16 << 20;              // of 100,000 legs
constexpr milliseconds poll_rest{500};
constexpr int pulses_missed_max = 3;
constexpr int tries_max = 4;
constexpr milliseconds try_timeout{2000}, retry_rest{50};

std::string anchor_target(AnchorId anchor, std::string_view rest) {
  const std::string id = id_text(static_cast<uint64_t>(anchor));
  return rest.empty() ? fmt::format("/v1/media/anchors/{}", id) : fmt::format("/v1/media/anchors/{}/{}", id, rest);
}

}  // namespace

HttpControl::HttpControl(io::Loop& loop, http::Client& client, Settings settings)
    : loop_(loop),
      client_(client),
      settings_(std::move(settings)),
      name_(settings_.client.empty() ? id_text(loop.random()) : settings_.client),
      run_(id_text(loop.random())),
      heard_(loop.now()),
      doubts_(loop, 1),
      tasks_(loop) {
  while (settings_.url.ends_with('/')) settings_.url.pop_back();
  tasks_.spawn(feel_pulse());
  tasks_.spawn(poll());
  tasks_.spawn(keep_leases());
}

HttpControl::~HttpControl() = default;

Task<HttpControl::Answer> HttpControl::send(std::string method, std::string target, std::string body,
                                            milliseconds timeout, size_t body_limit) {
  http::Request request{
      .method = std::move(method), .url = settings_.url + target, .body = std::move(body), .pool = "media-control"};
  request.total_timeout = timeout;
  request.body_limit = body_limit;
  if (!request.body.empty()) request.headers.emplace_back("Content-Type", "application/json");
  const bool is_command = request.method != "GET";
  if (is_command) request.headers.emplace_back("Idempotency-Key", fmt::format("{}-{:x}", run_, ++last_key_));
  const io::Instant deadline = loop_.now() + timeout;
  auto response = co_await send_once(request, target);
  for (int tries = 1; is_command && tries < tries_max && !response && is_reachable_; ++tries) {
    const auto kind = response.error().kind;
    if (kind != Error::Kind::unavailable && kind != Error::Kind::timeout && kind != Error::Kind::malformed) break;
    doubts_.push(true);
    co_await io::sleep_for(loop_, retry_rest);
    request.total_timeout = std::chrono::duration_cast<milliseconds>(deadline - loop_.now());
    if (request.total_timeout < 1ms) break;
    response = co_await send_once(request, target);
  }
  if (!response) co_return fail(response.error().kind, "media node {}: {}", settings_.url, response.error().text);
  if (response->status == 204) co_return json::value(nullptr);
  auto answer = parse_json(response->body);
  if (!answer)
    co_return fail(Error::Kind::internal, "media node {} answered {} without JSON", settings_.url, response->status);
  if (response->status / 100 != 2) co_return std::unexpected(read_error(*answer));
  co_return std::move(*answer);
}

Task<Result<http::Response>> HttpControl::send_once(http::Request request, std::string target) {
  if (request.method != "GET") request.total_timeout = std::min(request.total_timeout, try_timeout);
  if (!settings_.peer_key.empty())
    request.headers.emplace_back(
        http::peer_signature_header,
        http::sign_for_peer(settings_.peer_key, request.method, target, request.body, loop_.wall_ms() / 1000));
  auto response = co_await client_.send(std::move(request));
  co_return response;
}

bool HttpControl::enqueue(AnchorId anchor, Command command) {
  Lane& lane = lanes_[anchor];
  if (lane.queue.size() >= queue_max) return false;
  lane.queue.push_back(std::move(command));
  if (!lane.is_running) {
    lane.is_running = true;
    tasks_.spawn(run_lane(anchor));
  }
  return true;
}

Task<void> HttpControl::run_lane(AnchorId anchor) {
  while (!lanes_[anchor].queue.empty()) {
    Command command = std::move(lanes_[anchor].queue.front());
    lanes_[anchor].queue.pop_front();
    auto answer =
        co_await send(std::move(command.method), std::move(command.target), std::move(command.body), command_timeout);
    if (command.reply)
      command.reply->set(std::move(answer));
    else if (!answer)
      telemetry::warn("media_command_failed",
                      {{"anchor", id_text(static_cast<uint64_t>(anchor))}, {"error", answer.error().text}});
  }
  lanes_.erase(anchor);
}

Task<HttpControl::Answer> HttpControl::ask(AnchorId anchor, std::string method, std::string target, json::value body) {
  io::Reply<Answer> reply(loop_);
  std::string text = body.is_null() ? std::string() : to_json(body);
  if (!enqueue(anchor, {std::move(method), std::move(target), std::move(text), reply}))
    co_return fail(Error::Kind::unavailable, "{} commands to the media node wait already", queue_max);
  auto answer = co_await reply.wait();
  co_return std::move(*answer);
}

void HttpControl::tell(AnchorId anchor, std::string method, std::string target, json::value body) {
  std::string text = body.is_null() ? std::string() : to_json(body);
  if (!enqueue(anchor, {std::move(method), std::move(target), std::move(text), std::nullopt}))
    telemetry::warn("media_command_dropped", {{"anchor", id_text(static_cast<uint64_t>(anchor))}});
}

Task<Result<AnchorInfo>> HttpControl::allocate(AllocateRequest request) {
  const bool is_renewed = request.lease.count() == 0;
  if (is_renewed) request.lease = own_lease;
  json::value body = to_value(request);
  body.get_object()["client"] = name_;
  std::string text = to_json(body);
  auto answer = co_await send("POST", "/v1/media/anchors", std::move(text), command_timeout);
  if (!answer) co_return pass(answer);
  auto info = read_anchor_info(*answer);
  if (!info) co_return info;
  info->node = settings_.url;
  anchors_[info->id] = is_renewed;
  given_up_.erase(info->id);  // the same leg again: the node had kept it
  co_return info;
}

Task<Result<void>> HttpControl::put(AnchorId anchor, std::string what, json::value body) {
  std::string target = anchor_target(anchor, what);
  auto answer = co_await ask(anchor, "PUT", std::move(target), std::move(body));
  if (!answer) co_return pass(answer);
  co_return Result<void>{};
}

Task<Result<JobId>> HttpControl::start(AnchorId anchor, std::string what, json::value body) {
  std::string target = anchor_target(anchor, what);
  auto answer = co_await ask(anchor, "POST", std::move(target), std::move(body));
  if (!answer) co_return pass(answer);
  if (!answer->is_object()) co_return fail(Error::Kind::internal, "the media node answered without a job");
  auto job = parse_id(json_string_or(answer->get_object(), "job", ""));
  if (!job) co_return pass(job);
  co_return static_cast<JobId>(*job);
}

Task<Result<void>> HttpControl::set_remote(AnchorId anchor, Side side, Remote remote) {
  return put(anchor, fmt::format("remotes/{}", to_string(side)), to_value(remote));
}
Task<Result<void>> HttpControl::connect(AnchorId anchor, Path path) {
  return put(anchor, "path", to_value(path));
}
Task<Result<void>> HttpControl::arm(AnchorId anchor, Path path) {
  return put(anchor, "armed", to_value(path));
}
void HttpControl::open(AnchorId anchor) {
  tell(anchor, "POST", anchor_target(anchor, "open"), nullptr);
}
Task<Result<void>> HttpControl::seat(AnchorId anchor, Seat seat) {
  return put(anchor, "seat", to_value(seat));
}
Task<Result<JobId>> HttpControl::play(AnchorId anchor, PlayRequest request) {
  return start(anchor, "play", to_value(request));
}
Task<Result<JobId>> HttpControl::record(AnchorId anchor, RecordRequest request) {
  return start(anchor, "record", to_value(request));
}
Task<Result<JobId>> HttpControl::collect(AnchorId anchor, CollectRequest request) {
  return start(anchor, "collect", to_value(request));
}

Task<Result<JobId>> HttpControl::tap(AnchorId anchor, TapRequest request) {
  return start(anchor, "tap", to_value(request));
}

Task<Result<std::string>> HttpControl::capture(AnchorId anchor, JobId job) {
  std::string target = anchor_target(anchor, fmt::format("jobs/{}/capture", id_text(static_cast<uint64_t>(job))));
  std::string nothing;
  auto answer = co_await send("GET", std::move(target), std::move(nothing), command_timeout, capture_limit);
  if (!answer) co_return pass(answer);
  const json::object* object = answer->if_object();
  auto bytes = object != nullptr ? bytes_of_base64(json_string_or(*object, "pcap", "")) : std::nullopt;
  if (!bytes) co_return fail(Error::Kind::malformed, "the media node answered without packets");
  co_return std::move(*bytes);
}

Task<Result<JobId>> HttpControl::listen(AnchorId anchor, ListenRequest request) {
  return start(anchor, "listen", to_value(request));
}

Task<Result<JobId>> HttpControl::stream(AnchorId anchor, StreamRequest request) {
  return start(anchor, "stream", to_value(request));
}

Task<Result<void>> HttpControl::change(AnchorId anchor, JobId job, JobChange change) {
  return put(anchor, "jobs/" + id_text(static_cast<uint64_t>(job)), to_value(change));
}

void HttpControl::stop(AnchorId anchor, JobId job) {
  tell(anchor, "DELETE", anchor_target(anchor, "jobs/" + id_text(static_cast<uint64_t>(job))), nullptr);
}
Task<Result<RecordingPiece>> HttpControl::read_recording(std::string name, uint64_t offset) {
  std::string target = fmt::format("/v1/media/recordings/{}?offset={}", name, offset);
  std::string nothing;
  auto answer = co_await send("GET", std::move(target), std::move(nothing), command_timeout);
  if (!answer) co_return pass(answer);
  const json::object* object = answer->if_object();
  auto bytes = object != nullptr ? bytes_of_base64(json_string_or(*object, "bytes", "")) : std::nullopt;
  if (!bytes) co_return fail(Error::Kind::malformed, "the media node answered without a recording");
  co_return RecordingPiece{.bytes = std::move(*bytes),
                           .size = static_cast<uint64_t>(std::max<int64_t>(json_integer_or(*object, "size", 0), 0))};
}

Task<Result<void>> HttpControl::remove_recording(std::string name) {
  std::string target = "/v1/media/recordings/" + name, nothing;
  auto answer = co_await send("DELETE", std::move(target), std::move(nothing), command_timeout);
  if (!answer) co_return pass(answer);
  co_return Result<void>{};
}

void HttpControl::prefetch(std::string url) {
  tell(AnchorId::none, "POST", "/v1/media/prefetch", json::object{{"url", url}});
}
void HttpControl::watch_silence(AnchorId anchor, milliseconds after) {
  tell(anchor, "PUT", anchor_target(anchor, "silence-watch"), json::object{{"after_ms", after.count()}});
}
void HttpControl::renew(AnchorId anchor, std::chrono::seconds lease) {
  tell(anchor, "PUT", anchor_target(anchor, "lease"), json::object{{"lease_s", lease.count()}});
}
void HttpControl::release(AnchorId anchor) {
  if (anchors_.erase(anchor) == 0) return;  // it is lost already
  tell(anchor, "DELETE", anchor_target(anchor, ""), nullptr);
}

Task<Result<std::vector<StreamStats>>> HttpControl::stats(AnchorId anchor) {
  std::string target = anchor_target(anchor, "stats");
  auto answer = co_await ask(anchor, "GET", std::move(target), nullptr);
  if (!answer) co_return pass(answer);
  co_return read_stats(*answer);
}

Task<Result<std::vector<LegSecond>>> HttpControl::seconds() {
  std::string target = fmt::format("/v1/media/seconds?client={}", name_), nothing;
  auto answer = co_await send("GET", std::move(target), std::move(nothing), command_timeout, seconds_limit);
  if (!answer) co_return pass(answer);
  co_return read_seconds(*answer);
}

Task<Result<NodeState>> HttpControl::state() {
  auto answer = co_await send("GET", "/v1/media/state", "", command_timeout);
  if (!answer) co_return pass(answer);
  co_return read_state(*answer);
}

Task<void> HttpControl::keep_leases() {
  for (;;) {
    co_await io::sleep_for(loop_, own_lease / 3);
    json::array held;
    for (const auto& [anchor, is_renewed] : anchors_)
      if (is_renewed) held.push_back(json::value(id_text(static_cast<uint64_t>(anchor))));
    if (held.empty()) continue;
    std::string body = to_json(json::object{{"lease_s", own_lease.count()}, {"anchors", std::move(held)}});
    auto answer = co_await send("PUT", "/v1/media/leases", std::move(body), command_timeout);
    if (answer) lose_gone(*answer);
  }
}

/// What the node has not any more, though we were not told.
void HttpControl::lose_gone(const json::value& answer) {
  const json::value* gone = answer.is_object() ? answer.get_object().if_contains("gone") : nullptr;
  if (gone == nullptr || !gone->is_array()) return;
  for (const json::value& one : gone->get_array()) {
    const auto id = parse_id(one.is_string() ? std::string_view(one.get_string()) : std::string_view());
    if (id && anchors_.erase(static_cast<AnchorId>(*id)) != 0 && handler_)
      handler_(static_cast<AnchorId>(*id), event::Lost{"the media node does not know it", {}});
  }
}

Task<void> HttpControl::poll() {
  io::Instant reached = loop_.now();
  for (;;) {
    std::string target =
        fmt::format("/v1/media/events?client={}&after={}&wait_ms={}", name_, after_, poll_wait.count());
    auto answer = co_await send("GET", std::move(target), "", poll_wait + command_timeout);
    if (answer && take_events(*answer)) {
      reached = loop_.now();
      continue;
    }
    doubts_.push(true);
    if (loop_.now() - reached >= lost_after) {
      lose_all("media node out of reach");
      reached = loop_.now();
    }
    co_await io::sleep_for(loop_, poll_rest);
  }
}

bool HttpControl::take_events(const json::value& answer) {
  if (!answer.is_object()) return false;
  const json::object& object = answer.get_object();
  const std::string epoch = json_string_or(object, "epoch", "");
  if (epoch != epoch_) {
    const bool has_restarted = !epoch_.empty();
    epoch_ = epoch;
    if (has_restarted) {
      after_ = 0;
      lose_all("media node began anew");
      return true;
    }
  }
  after_ = static_cast<uint64_t>(json_integer_or(object, "next", static_cast<int64_t>(after_)));
  if (json_bool_or(object, "has_gap", false)) telemetry::warn("media_events_missed", {{"node", settings_.url}});
  const json::value* list = object.if_contains("events");
  if (!list || !list->is_array()) return false;
  for (const json::value& one : list->get_array()) {
    auto event = read_event(one);
    if (!event) {
      telemetry::warn("media_event_unknown", {{"error", event.error().text}});
      continue;
    }
    const auto anchor = parse_id(json_string_or(one.get_object(), "anchor", ""));
    if (!anchor || !handler_) continue;
    if (std::holds_alternative<event::Lost>(*event)) anchors_.erase(static_cast<AnchorId>(*anchor));
    handler_(static_cast<AnchorId>(*anchor), std::move(*event));
  }
  return true;
}

/// Its commands that wait have nobody to go to any more.
void HttpControl::lose_all(std::string reason) {
  const auto since = std::chrono::duration_cast<milliseconds>(loop_.now() - heard_);
  for (auto& [anchor, lane] : lanes_)
    for (Command& command : std::exchange(lane.queue, {}))
      if (command.reply) command.reply->set(fail(Error::Kind::unavailable, "media node {}: {}", settings_.url, reason));
  for (const auto& [anchor, is_renewed] : std::exchange(anchors_, {}))
    if (handler_) handler_(anchor, event::Lost{reason, since});
}

void HttpControl::give_up(std::string_view reason) {
  for (const auto& [anchor, is_renewed] : anchors_)
    if (given_up_.size() < given_up_max) given_up_.insert(anchor);
  lose_all(std::string(reason));
}

/// A dead process refuses at once, a dead machine says nothing: both are known after three misses, the former sooner.
Task<void> HttpControl::feel_pulse() {
  int missed = 0;
  for (;;) {
    auto answer =
        co_await send("GET", "/v1/media/state", "", std::max(settings_.unreachable_after / pulses_missed_max, 1ms));
    auto state = answer ? read_state(*answer) : Result<NodeState>(pass(answer));
    if (state) {
      missed = 0;
      heard_ = loop_.now();
      state_ = std::move(*state);
      for (AnchorId anchor : std::exchange(given_up_, {})) tell(anchor, "DELETE", anchor_target(anchor, ""), nullptr);
      set_reachable(true);
      if (watcher_) watcher_();
    } else {
      trouble_ = state.error().text;
      if (missed == 0) missed_since_ = loop_.now();
      if (++missed == pulses_missed_max) set_reachable(false);
    }
    const io::Instant next = loop_.now() + (state ? settings_.pulse : settings_.pulse / pulses_missed_max);
    (void)co_await doubts_.next(next);
  }
}

void HttpControl::set_reachable(bool is_reachable) {
  if (is_reachable && is_reachable_) return;
  is_reachable_ = is_reachable;
  if (is_reachable)
    telemetry::info("media_node_reached", {{"node", settings_.url}});
  else
    telemetry::warn("media_node_unreachable",
                    {{"node", settings_.url}, {"anchors", anchors_.size()}, {"why", trouble_}});
  if (!is_reachable && watcher_) watcher_();
}

}  // namespace nearend::media
