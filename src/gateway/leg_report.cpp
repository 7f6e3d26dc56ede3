#include "gateway/leg_report.hpp"

#include <algorithm>

#include "base/json.hpp"
#include "base/text.hpp"
#include "io/async.hpp"
#include "media/packet_ring.hpp"
#include "media/stream_report.hpp"

namespace nearend::gateway {

namespace {

constexpr size_t captured_max = 8;  // legs of a call

std::string_view path_of(const Leg& leg) {
  if (!leg.media.is_allocated()) return "none";
  if (leg.joint.state == Joint::State::open) return leg.joint.peer_gateway.empty() ? "local" : "gateway";
  return leg.media.path() == media::Path::Kind::idle ? "idle" : "router";
}

double rounded(double value) {
  return std::round(value * 100) / 100;
}

json::object facts_of(const Leg& leg, const Settings& settings, std::chrono::milliseconds talked) {
  json::object facts{{"leg", leg.id},
                     {"call", leg.call},
                     {"account", leg.account},
                     {"direction", leg.is_inbound ? "inbound" : "outbound"},
                     {"from", leg.from},
                     {"to", leg.to},
                     {"path", path_of(leg)},
                     {"answered", leg.bill.is_answered},
                     {"talked_ms", talked.count()}};
  if (leg.provider != Leg::no_provider) facts["provider"] = settings.providers[leg.provider].name;
  if (leg.joint.state == Joint::State::open) facts["peer"] = leg.joint.peer;
  if (!leg.joint.peer_gateway.empty()) facts["peer_gateway"] = leg.joint.peer_gateway;
  const MoveTotals& moves = leg.bill.moves;
  facts["moves"] = json::object{{"count", moves.count},
                                {"unproven", moves.unproven},
                                {"lost", moves.lost},
                                {"doubled", moves.doubled},
                                {"gap_ms_max", rounded(moves.gap_ms_max)}};
  return facts;
}

}  // namespace

Task<std::string> LegReport::all() {
  std::vector<std::string> ids;
  for (const Leg* leg : parts_.legs.all()) ids.push_back(leg->id);
  std::ranges::sort(ids);
  const size_t more = ids.size() - std::min(ids.size(), legs_max);
  ids.resize(ids.size() - more);
  auto text = co_await report(std::move(ids), more);
  co_return text;
}

std::vector<std::string> LegReport::ids_of(std::string_view id) const {
  std::vector<std::string> ids;
  for (const Leg* leg : parts_.legs.all())
    if (leg->id == id || leg->call == id) ids.push_back(leg->id);
  std::ranges::sort(ids);
  return ids;
}

Task<Result<std::string>> LegReport::of(std::string id) {
  std::vector<std::string> ids = ids_of(id);
  if (ids.empty())
    co_return fail(Error::Kind::not_found, "no leg or call '{}' is up here; /v1/legs lists those that are", id);
  auto text = co_await report(std::move(ids), 0);
  co_return text;
}

Task<Result<std::string>> LegReport::capture(std::string id, std::chrono::seconds length) {
  std::vector<std::string> ids = ids_of(id);
  std::erase_if(ids, [&](const std::string& one) { return !parts_.legs.by_id(one)->media.is_allocated(); });
  if (ids.empty()) co_return fail(Error::Kind::not_found, "no leg or call '{}' with media is up here", id);
  ids.resize(std::min(ids.size(), captured_max));
  std::vector<std::pair<media::AnchorId, media::JobId>> taps;
  for (const std::string& one : ids) {
    const Leg* leg = parts_.legs.by_id(one);
    if (leg == nullptr || !leg->media.is_allocated()) continue;
    const media::AnchorId anchor = leg->media.anchor();
    const media::TapRequest request{.capture_bytes = media::capture_bytes_max};
    auto job = co_await parts_.media.tap(anchor, request);
    if (job) taps.emplace_back(anchor, *job);
    if (!job && ids.size() == 1) co_return pass(job);
  }
  co_await io::sleep_for(parts_.loop(), std::min(length, capture_max));
  std::vector<std::string> files;
  for (const auto& [anchor, job] : taps) {
    auto packets = co_await parts_.media.capture(anchor, job);
    if (packets) files.push_back(std::move(*packets));
    parts_.media.stop(anchor, job);
  }
  if (files.empty()) co_return fail(Error::Kind::not_found, "'{}' ended meanwhile", id);
  co_return media::merged_pcap(files);
}

/// A leg may end while its figures are fetched: then it is left out.
Task<std::string> LegReport::report(std::vector<std::string> ids, size_t more) {
  json::array legs;
  for (const std::string& id : ids) {
    const Leg* leg = parts_.legs.by_id(id);
    if (leg == nullptr || leg->is_over) continue;
    json::object facts = facts_of(*leg, parts_.settings, parts_.ledger.talked(*leg));
    if (leg->media.is_allocated()) {
      const auto stats = co_await parts_.media.stats(leg->media.anchor());
      if (stats) facts["streams"] = media::report_of(*stats);
    }
    legs.push_back(std::move(facts));
  }
  co_return to_json(json::object{{"legs", std::move(legs)}, {"more", more}});
}

}  // namespace nearend::gateway
