#include "store/memory.hpp"

#include <algorithm>

namespace nearend::store {
namespace {

constexpr size_t ended_max = 10000;  // calls remembered after their end

template <class T>
std::optional<T> find(const std::map<std::string, T>& rows, const std::string& key) {
  const auto place = rows.find(key);
  if (place == rows.end()) return std::nullopt;
  return place->second;
}

}  // namespace

Task<Result<std::optional<Account>>> MemoryStore::account(std::string sid) {
  co_return find(accounts_, sid);
}

Task<Result<void>> MemoryStore::put_account(Account account) {
  std::string key = account.sid;
  accounts_[key] = std::move(account);
  co_return Result<void>{};
}

Task<Result<std::optional<Number>>> MemoryStore::number(std::string number) {
  co_return find(numbers_, number);
}

Task<Result<void>> MemoryStore::put_number(Number number) {
  std::string key = number.number;
  numbers_[key] = std::move(number);
  co_return Result<void>{};
}

Task<Result<void>> MemoryStore::put_call(Call call) {
  std::string key = call.sid;
  calls_[key] = std::move(call);
  co_return Result<void>{};
}

Task<Result<std::optional<Call>>> MemoryStore::call(std::string account_sid, std::string sid) {
  auto row = find(calls_, sid);
  if (row && row->account_sid != account_sid) row.reset();
  co_return row;
}

Task<Result<std::vector<Call>>> MemoryStore::calls(std::string account_sid, size_t limit) {
  std::vector<Call> rows;
  for (const auto& [sid, row] : calls_)
    if (row.account_sid == account_sid) rows.push_back(row);
  std::ranges::sort(rows, [](const Call& a, const Call& b) {
    return std::pair(a.created_ms, a.sid) > std::pair(b.created_ms, b.sid);
  });
  rows.resize(std::min(rows.size(), limit));
  co_return rows;
}

Task<Result<size_t>> MemoryStore::put_events(std::vector<CallEvent> events) {
  size_t fresh = 0;
  for (CallEvent& event : events) {
    if (!event_ids_.insert(event.id).second) continue;
    ++fresh;
    std::string key = event.call_sid;
    events_[key].push_back(std::move(event));
  }
  co_return fresh;
}

Task<Result<std::vector<CallEvent>>> MemoryStore::events(std::string account_sid, std::string call_sid) {
  std::vector<CallEvent> rows = find(events_, call_sid).value_or(std::vector<CallEvent>{});
  std::erase_if(rows, [&account_sid](const CallEvent& row) { return row.account_sid != account_sid; });
  std::ranges::sort(
      rows, [](const CallEvent& a, const CallEvent& b) { return std::pair(a.at_ms, a.id) < std::pair(b.at_ms, b.id); });
  co_return rows;
}

Task<Result<void>> MemoryStore::put_recording(Recording recording) {
  std::string key = recording.sid;
  recordings_[key] = std::move(recording);
  co_return Result<void>{};
}

Task<Result<std::optional<Recording>>> MemoryStore::recording(std::string account_sid, std::string sid) {
  auto row = find(recordings_, sid);
  if (row && row->account_sid != account_sid) row.reset();
  co_return row;
}

Task<Result<void>> MemoryLiveState::put_capsule(Capsule capsule) {
  if (ended_.contains(capsule.call_sid)) co_return fail(Error::Kind::refused, "call {} has ended", capsule.call_sid);
  Capsule& kept = capsules_[capsule.call_sid];
  const bool is_stale =
      capsule.epoch < kept.epoch || (capsule.epoch == kept.epoch && !kept.owner.empty() && capsule.owner != kept.owner);
  if (is_stale)
    co_return fail(Error::Kind::refused, "call {} belongs to {} since epoch {}; {} has epoch {}", capsule.call_sid,
                   kept.owner, kept.epoch, capsule.owner, capsule.epoch);
  kept = std::move(capsule);
  co_return Result<void>{};
}

Task<Result<std::optional<Capsule>>> MemoryLiveState::capsule(std::string call_sid) {
  const auto place = capsules_.find(call_sid);
  if (place == capsules_.end()) co_return std::optional<Capsule>{};
  co_return std::optional<Capsule>(place->second);
}

Task<Result<void>> MemoryLiveState::drop_capsule(std::string call_sid) {
  capsules_.erase(call_sid);
  if (ended_.insert(call_sid).second) ended_order_.push_back(std::move(call_sid));
  if (ended_order_.size() > ended_max) {
    ended_.erase(ended_order_.front());
    ended_order_.pop_front();
  }
  co_return Result<void>{};
}

}  // namespace nearend::store
