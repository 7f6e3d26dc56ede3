#include "sip/transactions.hpp"

#include "sip/scan.hpp"
#include "sip/stack.hpp"

namespace nearend::sip {
namespace {

uint64_t mix(uint64_t seed, std::string_view text) {
  return (seed ^ std::hash<std::string_view>{}(text)) * 0x9e37'79b9'7f4a'7c15 + 0x632b'e59b'd9b4'e019;
}

uint32_t cseq_number(const Message& message) {
  const auto cseq = message.cseq();
  return cseq ? cseq->number : 0;
}

}  // namespace

Transactions::Transactions(io::Loop& loop, Transport& transport, const StackSettings& settings, TransactionUser& user)
    : loop_(loop),
      transport_(transport),
      settings_(settings),
      user_(user),
      context_{loop, transport, settings, user, this},
      clients_(settings.shard),
      servers_(settings.shard),
      merge_seed_(loop.random()) {}

uint32_t Transactions::loop_hash(const Message& request) {
  uint64_t hash = mix(cseq_number(request), request.request_uri());
  hash = mix(hash, request.call_id());
  hash = mix(hash, request.from_tag());
  return static_cast<uint32_t>(hash >> 32);
}

std::string Transactions::via_of(const Flow& flow, const Branch& branch) const {
  std::string via = "SIP/2.0/";
  via.append(to_string(flow.protocol)).append(" ").append(transport_.advertised(flow));
  via.append(";branch=").append(make_branch(branch));
  if (flow.protocol == Protocol::udp) via.append(";rport");
  return via;
}

ClientTransaction& Transactions::add_client(Message request, const Flow& flow, Purpose purpose, uint64_t number,
                                            uint64_t secret) {
  if (flow.connection != 0) ++clients_on_connection_[flow.connection];
  return clients_.put(number,
                      std::make_unique<ClientTransaction>(context_, number, secret, std::move(request), flow, purpose));
}

Result<ClientTransaction*> Transactions::send(Message request, const Flow& flow, Purpose purpose,
                                              io::Duration give_up) {
  const bool is_in_dialog = purpose.kind != Purpose::Kind::invite && purpose.kind != Purpose::Kind::outside;
  if (is_full(is_in_dialog))
    return fail(Error::Kind::unavailable, "transactions_max {} reached", settings_.transactions_max);
  const uint64_t number = clients_.reserve();
  const uint64_t secret = loop_.random();
  auto stamped = request.prepend(HeaderId::via, via_of(flow, {{number, secret}, loop_hash(request)}));
  if (!stamped) {
    clients_.take(number);
    return pass(stamped);
  }
  ClientTransaction& transaction = add_client(std::move(request), flow, purpose, number, secret);
  transaction.start(give_up);
  return &transaction;
}

void Transactions::send_cancel(ClientTransaction& invite, std::string_view reason) {
  if (invite.cancel != 0 || invite.request().empty()) return;
  const Message& request = invite.request();
  auto cancel = Message::request(Method::cancel, request.request_uri());
  if (!cancel) return;
  (void)cancel->add(HeaderId::via, request.header(HeaderId::via));
  (void)cancel->add(HeaderId::max_forwards, "70");
  for (const auto route : request.values(HeaderId::route)) (void)cancel->add(HeaderId::route, route);
  (void)cancel->add(HeaderId::from, request.header(HeaderId::from));
  (void)cancel->add(HeaderId::to, request.header(HeaderId::to));
  (void)cancel->add(HeaderId::call_id, request.call_id());
  (void)cancel->add(HeaderId::cseq, fmt::format("{} CANCEL", invite.cseq()));
  if (!reason.empty()) (void)cancel->add(HeaderId::reason, reason);
  if (!settings_.user_agent.empty()) (void)cancel->add(HeaderId::user_agent, settings_.user_agent);
  const Purpose purpose{.kind = Purpose::Kind::cancel, .owner = invite.purpose.owner, .cookie = invite.number()};
  const uint64_t number = clients_.reserve();
  invite.cancel = number;
  add_client(std::move(*cancel), invite.flow(), purpose, number, invite.secret()).start(64 * settings_.t1);
}

std::string Transactions::send_ack(Message ack, const Flow& flow) {
  // Number 0 is nobody's: a response to an ACK, which must not be, finds no transaction.
  if (!ack.prepend(HeaderId::via, via_of(flow, {{0, loop_.random()}, loop_hash(ack)}))) return {};
  std::string wire = ack.serialize();
  transport_.send(flow, wire);
  return wire;
}

ClientTransaction* Transactions::find_client(const Message& response) const {
  // The whole Via has been read before; here one parameter counts.
  const std::string_view via = response.header(HeaderId::via);
  const auto parameters = scan::parameters_part(via.substr(0, scan::find_outside(via, ',')));
  const auto branch = parse_branch(scan::find_parameter(parameters, "branch"));
  if (!branch) return nullptr;
  ClientTransaction* found = clients_.find(branch->id.number);
  if (!found || found->secret() != branch->id.secret) return nullptr;
  if (response.method() == Method::cancel && found->method() == Method::invite) found = clients_.find(found->cancel);
  return found && found->method() == response.method() ? found : nullptr;
}

std::string Transactions::key_of(const Message& request, const Via& via, Method method) {
  const bool is_invite = method == Method::invite || method == Method::ack;
  const std::string_view name = is_invite                    ? "INVITE"
                                : method == request.method() ? request.method_name()
                                                             : to_string(method);
  const uint16_t port = via.port.value_or(0);
  if (via.has_rfc3261_branch()) {
    std::string key(via.branch());
    key.append("|").append(via.host).append(":").append(std::to_string(port)).append("|").append(name);
    return key;
  }
  return fmt::format("{}|{}|{}|{}|{}|{}:{}|{}", request.request_uri(), request.from_tag(), request.call_id(),
                     cseq_number(request), via.branch(), via.host, port, name);
}

ServerTransaction* Transactions::find_server(const std::string& key) const {
  const auto found = by_key_.find(key);
  return found == by_key_.end() ? nullptr : found->second;
}

bool Transactions::is_full(bool is_in_dialog) const {
  return size() >= settings_.transactions_max + (is_in_dialog ? settings_.transactions_max / 4 : 0);
}

ServerTransaction& Transactions::add_server(Message request, const Flow& origin, const Flow& reply_to,
                                            std::string key) {
  const uint64_t number = servers_.reserve();
  ServerTransaction& transaction =
      servers_.put(number, std::make_unique<ServerTransaction>(context_, number, std::move(request), origin, reply_to));
  transaction.key = std::move(key);
  by_key_.emplace(transaction.key, &transaction);
  return transaction;
}

bool Transactions::note_merge(ServerTransaction& transaction) {
  const Message& request = transaction.request();
  uint64_t hash = mix(merge_seed_ + cseq_number(request), request.call_id());
  hash = mix(hash, request.from_tag());
  hash = mix(hash, request.method_name());
  const auto [place, is_new] = by_merge_.emplace(hash, transaction.number());
  if (is_new) transaction.merge_hash = hash;
  return is_new;
}

void Transactions::fail_flow(const Flow& flow) {
  if (flow.connection != 0 && !clients_on_connection_.contains(flow.connection)) return;
  std::vector<uint64_t> hit;
  clients_.for_each([&](ClientTransaction& transaction) {
    const Flow& used = transaction.flow();
    const bool is_stream = flow.connection != 0 && used.connection == flow.connection;
    // What ICMP says counts only before the peer has said anything.
    const bool is_datagram = flow.protocol == Protocol::udp && used.protocol == Protocol::udp &&
                             used.peer == flow.peer && !transaction.has_provisional();
    if (is_stream || is_datagram) hit.push_back(transaction.number());
  });
  for (const uint64_t number : hit)
    if (ClientTransaction* transaction = clients_.find(number)) transaction->on_transport_failure();
}

void Transactions::remove(ClientTransaction& transaction) {
  auto dead = clients_.take(transaction.number());
  if (!dead) return;
  const auto shared = clients_on_connection_.find(transaction.flow().connection);
  if (shared != clients_on_connection_.end() && --shared->second == 0) clients_on_connection_.erase(shared);
  dead_clients_.push_back(std::move(dead));
  user_.on_transaction_over();
}

void Transactions::remove(ServerTransaction& transaction) {
  if (auto found = by_key_.find(transaction.key); found != by_key_.end() && found->second == &transaction)
    by_key_.erase(found);
  if (transaction.merge_hash != 0) by_merge_.erase(transaction.merge_hash);
  if (auto dead = servers_.take(transaction.number())) dead_servers_.push_back(std::move(dead));
  user_.on_transaction_over();
}

void Transactions::bury() {
  dead_clients_.clear();
  dead_servers_.clear();
}

}  // namespace nearend::sip
