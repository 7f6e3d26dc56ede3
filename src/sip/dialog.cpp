#include "sip/dialog.hpp"

#include <algorithm>

namespace nearend::sip {
namespace {

template <DialogAlarm which>
Alarm alarm_of(io::Loop& loop, Dialog& dialog) {
  return Alarm::calls<&Dialog::ring<which>>(loop, dialog);
}

/// The URI within a name-addr or addr-spec, as text.
std::string uri_text(std::string_view name_addr) {
  const auto parsed = parse_name_addr(name_addr);
  return parsed ? parsed->uri.to_string() : std::string(name_addr);
}

bool is_loose(std::string_view route) {
  const auto parsed = parse_name_addr(route);
  return parsed && parsed->uri.is_loose_route();
}

}  // namespace

DialogPath DialogPath::of_response(const Message& response) {
  DialogPath path;
  path.call_id = response.call_id();
  path.local = response.header(HeaderId::from);
  path.remote = response.header(HeaderId::to);
  if (const auto contact = response.contact(); contact && !contact->is_wildcard)
    path.remote_target = contact->uri.to_string();
  const auto recorded = response.values(HeaderId::record_route);
  path.route_set.assign(recorded.rbegin(), recorded.rend());
  return path;
}

Result<Uri> DialogPath::next_hop() const {
  if (route_set.empty()) return parse_uri(remote_target);
  auto first = parse_name_addr(route_set.front());
  if (!first) return pass(first);
  return std::move(first->uri);
}

Result<Message> DialogPath::compose(Method method, uint32_t cseq, int max_forwards) const {
  const bool is_strict = !route_set.empty() && !is_loose(route_set.front());
  auto made = Message::request(method, is_strict ? uri_text(route_set.front()) : remote_target);
  if (!made) return pass(made);
  Message& request = *made;
  (void)request.add(HeaderId::max_forwards, std::to_string(max_forwards));
  for (const auto& route : route_set)
    if (!is_strict || &route != &route_set.front()) (void)request.add(HeaderId::route, route);
  if (is_strict) (void)request.add(HeaderId::route, "<" + remote_target + ">");
  if (auto added = request.add(HeaderId::from, local); !added) return pass(added);
  if (auto added = request.add(HeaderId::to, remote); !added) return pass(added);
  if (auto added = request.add(HeaderId::call_id, call_id); !added) return pass(added);
  (void)request.add(HeaderId::cseq, std::to_string(cseq).append(" ").append(to_string(method)));
  return made;
}

OutgoingInvite::OutgoingInvite(io::Loop& loop, Dialog& dialog, InviteRequest what)
    : request(std::move(what)),
      answer_timeout(alarm_of<DialogAlarm::answer_late>(loop, dialog)),
      failover(alarm_of<DialogAlarm::target_silent>(loop, dialog)) {}

OutgoingInvite::Fork* OutgoingInvite::find_fork(std::string_view tag) {
  const auto found = std::ranges::find(forks, tag, &Fork::tag);
  return found == forks.end() ? nullptr : &*found;
}

IncomingInvite::IncomingInvite(io::Loop& loop, Dialog& dialog)
    : repeat(alarm_of<DialogAlarm::repeat_1xx>(loop, dialog)),
      prack_late(alarm_of<DialogAlarm::prack_late>(loop, dialog)) {}

AwaitedAck::AwaitedAck(io::Loop& loop, Dialog& dialog)
    : repeat(alarm_of<DialogAlarm::repeat_2xx>(loop, dialog)), late(alarm_of<DialogAlarm::ack_late>(loop, dialog)) {}

Changes::Changes(io::Loop& loop, Dialog& dialog) : backoff(alarm_of<DialogAlarm::glare_over>(loop, dialog)) {}

SessionTimer::SessionTimer(io::Loop& loop, Dialog& dialog)
    : refresh(alarm_of<DialogAlarm::refresh_due>(loop, dialog)),
      expiry(alarm_of<DialogAlarm::session_over>(loop, dialog)) {}

}  // namespace nearend::sip
