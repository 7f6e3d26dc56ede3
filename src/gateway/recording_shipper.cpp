#include "gateway/recording_shipper.hpp"

#include <algorithm>

#include "base/ids.hpp"
#include "base/json.hpp"
#include "http/peer_signature.hpp"
#include "telemetry/log.hpp"
#include "telemetry/metrics.hpp"

namespace nearend::gateway {

namespace {

constexpr std::string_view events_path = "/v1/call-events";
constexpr std::chrono::milliseconds put_timeout{15'000};

std::string target_of(const std::string& url) {
  const size_t scheme = url.find("://");
  const size_t path = url.find('/', scheme == std::string::npos ? 0 : scheme + 3);
  return path == std::string::npos ? "/" : url.substr(path);
}

}  // namespace

RecordingShipper::RecordingShipper(io::Loop& loop, http::Client& client, media::Control& media, Settings settings)
    : loop_(loop),
      client_(client),
      media_(media),
      settings_(std::move(settings)),
      outbox_(settings_.directory),
      scope_(loop) {
  for (const auto& [sid, entry] : outbox_.entries())
    if (entry.state == RecordingOutbox::State::arrived) arrived_[sid] = loop.now();
}

void RecordingShipper::began(const std::string& sid, std::string events_url) {
  if (!is_sid("RE", sid)) return;  // It becomes the name of a file.
  outbox_.put(sid, {.events_url = std::move(events_url)});
}

void RecordingShipper::ended(const std::string& sid) {
  const RecordingOutbox::Entry* entry = outbox_.find(sid);
  if (entry == nullptr || entry->state != RecordingOutbox::State::recording) return;
  outbox_.put(sid, {.events_url = entry->events_url, .state = RecordingOutbox::State::ended});
}

bool RecordingShipper::is_idle() const {
  return std::ranges::all_of(outbox_.entries(),
                             [](const auto& one) { return one.second.state == RecordingOutbox::State::arrived; });
}

Task<void> RecordingShipper::run() {
  std::chrono::milliseconds pause = settings_.interval;
  for (;;) {
    std::vector<std::string> owed;
    for (const auto& [sid, entry] : outbox_.entries())
      if (entry.state == RecordingOutbox::State::ended) owed.push_back(sid);
    // One that cannot be sent stands in nobody's way: its router may be another one.
    bool has_failed = false;
    for (const std::string& sid : owed) {
      const bool is_done = co_await ship(sid);
      has_failed |= !is_done;
    }
    is_failing_ = has_failed;
    pause = has_failed ? std::min(pause * 2, settings_.pause_max) : settings_.interval;
    co_await remove_arrived();
    co_await io::sleep_for(loop_, pause);
  }
}

std::string RecordingShipper::intake_of(const RecordingOutbox::Entry& entry, const std::string& sid) const {
  std::string url = entry.events_url;
  if (url.empty() && !settings_.fallback_urls.empty()) url = settings_.fallback_urls.front();
  if (!url.ends_with(events_path)) return {};
  url.resize(url.size() - events_path.size());
  return url + "/v1/recordings/" + sid;
}

/// True when nothing is left to be done for it.
Task<bool> RecordingShipper::ship(std::string sid) {
  const RecordingOutbox::Entry entry = *outbox_.find(sid);
  const std::string url = intake_of(entry, sid);
  if (url.empty()) {
    telemetry::warn("recording stays here: no router takes it", {{"recording", sid}});
    outbox_.erase(sid);
    co_return true;
  }
  uint64_t offset = 0;
  for (;;) {
    auto piece = co_await media_.read_recording(sid, offset);
    if (!piece && piece.error().kind == Error::Kind::not_found) {
      telemetry::warn("no file of a recording", {{"recording", sid}});
      outbox_.erase(sid);
      co_return true;
    }
    if (!piece) co_return false;
    std::string place = fmt::format("{}?offset={}&size={}", url, offset, piece->size);
    auto taken = co_await put(std::move(place), std::move(piece->bytes));
    if (!taken) {
      telemetry::counter("nearend_gateway_recording_puts_failed_total").add();
      telemetry::warn("recording not taken", {{"recording", sid}, {"error", taken.error().text}});
      co_return false;
    }
    if (taken->is_complete) {
      // One that was there before we sent any may be this very file, where both roles share a directory.
      if (taken->was_there && !begun_.contains(sid)) {
        outbox_.erase(sid);
      } else {
        outbox_.put(sid, {.events_url = entry.events_url, .state = RecordingOutbox::State::arrived});
        arrived_[sid] = loop_.now();
      }
      begun_.erase(sid);
      co_return true;
    }
    begun_.insert(sid);
    if (taken->have == offset) co_return false;
    offset = taken->have;
  }
}

Task<Result<RecordingShipper::Taken>> RecordingShipper::put(std::string url, std::string bytes) {
  http::Request request{.method = "PUT", .url = url, .headers = {{"Content-Type", "application/octet-stream"}}};
  request.headers.emplace_back(http::peer_signature_header, http::sign_for_peer(settings_.key, "PUT", target_of(url),
                                                                                bytes, loop_.wall_ms() / 1000));
  request.body = std::move(bytes);
  request.total_timeout = put_timeout;
  auto response = co_await client_.send(std::move(request));
  if (!response) co_return pass(response);
  if (response->status != 200) co_return fail(Error::Kind::unavailable, "status {}", response->status);
  auto body = parse_json(response->body);
  const json::object* object = body ? body->if_object() : nullptr;
  if (object == nullptr) co_return fail(Error::Kind::malformed, "the router's reply is not a JSON object");
  co_return Taken{.have = static_cast<uint64_t>(std::max<int64_t>(json_integer_or(*object, "have", 0), 0)),
                  .is_complete = json_bool_or(*object, "complete", false),
                  .was_there = json_bool_or(*object, "was_there", false)};
}

Task<void> RecordingShipper::remove_arrived() {
  std::vector<std::string> old;
  for (const auto& [sid, at] : arrived_)
    if (loop_.now() - at >= settings_.kept_for) old.push_back(sid);
  for (const std::string& sid : old) {
    auto removed = co_await media_.remove_recording(sid);
    if (!removed && removed.error().kind != Error::Kind::not_found) continue;
    outbox_.erase(sid);
    arrived_.erase(sid);
  }
}

}  // namespace nearend::gateway
