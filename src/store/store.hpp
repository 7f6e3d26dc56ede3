#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/task.hpp"

namespace nearend::store {

/// Durable rows. All times are wall-clock milliseconds since 1970.
struct Account {
  std::string sid, auth_token, name;
};
/// What a number or a SIP domain is bound to.
struct Number {
  std::string number, sid, account_sid;
  std::string voice_url, voice_method = "POST", fallback_url, fallback_method = "POST";
  std::string status_callback, status_callback_method = "POST";
  std::string forward_to;  ///< Set: the gateway bridges to it without any router.
};
struct Call {
  std::string sid, parent_sid, account_sid, from, to, direction, status;
  int64_t created_ms = 0, started_ms = 0, ended_ms = 0;
  int64_t duration_s = 0;
  std::string end_reason;
};
/// A billing or timeline event. `id` is unique: storing one again changes nothing (at-least-once shipping, invariants
/// I4, I5).
struct CallEvent {
  std::string id, call_sid, account_sid, leg, kind, gateway;
  int64_t at_ms = 0;
  std::string detail;  ///< JSON object.
};
/// A recording whose file is `<recordings>/<sid>.wav` on the node that wrote it.
struct Recording {
  std::string sid, call_sid, account_sid, source, status;  ///< source: RecordVerb, DialVerb; status: completed, absent
  int64_t created_ms = 0, duration_s = 0, channels = 1;
};
/// A call's capsule: the newest epoch wins, an older one is refused.
struct Capsule {
  std::string call_sid, owner;
  uint64_t epoch = 0;
  std::string content;  ///< JSON.
};

/// Durable data. SQLite today (WAL, one writer thread, group commit); PostgreSQL is to join behind the same calls.
/// Tasks resume on the caller's loop.
class Store {
 public:
  virtual ~Store() = default;
  virtual Task<Result<std::optional<Account>>> account(std::string sid) = 0;
  virtual Task<Result<void>> put_account(Account account) = 0;
  virtual Task<Result<std::optional<Number>>> number(std::string number) = 0;
  virtual Task<Result<void>> put_number(Number number) = 0;
  virtual Task<Result<void>> put_call(Call call) = 0;
  virtual Task<Result<std::optional<Call>>> call(std::string account_sid, std::string sid) = 0;
  virtual Task<Result<std::vector<Call>>> calls(std::string account_sid, size_t limit) = 0;
  virtual Task<Result<size_t>> put_events(std::vector<CallEvent> events) = 0;  ///< How many were new.
  virtual Task<Result<std::vector<CallEvent>>> events(std::string account_sid, std::string call_sid) = 0;
  virtual Task<Result<void>> put_recording(Recording recording) = 0;
  virtual Task<Result<std::optional<Recording>>> recording(std::string account_sid, std::string sid) = 0;
};

/// Live state, gone with the process unless another implementation (NATS JetStream is to join) keeps it.
class LiveState {
 public:
  virtual ~LiveState() = default;
  virtual Task<Result<void>> put_capsule(Capsule capsule) = 0;  ///< Error::Kind::refused when a newer epoch is there.
  virtual Task<Result<std::optional<Capsule>>> capsule(std::string call_sid) = 0;
  virtual Task<Result<void>> drop_capsule(std::string call_sid) = 0;
};

}  // namespace nearend::store
