#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sip/identifier.hpp"
#include "sip/slot_table.hpp"
#include "sip/transaction.hpp"

namespace nearend::sip {

/// All transactions of a stack: makes them, finds them for what comes in, and frees them. Transactions that end are
/// kept until bury(), so that one may end within its own call.
class Transactions {
 public:
  Transactions(io::Loop& loop, Transport& transport, const StackSettings& settings, TransactionUser& user);

  /// Puts a Via on top and sends it. Fails when transactions_max is reached.
  Result<ClientTransaction*> send(Message request, const Flow& flow, Purpose purpose, io::Duration give_up);
  /// The CANCEL of `invite` (RFC 3261 9.1), on its branch. Once.
  void send_cancel(ClientTransaction& invite, std::string_view reason);
  /// Sends an ACK of a 2xx: a branch of its own, no transaction. Gives the bytes, to be sent again.
  std::string send_ack(Message ack, const Flow& flow);

  /// Finds whom a response is for by its branch and method.
  ClientTransaction* find_client(const Message& response) const;
  ClientTransaction* client(uint64_t number) const { return clients_.find(number); }

  /// How a request is found again: by branch and sent-by, or for RFC 2543 senders by what identified it then.
  /// ACK and CANCEL are found under their INVITE.
  static std::string key_of(const Message& request, const Via& via, Method method);
  ServerTransaction* find_server(const std::string& key) const;
  ServerTransaction* server(uint64_t number) const { return servers_.find(number); }
  /// Requests within dialogs have a quarter of transactions_max more.
  bool is_full(bool is_in_dialog) const;
  ServerTransaction& add_server(Message request, const Flow& origin, const Flow& reply_to, std::string key);
  /// Remembers the request for the check of RFC 3261 8.2.2.2; false when another like it is here.
  bool note_merge(ServerTransaction& transaction);

  /// The connection broke: requests that wait for an answer on it have failed.
  void fail_flow(const Flow& flow);
  void remove(ClientTransaction& transaction);
  void remove(ServerTransaction& transaction);
  void bury();
  size_t size() const { return clients_.size() + servers_.size(); }

  /// What a request is, for loop detection: Request-URI, Call-ID, From tag and CSeq.
  static uint32_t loop_hash(const Message& request);

 private:
  std::string via_of(const Flow& flow, const Branch& branch) const;
  ClientTransaction& add_client(Message request, const Flow& flow, Purpose purpose, uint64_t number, uint64_t secret);

  io::Loop& loop_;
  Transport& transport_;
  const StackSettings& settings_;
  TransactionUser& user_;
  TransactionContext context_;
  SlotTable<ClientTransaction> clients_;
  SlotTable<ServerTransaction> servers_;
  std::unordered_map<std::string_view, ServerTransaction*> by_key_;  // views of ServerTransaction::key
  std::unordered_map<uint64_t, uint64_t> by_merge_;                  // hash to number
  std::unordered_map<uint64_t, size_t> clients_on_connection_;
  std::vector<std::unique_ptr<ClientTransaction>> dead_clients_;
  std::vector<std::unique_ptr<ServerTransaction>> dead_servers_;
  uint64_t merge_seed_;
};

}  // namespace nearend::sip
