#include "gateway/ledger.hpp"

#include <algorithm>

#include <boost/json/string.hpp>
#include <utility>

#include "base/json.hpp"
#include "io/new_sid.hpp"

namespace nearend::gateway {

namespace {

std::string_view name_of(media::Path::Kind kind) {
  switch (kind) {
    case media::Path::Kind::idle:
      return "idle";
    case media::Path::Kind::inner:
      return "inner";
    case media::Path::Kind::bridge:
      return "bridge";
    case media::Path::Kind::room:
      return "room";
  }
  return "";
}

std::string_view direction_of(const Leg& leg) {
  return leg.is_inbound ? "inbound" : "outbound";
}

/// Text of outsiders as the journal and its readers bear it: ASCII without controls.
std::string printable(std::string_view text) {
  constexpr size_t length_max = 256;
  std::string plain(text.substr(0, length_max));
  for (char& c : plain)
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f) c = '?';
  return plain;
}

}  // namespace

std::string reason_header(const EndCause& cause) {
  std::string text;
  for (char c : cause.text) {
    if (c == '"' || c == '\\') text += '\\';
    if (static_cast<unsigned char>(c) >= 0x20) text += c;
  }
  std::string header = fmt::format("SIP;cause={};text=\"{}\"", cause.status, text);
  constexpr size_t more_max = 256;
  const bool is_told = !cause.more.empty() && cause.more.size() <= more_max;
  return is_told ? header.append(", ").append(cause.more) : header;
}

void Ledger::append(Leg& leg, std::string_view kind, std::string detail, io::Callback on_durable, int64_t at_ms) {
  Record record;
  record.event.id = io::new_sid(loop_, "EV");
  record.event.call_sid = leg.call;
  record.event.account_sid = leg.account;
  record.event.leg = leg.id;
  record.event.kind = kind;
  record.event.gateway = settings_.name;
  record.event.at_ms = at_ms == 0 ? loop_.wall_ms() : at_ms;
  record.event.detail = std::move(detail);
  record.ship_to = leg.events_url.empty() ? settings_.events_url : leg.events_url;
  if (!on_durable) return journal_.append(std::move(record));
  journal_.append(std::move(record), [alive = std::weak_ptr(alive_), run = std::move(on_durable)]() mutable {
    if (!alive.expired()) run();
  });
}

void Ledger::begin(Leg& leg) {
  leg.bill.started_ms = loop_.wall_ms();
}

void Ledger::start(Leg& leg) {
  if (std::exchange(leg.bill.is_started, true)) return;
  std::string detail = "{";
  append_member(detail, "direction", direction_of(leg));
  append_member(detail, "from", printable(leg.from));
  append_member(detail, "to", printable(leg.to));
  if (!leg.parent.empty()) append_member(detail, "parent", leg.parent);
  if (leg.is_forwarded) append_bare_member(detail, "forwarded", "true");
  append(leg, "start", detail + '}', {}, leg.bill.started_ms);
}

void Ledger::answer(Leg& leg, io::Callback on_durable) {
  start(leg);
  leg.bill.answered = loop_.now();
  leg.bill.is_answered = true;
  std::string detail = "{";
  if (leg.provider != Leg::no_provider) append_member(detail, "provider", settings_.providers[leg.provider].name);
  append(leg, "answer", detail + '}', std::move(on_durable));
}

void Ledger::move(Leg& leg, const media::event::Moved& moved) {
  MoveTotals& totals = leg.bill.moves;
  ++totals.count;
  totals.unproven += !moved.report.was_proven;
  totals.lost += moved.report.lost;
  totals.doubled += moved.report.doubled;
  totals.gap_ms_max = std::max(totals.gap_ms_max, moved.report.gap_ms);
  const json::object detail{{"path", name_of(moved.kind)},
                            {"gap_ms", moved.report.gap_ms},
                            {"lost", moved.report.lost},
                            {"doubled", moved.report.doubled},
                            {"proven", moved.report.was_proven}};
  append(leg, "move", to_json(detail));
}

void Ledger::reanchored(Leg& leg, std::optional<std::chrono::milliseconds> gap) {
  const Reanchoring& what = *leg.reanchoring;
  json::object detail{{"path", name_of(leg.media.path())}, {"reason", what.why}, {"from", what.from}, {"to", what.to}};
  if (gap) detail["gap_ms"] = gap->count();
  append(leg, "move", to_json(detail));
}

void Ledger::end(Leg& leg, const EndCause& cause, io::Callback on_durable) {
  if (leg.bill.is_closed) {
    if (on_durable) on_durable();
    return;
  }
  start(leg);
  leg.bill.talked = talked(leg);
  leg.bill.is_closed = true;
  std::string detail = "{";
  append_bare_member(detail, "status", std::to_string(cause.status));
  append_member(detail, "cause", printable(cause.text));
  append_member(detail, "by", cause.by);
  if (!cause.more.empty()) append_member(detail, "reason", printable(cause.more));
  append_bare_member(detail, "answered", leg.bill.is_answered ? "true" : "false");
  append_bare_member(detail, "duration_ms", std::to_string(talked(leg).count()));
  append_member(detail, "direction", direction_of(leg));
  append(leg, "end", detail + '}', std::move(on_durable));
}

std::chrono::milliseconds Ledger::talked(const Leg& leg) const {
  if (leg.bill.is_closed) return leg.bill.talked;
  if (!leg.bill.is_answered) return {};
  return std::chrono::duration_cast<std::chrono::milliseconds>(loop_.now() - leg.bill.answered);
}

}  // namespace nearend::gateway
