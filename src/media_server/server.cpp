#include "media_server/server.hpp"

#include <algorithm>

#include "base/crypto.hpp"
#include "base/text.hpp"
#include "http/peer_signature.hpp"
#include "io/tls_context.hpp"
#include "media/control_json.hpp"
#include "media/stream_report.hpp"
#include "media_server/status.hpp"
#include "telemetry/log.hpp"
#include "telemetry/metrics.hpp"

namespace nearend::media_server {
namespace {

constexpr std::string_view prefix = "/v1/media";
constexpr int64_t poll_max_ms = 30'000;
constexpr size_t events_at_once = 256;
constexpr std::string_view idempotency_header = "Idempotency-Key";

http::Response respond(const Result<json::value>& answer) {
  http::Response response;
  response.headers.emplace_back("Content-Type", "application/json");
  if (answer) {
    response.status = answer->is_null() ? 204 : 200;
    if (!answer->is_null()) response.body = to_json(*answer);
    return response;
  }
  response.status = status_of(answer.error().kind);
  if (response.status == 503) response.headers.emplace_back("Retry-After", "4");
  response.body = to_json(media::to_value(answer.error()));
  return response;
}

std::string_view query_value(const http::Form& query, std::string_view key) {
  for (const auto& [name, value] : query)
    if (name == key) return value;
  return {};
}

Result<json::value> done(Result<void> outcome) {
  if (!outcome) return pass(outcome);
  return json::value(nullptr);
}

Result<std::chrono::seconds> lease_of(const json::value& body) {
  if (!body.is_object()) return fail(Error::Kind::invalid, "the body must be an object");
  auto lease = json_integer(body.get_object(), "lease_s");
  if (!lease) return pass(lease);
  if (*lease < 1 || *lease > 86'400)
    return fail(Error::Kind::invalid, "'lease_s' is {}; 1 to 86400 would be right", *lease);
  return std::chrono::seconds(*lease);
}

}  // namespace

Result<void> checked(const Settings& settings) {
  if (settings.peer_key.empty() && settings.trust_file.empty() && !settings.listen.address.is_loopback())
    return fail(Error::Kind::invalid,
                "peer_key: needed when listen {} is no loopback address and there is no trust_file",
                settings.listen.to_string());
  const auto tls = settings.tls();
  if (!tls && !settings.trust_file.empty())
    return fail(Error::Kind::invalid, "trust_file: certificate_file and key_file are needed as well");
  if (!settings.peers.empty() && settings.trust_file.empty())
    return fail(Error::Kind::invalid, "peers: trust_file is needed, or nobody has a name");
  if (!tls) return {};
  return io::check_tls(io::TlsRole::server, *tls);
}

std::optional<io::TlsSettings> Settings::tls() const {
  if (certificate_file.empty() && key_file.empty()) return std::nullopt;
  return io::TlsSettings{.certificate_file = certificate_file,
                         .key_file = key_file,
                         .trust_file = trust_file,
                         .server_name = {},
                         .is_peer_required = !trust_file.empty()};
}

Server::Server(Settings settings, const io::World& world, http::ServerFactory& servers, media::Control& control)
    : settings_(std::move(settings)),
      loop_(world.loop),
      servers_(servers),
      control_(control),
      epoch_(media::id_text(world.loop.random())) {
  control_.set_event_handler(
      [this](media::AnchorId anchor, media::Event event) { on_event(anchor, std::move(event)); });
}

Server::~Server() {
  control_.set_event_handler(nullptr);
}

Result<void> Server::start() {
  if (auto good = checked(settings_); !good) return good;
  auto server =
      servers_.serve(settings_.listen, [this](http::ServerRequest request) { return handle(std::move(request)); });
  if (!server) return pass(server);
  server_ = std::move(*server);
  return {};
}

Endpoint Server::local() const {
  return server_ ? server_->local() : settings_.listen;
}

Result<void> Server::check(const http::ServerRequest& request) const {
  if (!settings_.peers.empty()) {
    const auto is_known = [this](const std::string& name) { return std::ranges::count(settings_.peers, name) != 0; };
    if (std::ranges::none_of(request.peer_names, is_known))
      return fail(Error::Kind::refused, "the client's certificate has none of the names in media_server.peers");
  }
  if (settings_.peer_key.empty()) return {};
  return http::check_peer_signature(settings_.peer_key, http::find_header(request.headers, http::peer_signature_header),
                                    request.method, request.target, request.body, loop_.wall_ms() / 1000);
}

Task<http::Response> Server::handle(http::ServerRequest request) {
  if (auto checked = check(request); !checked) {
    Result<json::value> refused = pass(checked);
    co_return respond(refused);
  }
  std::string key(http::find_header(request.headers, idempotency_header));
  if (key.empty() || request.method == "GET") {
    auto response = co_await answer(std::move(request));
    co_return response;
  }
  auto response = co_await handle_once(std::move(key), std::move(request));
  co_return response;
}

/// A request that comes again since its answer was lost gets that answer, also when the first is still at work.
Task<http::Response> Server::handle_once(std::string key, http::ServerRequest request) {
  std::string asked = fmt::format("{} {} {}", request.method, request.target, hash_hex(HashKind::sha256, request.body));
  if (const auto known = kept_.find(key); known != kept_.end()) {
    if (known->second.asked != asked) {
      Result<json::value> other = fail(Error::Kind::invalid, "{}: used for another request before", idempotency_header);
      co_return respond(other);
    }
    telemetry::counter("nearend_media_requests_repeated_total").add();
    if (!known->second.response) {
      const io::Reply<bool> done(loop_);
      known->second.waiting.push_back(done);
      const io::Instant deadline = loop_.now() + answer_kept;
      co_await done.wait(deadline);
    }
    const auto answered = kept_.find(key);
    if (answered != kept_.end() && answered->second.response) co_return *answered->second.response;
    Result<json::value> none =
        fail(Error::Kind::unavailable, "{}: the first request has no answer", idempotency_header);
    co_return respond(none);
  }
  forget_old_answers();
  kept_[key] = {.asked = std::move(asked), .response = {}, .waiting = {}, .begun = loop_.now()};
  kept_order_.push_back(key);
  auto response = co_await answer(std::move(request));
  if (const auto mine = kept_.find(key); mine != kept_.end()) {
    mine->second.response = response;
    for (const auto& waiting : std::exchange(mine->second.waiting, {})) waiting.set(true);
  }
  co_return response;
}

void Server::forget_old_answers() {
  while (!kept_order_.empty()) {
    const auto oldest = kept_.find(kept_order_.front());
    const bool is_old = loop_.now() - oldest->second.begun > answer_kept || kept_.size() >= answers_max;
    if (!is_old || !oldest->second.response) return;
    kept_.erase(oldest);
    kept_order_.pop_front();
  }
}

Task<http::Response> Server::answer(http::ServerRequest request) {
  if (!request.path.starts_with(prefix)) {
    Result<json::value> unknown = fail(Error::Kind::not_found, "{}: the API is under {}", request.path, prefix);
    co_return respond(unknown);
  }
  json::value body;
  if (!request.body.empty()) {
    auto parsed = parse_json(request.body);
    if (!parsed) {
      Result<json::value> malformed = pass(parsed);
      co_return respond(malformed);
    }
    body = std::move(*parsed);
  }
  std::vector<std::string> path;
  for (std::string_view piece : split(std::string_view(request.path).substr(prefix.size()), '/'))
    path.emplace_back(piece);
  http::Form query = http::parse_form(request.query).value_or(http::Form());
  auto answer = co_await route(std::move(request.method), std::move(path), std::move(query), std::move(body));
  co_return respond(answer);
}

Task<Server::Answer> Server::route(std::string method, std::vector<std::string> path, http::Form query,
                                   json::value body) {
  const std::string_view first = path.empty() ? std::string_view() : std::string_view(path[0]);
  if (first == "anchors" && path.size() == 1 && method == "POST") {
    auto allocated = co_await allocate(std::move(body));
    co_return allocated;
  }
  if (first == "anchors" && path.size() == 1 && method == "GET") co_return list(query);
  if (first == "leases" && path.size() == 1 && method == "PUT") co_return renew_all(body);
  if (first == "anchors" && path.size() >= 2) {
    auto id = media::parse_id(path[1]);
    if (!id) co_return pass(id);
    std::vector<std::string> rest(path.begin() + 2, path.end());
    auto answer =
        co_await route_anchor(std::move(method), static_cast<media::AnchorId>(*id), std::move(rest), std::move(body));
    co_return answer;
  }
  if (first == "commands" && path.size() == 1 && method == "POST") {
    auto answers = co_await run_commands(std::move(body));
    co_return answers;
  }
  if (first == "recordings" && path.size() == 2) {
    auto answer = co_await recording(std::move(method), std::move(path[1]), std::move(query));
    co_return answer;
  }
  if (first == "events" && method == "GET") {
    auto answer = co_await events(std::move(query));
    co_return answer;
  }
  if (first == "seconds" && method == "GET") {
    auto taken = co_await seconds(std::move(query));
    co_return taken;
  }
  if (first == "state" && method == "GET") {
    auto state = co_await control_.state();
    if (!state) co_return pass(state);
    co_return media::to_value(*state);
  }
  if (first == "prefetch" && method == "POST" && body.is_object()) {
    auto url = json_string(body.get_object(), "url");
    if (!url) co_return pass(url);
    control_.prefetch(std::move(*url));
    co_return json::value(nullptr);
  }
  co_return fail(Error::Kind::not_found, "{} is no resource of the media control API", method);
}

/// The node counts for whoever asks; each client is given those of its own legs.
Task<Server::Answer> Server::seconds(http::Form query) {
  std::string asking;
  for (const auto& [key, text] : query)
    if (key == "client") asking = text;
  auto taken = co_await control_.seconds();
  if (!taken) co_return pass(taken);
  for (const media::LegSecond& one : *taken) {
    const auto owner = owners_.find(one.anchor);
    const auto whose = owner == owners_.end() ? clients_.end() : clients_.find(owner->second.client);
    if (whose == clients_.end() || loop_.now() >= whose->second.seconds_until) continue;
    if (whose->second.seconds.size() < seconds_max) whose->second.seconds.push_back(one);
  }
  Client& at = client(asking);
  at.seconds_until = loop_.now() + media::Control::seconds_kept;
  co_return media::to_value(std::exchange(at.seconds, {}));
}

Task<Server::Answer> Server::allocate(json::value body) {
  auto request = media::read_allocate(body);
  if (!request) co_return pass(request);
  Owner owner{.client = json_string_or(body.get_object(), "client", ""), .call = request->call, .leg = request->leg};
  auto info = co_await control_.allocate(std::move(*request));
  if (!info) co_return pass(info);
  client(owner.client);  // its events are kept from now on
  owners_[info->id] = std::move(owner);
  co_return media::to_value(*info);
}

Task<Server::Answer> Server::route_anchor(std::string method, media::AnchorId anchor, std::vector<std::string> rest,
                                          json::value body) {
  const std::string what = method + " " + (rest.empty() ? std::string() : rest[0]);
  if (what == "DELETE ") {
    control_.release(anchor);
    forget_owner_later(anchor);
    co_return json::value(nullptr);
  }
  if (what == "PUT remotes" && rest.size() == 2) {
    auto side = media::parse_side(rest[1]);
    if (!side) co_return pass(side);
    auto remote = media::read_remote(body);
    if (!remote) co_return pass(remote);
    auto set = co_await control_.set_remote(anchor, *side, std::move(*remote));
    co_return done(std::move(set));
  }
  if (what == "PUT path" || what == "PUT armed") {
    auto path = media::read_path(body);
    if (!path) co_return pass(path);
    if (what == "PUT path") {
      auto connected = co_await control_.connect(anchor, *path);
      co_return done(std::move(connected));
    }
    auto armed = co_await control_.arm(anchor, *path);
    co_return done(std::move(armed));
  }
  if (what == "PUT seat") {
    auto seat = media::read_seat(body);
    if (!seat) co_return pass(seat);
    auto taken = co_await control_.seat(anchor, std::move(*seat));
    co_return done(std::move(taken));
  }
  if (what == "POST open") {
    control_.open(anchor);
    co_return json::value(nullptr);
  }
  if (what == "POST play" || what == "POST record" || what == "POST collect" || what == "POST tap" ||
      what == "POST listen" || what == "POST stream") {
    auto job = co_await start_job(anchor, rest[0], std::move(body));
    co_return job;
  }
  if (what == "GET jobs" && rest.size() == 3 && rest[2] == "capture") {
    auto job = media::parse_id(rest[1]);
    if (!job) co_return pass(job);
    auto packets = co_await control_.capture(anchor, static_cast<media::JobId>(*job));
    if (!packets) co_return pass(packets);
    co_return json::value(json::object{{"pcap", base64(*packets)}});
  }
  if (what == "PUT jobs" && rest.size() == 2) {
    auto job = media::parse_id(rest[1]);
    if (!job) co_return pass(job);
    auto change = media::read_change(body);
    if (!change) co_return pass(change);
    auto changed = co_await control_.change(anchor, static_cast<media::JobId>(*job), *change);
    co_return done(std::move(changed));
  }
  if (what == "DELETE jobs" && rest.size() == 2) {
    auto job = media::parse_id(rest[1]);
    if (!job) co_return pass(job);
    control_.stop(anchor, static_cast<media::JobId>(*job));
    co_return json::value(nullptr);
  }
  if (what == "PUT silence-watch" && body.is_object()) {
    auto after = json_integer(body.get_object(), "after_ms");
    if (!after) co_return pass(after);
    control_.watch_silence(anchor, media::milliseconds(std::clamp<int64_t>(*after, 0, 86'400'000)));
    co_return json::value(nullptr);
  }
  if (what == "PUT lease") {
    auto lease = lease_of(body);
    if (!lease) co_return pass(lease);
    control_.renew(anchor, *lease);
    co_return json::value(nullptr);
  }
  if (what == "GET stats") {
    auto stats = co_await control_.stats(anchor);
    if (!stats) co_return pass(stats);
    co_return media::to_value(*stats);
  }
  co_return fail(Error::Kind::not_found, "{} is no resource of an anchor", what);
}

Task<Server::Answer> Server::start_job(media::AnchorId anchor, std::string kind, json::value body) {
  Result<media::JobId> job = fail(Error::Kind::internal, "no job");
  if (kind == "play") {
    auto request = media::read_play(body);
    if (!request) co_return pass(request);
    job = co_await control_.play(anchor, std::move(*request));
  } else if (kind == "record") {
    auto request = media::read_record(body);
    if (!request) co_return pass(request);
    job = co_await control_.record(anchor, std::move(*request));
  } else if (kind == "tap") {
    auto request = media::read_tap(body);
    if (!request) co_return pass(request);
    job = co_await control_.tap(anchor, *request);
  } else if (kind == "stream") {
    auto request = media::read_stream(body);
    if (!request) co_return pass(request);
    job = co_await control_.stream(anchor, std::move(*request));
  } else if (kind == "listen") {
    auto request = media::read_listen(body);
    if (!request) co_return pass(request);
    job = co_await control_.listen(anchor, *request);
  } else {
    auto request = media::read_collect(body);
    if (!request) co_return pass(request);
    job = co_await control_.collect(anchor, std::move(*request));
  }
  if (!job) co_return pass(job);
  co_return json::value(json::object{{"job", media::id_text(static_cast<uint64_t>(*job))}});
}

Server::Client& Server::client(const std::string& name) {
  if (clients_.size() >= clients_max && !clients_.contains(name)) forget_old_clients();
  const auto [at, is_new] = clients_.try_emplace(name);
  Client& found = at->second;
  if (is_new)
    for (const media::Event& event : unowned_) give(found, media::AnchorId::none, event);
  found.seen = loop_.now();
  return found;
}

void Server::forget_old_clients() {
  std::erase_if(clients_,
                [&](const auto& one) { return !one.second.waiting && loop_.now() - one.second.seen > client_kept; });
}

/// The last event of an anchor, the end of its recording, follows its release.
void Server::forget_owner_later(media::AnchorId anchor) {
  released_.push_back(anchor);
  if (released_.size() <= released_max) return;
  owners_.erase(released_.front());
  released_.pop_front();
}

void Server::on_event(media::AnchorId anchor, media::Event event) {
  if (anchor == media::AnchorId::none) {
    for (auto& [name, client] : clients_) give(client, anchor, event);
    if (unowned_.size() < events_max) unowned_.push_back(std::move(event));
    return;
  }
  const auto owner = owners_.find(anchor);
  if (owner == owners_.end()) return;
  const auto found = clients_.find(owner->second.client);
  if (std::holds_alternative<media::event::Lost>(event)) owners_.erase(owner);
  if (found == clients_.end()) return;  // never asked for events
  give(found->second, anchor, std::move(event));
}

void Server::give(Client& client, media::AnchorId anchor, media::Event event) {
  client.events.push_back({++client.last, anchor, std::move(event)});
  if (client.events.size() > events_max) {
    client.dropped_to = client.events.front().number;
    client.events.pop_front();
  }
  if (auto waiting = std::exchange(client.waiting, std::nullopt)) waiting->set(true);
}

/// One request for all anchors of a client; those that are not there any more are told.
Server::Answer Server::renew_all(const json::value& body) {
  auto lease = lease_of(body);
  if (!lease) return pass(lease);
  const json::value* anchors = body.get_object().if_contains("anchors");
  if (anchors == nullptr || !anchors->is_array()) return fail(Error::Kind::invalid, "'anchors' must be an array");
  json::array gone;
  for (const json::value& one : anchors->get_array()) {
    const auto text = one.if_string();
    const auto id =
        text != nullptr ? media::parse_id(*text) : Result<uint64_t>(fail(Error::Kind::invalid, "'anchors'"));
    if (!id) return fail(Error::Kind::invalid, "'anchors' must hold ids");
    const auto anchor = static_cast<media::AnchorId>(*id);
    if (owners_.contains(anchor))
      control_.renew(anchor, *lease);
    else
      gone.push_back(one);
  }
  return json::value(json::object{{"gone", std::move(gone)}});
}

/// What a client holds here, or what all do.
Server::Answer Server::list(const http::Form& query) const {
  const std::string_view client = query_value(query, "client");
  json::array anchors;
  for (const auto& [anchor, owner] : owners_) {
    if (!client.empty() && owner.client != client) continue;
    if (std::ranges::count(released_, anchor) != 0) continue;
    anchors.push_back(json::object{{"anchor", media::id_text(static_cast<uint64_t>(anchor))},
                                   {"client", owner.client},
                                   {"call", owner.call},
                                   {"leg", owner.leg}});
  }
  return json::value(json::object{{"anchors", std::move(anchors)}});
}

Task<Result<std::string>> Server::legs_json(std::string id) {
  std::vector<std::pair<media::AnchorId, Owner>> held;
  for (const auto& [anchor, owner] : owners_)
    if ((id.empty() || owner.leg == id || owner.call == id) && std::ranges::count(released_, anchor) == 0)
      held.emplace_back(anchor, owner);
  if (held.empty() && !id.empty())
    co_return fail(Error::Kind::not_found, "no leg or call '{}' is up here; /v1/legs lists those that are", id);
  std::ranges::sort(held, {}, [](const auto& one) { return one.second.leg; });
  const size_t more = held.size() - std::min(held.size(), legs_max);
  held.resize(held.size() - more);
  json::array legs;
  for (const auto& [anchor, owner] : held) {
    const auto stats = co_await control_.stats(anchor);
    if (!stats) continue;  // it has gone meanwhile
    legs.push_back(json::object{{"leg", owner.leg},
                                {"call", owner.call},
                                {"client", owner.client},
                                {"anchor", media::id_text(static_cast<uint64_t>(anchor))},
                                {"streams", media::report_of(*stats)}});
  }
  co_return to_json(json::object{{"legs", std::move(legs)}, {"more", more}});
}

Task<std::string> Server::state_json() {
  const auto state = co_await control_.state();
  json::value value = state ? media::to_value(*state) : json::value(json::object{});
  value.get_object()["clients"] = clients_.size();
  co_return to_json(value);
}

Task<Server::Answer> Server::recording(std::string method, std::string name, http::Form query) {
  if (method == "DELETE") {
    auto removed = co_await control_.remove_recording(std::move(name));
    co_return done(std::move(removed));
  }
  if (method != "GET") co_return fail(Error::Kind::not_found, "{} is nothing to do to a recording", method);
  const uint64_t offset = parse_unsigned(query_value(query, "offset")).value_or(0);
  auto piece = co_await control_.read_recording(std::move(name), offset);
  if (!piece) co_return pass(piece);
  co_return json::value(json::object{{"size", piece->size}, {"bytes", base64(piece->bytes)}});
}

Task<Server::Answer> Server::events(http::Form query) {
  const std::string name(query_value(query, "client"));
  const uint64_t after = parse_unsigned(query_value(query, "after")).value_or(0);
  const int64_t wait_ms = static_cast<int64_t>(parse_unsigned(query_value(query, "wait_ms")).value_or(0));
  client(name);
  if (clients_.size() > clients_max)
    co_return fail(Error::Kind::unavailable, "{} clients are served already", clients_max);
  const io::Instant deadline = loop_.now() + std::chrono::milliseconds(std::min(wait_ms, poll_max_ms));
  if (clients_[name].last <= after && loop_.now() < deadline) {
    io::Reply<bool> reply(loop_);
    // One poll at a time: an older one of the same client (its connection broke) is answered and gone.
    if (auto& older = clients_[name].waiting) older->set(false);
    clients_[name].waiting = reply;
    co_await reply.wait(deadline);
  }
  Client& mine = client(name);
  while (!mine.events.empty() && mine.events.front().number <= after) mine.events.pop_front();
  json::array list;
  uint64_t next = std::max(after, mine.dropped_to);
  for (const Numbered& one : mine.events) {
    if (list.size() >= events_at_once) break;
    json::value event = media::to_value(one.event);
    event.get_object()["number"] = one.number;
    event.get_object()["anchor"] = media::id_text(static_cast<uint64_t>(one.anchor));
    list.push_back(std::move(event));
    next = one.number;
  }
  co_return json::value(json::object{
      {"epoch", epoch_}, {"next", next}, {"has_gap", mine.dropped_to > after}, {"events", std::move(list)}});
}

}  // namespace nearend::media_server
