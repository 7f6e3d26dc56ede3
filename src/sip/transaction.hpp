#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sip/alarm.hpp"
#include "sip/message.hpp"
#include "sip/transport.hpp"

namespace nearend::sip {

class ClientTransaction;
class ServerTransaction;
struct StackSettings;

/// What a client transaction was sent for; comes back with its outcome.
struct Purpose {
  enum class Kind : uint8_t { invite, reinvite, change, request, prack, bye, cancel, outside, stray };
  Kind kind = Kind::stray;
  uint64_t owner = 0;   ///< A dialog, or for `outside` the number of the request.
  uint64_t cookie = 0;  ///< For `request` what Stack::request returned; for `invite` the attempt.
};

enum class SendFailure : uint8_t { timeout, transport };

/// The layer above the transactions (RFC 3261 17). Told on the loop's thread; may end the transaction it is told about.
class TransactionUser {
 public:
  virtual ~TransactionUser() = default;
  /// Each provisional and the final response once; 2xx to INVITE each time it comes (RFC 6026).
  virtual void on_response(ClientTransaction& transaction, const Message& response) = 0;
  virtual void on_send_failed(ClientTransaction& transaction, SendFailure failure) = 0;
  /// A final response has been sent, or the transaction ends without one.
  virtual void on_server_done(ServerTransaction& transaction) = 0;
  /// Some transaction is dead: Transactions::bury() is due.
  virtual void on_transaction_over() = 0;
};

/// What the transactions of one stack share.
struct TransactionContext {
  io::Loop& loop;
  Transport& transport;
  const StackSettings& settings;
  TransactionUser& user;
  class Transactions* table = nullptr;
};

/// One request sent and its responses (RFC 3261 17.1; RFC 6026 for 2xx to INVITE).
class ClientTransaction {
 public:
  enum class State : uint8_t { calling, proceeding, completed, accepted, terminated };
  struct Ack {
    std::string tag;  ///< To tag of the 2xx that it acknowledges.
    std::string wire;
    Flow flow;
  };

  ClientTransaction(TransactionContext& context, uint64_t number, uint64_t secret, Message request, Flow flow,
                    Purpose purpose);

  /// Sends it. `give_up` is timer B or F; less than 64*T1 when there is another target to try.
  void start(io::Duration give_up);
  void on_response(const Message& response);
  void on_transport_failure();
  /// Nobody is interested any more: it goes on acknowledging for a while, and ends the callee's ringing (RFC 3261 9.1).
  void abandon();
  /// Gives up after this time if there is no final response by then: a provisional one has stopped timer B.
  void limit(io::Duration left);
  bool is_limited() const { return timeout_.is_set(); }

  uint64_t number() const { return number_; }
  uint64_t secret() const { return secret_; }
  Method method() const { return method_; }
  State state() const { return state_; }
  const Flow& flow() const { return flow_; }
  uint32_t cseq() const { return cseq_; }
  /// As sent, until its final response has been handled; may be taken to send it again in another shape.
  Message& request() { return request_; }
  bool has_provisional() const { return has_provisional_; }

  Purpose purpose;
  uint64_t cancel = 0;    ///< Number of the CANCEL of this INVITE.
  std::vector<Ack> acks;  ///< Of 2xx, sent again when those come again.

 private:
  void on_invite_response(const Message& response);
  void on_other_response(const Message& response);
  void on_retransmit();
  void on_timeout();
  void send_ack(const Message& response);
  void complete(io::Duration linger);
  void terminate();

  TransactionContext& context_;
  uint64_t number_;
  uint64_t secret_;
  Method method_;
  State state_ = State::calling;
  bool has_provisional_ = false;
  uint32_t cseq_ = 0;
  Flow flow_;
  Message request_;
  std::string ack_wire_;  // of a final response 300-699
  io::Duration interval_{};
  Alarm retransmit_;
  Alarm timeout_;
};

/// One request received and our responses (RFC 3261 17.2; RFC 6026 for 2xx to INVITE).
class ServerTransaction {
 public:
  enum class State : uint8_t { proceeding, completed, confirmed, accepted, terminated };

  ServerTransaction(TransactionContext& context, uint64_t number, Message request, Flow origin, Flow reply_to);

  /// Sends a response; after a final one only its retransmission is left to do.
  void respond(const Message& response);
  /// The request came again.
  void on_repeated();
  /// The ACK of our final response 300-699.
  void on_ack();

  uint64_t number() const { return number_; }
  Method method() const { return method_; }
  State state() const { return state_; }
  bool is_answered() const { return state_ != State::proceeding; }
  /// Empty once a final response has been sent.
  const Message& request() const { return request_; }
  const Flow& origin() const { return origin_; }
  const Flow& reply_to() const { return reply_to_; }

  uint64_t dialog = 0;      ///< The dialog it belongs to, 0 outside.
  std::string key;          ///< How the request is found again (RFC 3261 17.2.3).
  uint64_t merge_hash = 0;  ///< RFC 3261 8.2.2.2; 0 within dialogs.
  bool is_counted = false;  ///< Among the pending INVITEs of the overload guard.
  std::string local_tag;    ///< To tag of our responses when the request had none.

 private:
  void on_retransmit();
  void on_timeout();
  void terminate();

  TransactionContext& context_;
  uint64_t number_;
  Method method_;
  State state_ = State::proceeding;
  Message request_;
  Flow origin_;
  Flow reply_to_;
  std::string wire_;  // the last response
  io::Duration interval_{};
  Alarm retransmit_;
  Alarm timeout_;
};

}  // namespace nearend::sip
