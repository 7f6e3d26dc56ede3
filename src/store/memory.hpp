#pragma once

#include <deque>
#include <map>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "store/store.hpp"

namespace nearend::store {

/// A Store that forgets with the process, answers at once and in a fixed order: for the simulator and for tests.
class MemoryStore final : public Store {
 public:
  Task<Result<std::optional<Account>>> account(std::string sid) override;
  Task<Result<void>> put_account(Account account) override;
  Task<Result<std::optional<Number>>> number(std::string number) override;
  Task<Result<void>> put_number(Number number) override;
  Task<Result<void>> put_call(Call call) override;
  Task<Result<std::optional<Call>>> call(std::string account_sid, std::string sid) override;
  Task<Result<std::vector<Call>>> calls(std::string account_sid, size_t limit) override;
  Task<Result<size_t>> put_events(std::vector<CallEvent> events) override;
  Task<Result<std::vector<CallEvent>>> events(std::string account_sid, std::string call_sid) override;
  Task<Result<void>> put_recording(Recording recording) override;
  Task<Result<std::optional<Recording>>> recording(std::string account_sid, std::string sid) override;

 private:
  std::map<std::string, Recording> recordings_;
  std::map<std::string, Account> accounts_;
  std::map<std::string, Number> numbers_;
  std::map<std::string, Call> calls_;
  std::map<std::string, std::vector<CallEvent>> events_;  ///< By call.
  std::unordered_set<std::string> event_ids_;
};

/// Live state of one process. An owner whose epoch is older than the capsule's is refused, also for some time after the
/// call ended, so that a router that was paused cannot bring a finished call back.
class MemoryLiveState final : public LiveState {
 public:
  Task<Result<void>> put_capsule(Capsule capsule) override;
  Task<Result<std::optional<Capsule>>> capsule(std::string call_sid) override;
  Task<Result<void>> drop_capsule(std::string call_sid) override;

 private:
  std::unordered_map<std::string, Capsule> capsules_;
  std::unordered_set<std::string> ended_;
  std::deque<std::string> ended_order_;
};

}  // namespace nearend::store
