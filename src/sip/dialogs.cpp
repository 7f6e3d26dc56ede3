#include <algorithm>

#include "sip/core.hpp"

namespace nearend::sip {
namespace {

// Fields that the stack writes itself; a caller's would make two of them.
bool is_reserved(HeaderId id) {
  switch (id) {
    case HeaderId::via:
    case HeaderId::from:
    case HeaderId::to:
    case HeaderId::call_id:
    case HeaderId::cseq:
    case HeaderId::max_forwards:
    case HeaderId::content_length:
    case HeaderId::record_route:
      return true;
    default:
      return false;
  }
}

bool is_contact_owed(Method method) {
  switch (method) {
    case Method::invite:
    case Method::update:
    case Method::refer:
    case Method::subscribe:
    case Method::notify:
      return true;
    default:
      return false;
  }
}

std::string without_tag(std::string_view value) {
  auto parsed = parse_name_addr(value);
  if (!parsed) return std::string(value);
  parsed->parameters.remove("tag");
  return parsed->to_string();
}

}  // namespace

Dialog& Stack::Core::add_dialog(bool is_caller) {
  const uint64_t number = dialogs_.reserve();
  Dialog& dialog = dialogs_.put(number, std::make_unique<Dialog>(*this, number, is_caller));
  dialog.local_tag = make_tag({number, loop_.random()});
  return dialog;
}

Dialog* Stack::Core::find_open(DialogId id) const {
  Dialog* dialog = find(id);
  return dialog && dialog->is_open() ? dialog : nullptr;
}

Dialog* Stack::Core::find_dialog(const Message& request) const {
  const auto tag = parse_tag(request.to_tag());
  Dialog* dialog = tag ? dialogs_.find(tag->number) : nullptr;
  if (!dialog || dialog->state == Dialog::State::over) return nullptr;
  if (dialog->local_tag != request.to_tag() || dialog->path.call_id != request.call_id()) return nullptr;
  const std::string_view remote = request.from_tag();
  if (dialog->remote_tag == remote) return dialog;
  return dialog->outgoing && dialog->outgoing->find_fork(remote) ? dialog : nullptr;
}

void Stack::Core::drop_pending(Dialog& dialog) {
  for (const uint64_t number : std::exchange(dialog.pending, {}))
    if (ServerTransaction* waiting = transactions_.server(number); waiting && !waiting->is_answered())
      reply(*waiting, 487);
  dialog.pending_invite = 0;
  dialog.pending_offer = 0;
}

void Stack::Core::drop_changes(Dialog& dialog) {
  if (!dialog.changes) return;
  // Its final response may never come: the peer ended the dialog, too.
  if (ClientTransaction* sent = transactions_.client(dialog.changes->transaction)) sent->limit(64 * settings_.t1);
  dialog.changes.reset();
}

void Stack::Core::retire(Dialog& dialog, bool is_answered) {
  if (dialog.state == Dialog::State::over) return;
  drop_pending(dialog);
  dialog.state = Dialog::State::over;
  dialog.outgoing.reset();
  dialog.incoming.reset();
  dialog.awaited_ack.reset();
  drop_changes(dialog);
  dialog.session.reset();
  dialog.authentication.reset();
  emit(dialog, event::Released{is_answered});
}

/// Where a request of the dialog goes: the next hop if it is numeric; the way its last message came if that is a live
/// connection, if the next hop has a name, or if the peer stands behind an address translator.
Result<Flow> Stack::Core::route(const DialogPath& path, const Flow& last, size_t size) {
  const auto hop = path.next_hop();
  if (!hop || !hop->is_sip()) return last;
  const auto address = parse_ip(hop->host);
  if (!address) return last;
  const bool is_translated = path.route_set.empty() && address->is_internal() && !last.peer.address.is_internal();
  if (is_translated) return last;
  const bool is_same_host = *address == last.peer.address;
  if (is_reliable(last.protocol) && is_same_host && transport_.is_alive(last)) return last;

  Target target{.protocol = Protocol::udp, .address = {*address, 0}, .server_name = {}, .listener = last.listener};
  const std::string_view transport = hop->transport();
  if (hop->is_secure() || transport == "tls")
    target.protocol = Protocol::tls;
  else if (transport == "tcp")
    target.protocol = Protocol::tcp;
  else if (transport.empty() && is_same_host)
    target.protocol = last.protocol;
  target.address.port = hop->port.value_or(target.protocol == Protocol::tls ? 5061 : 5060);
  return open(target, size);
}

Result<Flow> Stack::Core::open(const Target& target, size_t size) {
  const bool is_stream_resting = resting_.is_resting({Protocol::tcp, target.address, {}, 0});
  return transport_.open(target, is_stream_resting ? 0 : size);
}

/// Who was reached by a sips URI is reached by one (RFC 3261 8.1.1.8, 12.1.1).
std::string Stack::Core::contact(const Flow& flow, bool is_sips) const {
  constexpr std::string_view transport_parameter[] = {"", ";transport=tcp", ";transport=tls"};
  std::string text = fmt::format("<{}:{:02x}@", is_sips ? "sips" : "sip", settings_.shard);
  text.append(transport_.advertised(flow));
  return text.append(is_sips ? "" : transport_parameter[size_t(flow.protocol)]).append(">");
}

Result<void> Stack::Core::add_all(Message& message, const ExtraHeaders& headers) const {
  for (const auto& [name, value] : headers) {
    if (is_reserved(header_id(name))) return fail(Error::Kind::invalid, "header {}: written by the stack", name);
    if (auto added = message.add(name, value); !added) return pass(added);
  }
  return {};
}

void Stack::Core::add_capabilities(Message& message) const {
  (void)message.add(HeaderId::allow, allow_);
  if (!supported_.empty()) (void)message.add(HeaderId::supported, supported_);
}

Result<Message> Stack::Core::compose(const DialogPath& path, Method method, uint32_t cseq, const Flow& flow,
                                     const Body& body, const ExtraHeaders& headers) {
  auto request = path.compose(method, cseq);
  if (!request) return request;
  const auto is_contact = [](const ExtraHeader& header) { return header_id(header.name) == HeaderId::contact; };
  if (is_contact_owed(method) && std::ranges::none_of(headers, is_contact))
    (void)request->add(HeaderId::contact, contact(flow, is_sips(request->request_uri())));
  if (!settings_.user_agent.empty()) (void)request->add(HeaderId::user_agent, settings_.user_agent);
  if (auto added = add_all(*request, headers); !added) return pass(added);
  if (!body.content.empty()) request->set_body(body.type, body.content);
  return request;
}

Result<uint64_t> Stack::Core::send_in_dialog(Dialog& dialog, Method method, const Body& body,
                                             const ExtraHeaders& headers, Purpose purpose) {
  const auto flow = route(dialog.path, dialog.flow, body.content.size() + 700);
  if (!flow) return std::unexpected(flow.error());
  auto request = compose(dialog.path, method, dialog.local_cseq + 1, *flow, body, headers);
  if (!request) return std::unexpected(request.error());
  if (method == Method::invite || method == Method::update) {
    add_capabilities(*request);
    if (dialog.session)
      ask_session_timer(*request, dialog.session->seconds, 0, dialog.session->is_refresher ? "uac" : "uas");
  }
  ++dialog.local_cseq;
  purpose.owner = dialog.number;
  const auto sent = transactions_.send(std::move(*request), *flow, purpose, 64 * settings_.t1);
  if (!sent) return std::unexpected(sent.error());
  return (*sent)->number();
}

/// A response with the To tag, our Contact and what its kind of request wants repeated (RFC 3261 12.1.1).
Message Stack::Core::make_response(const Message& request, int status, std::string_view reason,
                                   std::string_view local_tag) const {
  Message response = Message::response(request, status, reason);
  if (status == 100) {
    if (request.has(HeaderId::timestamp)) (void)response.add(HeaderId::timestamp, request.header(HeaderId::timestamp));
    return response;
  }
  if (request.to_tag().empty()) (void)response.set_to_tag(local_tag);
  if (!settings_.user_agent.empty()) (void)response.add(HeaderId::server, settings_.user_agent);
  if (status == 405 || status == 501) (void)response.add(HeaderId::allow, allow_);
  return response;
}

void Stack::Core::note_peer(Dialog& dialog, const Message& message) {
  if (!message.has(HeaderId::allow)) return;
  const auto methods = message.values(HeaderId::allow);
  dialog.allows_update = std::ranges::find(methods, "UPDATE") != methods.end();
}

std::optional<DialogFacts> Stack::Core::facts(DialogId id) const {
  const Dialog* dialog = find(id);
  if (!dialog) return std::nullopt;
  DialogFacts facts;
  facts.call_id = dialog->path.call_id;
  facts.local_tag = dialog->local_tag;
  facts.remote_tag = dialog->remote_tag;
  facts.local_uri = without_tag(dialog->path.local);
  facts.remote_uri = without_tag(dialog->path.remote);
  facts.remote_target = dialog->path.remote_target;
  facts.route_set = dialog->path.route_set;
  facts.local_cseq = dialog->local_cseq;
  facts.remote_cseq = dialog->remote_cseq;
  facts.is_caller = dialog->is_caller;
  facts.flow = dialog->flow;
  return facts;
}

std::optional<Endpoint> Stack::Core::peer(DialogId id) const {
  const Dialog* dialog = find(id);
  if (!dialog) return std::nullopt;
  return dialog->flow.peer;
}

}  // namespace nearend::sip
