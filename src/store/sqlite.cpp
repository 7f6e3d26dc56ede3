#include "store/sqlite.hpp"

#include "store/database.hpp"
#include "store/worker.hpp"

namespace nearend::store {
namespace {

Account read_account(const Row& row) {
  return {row.text(0), row.text(1), row.text(2)};
}

Number read_number(const Row& row) {
  return {.number = row.text(0),
          .sid = row.text(1),
          .account_sid = row.text(2),
          .voice_url = row.text(3),
          .voice_method = row.text(4),
          .fallback_url = row.text(5),
          .fallback_method = row.text(6),
          .status_callback = row.text(7),
          .status_callback_method = row.text(8),
          .forward_to = row.text(9)};
}

constexpr const char* call_columns =
    "sid, parent_sid, account_sid, caller, called, direction, status, created_ms, started_ms, ended_ms, duration_s, "
    "end_reason";
Call read_call(const Row& row) {
  return {.sid = row.text(0),
          .parent_sid = row.text(1),
          .account_sid = row.text(2),
          .from = row.text(3),
          .to = row.text(4),
          .direction = row.text(5),
          .status = row.text(6),
          .created_ms = row.integer(7),
          .started_ms = row.integer(8),
          .ended_ms = row.integer(9),
          .duration_s = row.integer(10),
          .end_reason = row.text(11)};
}

CallEvent read_event(const Row& row) {
  return {.id = row.text(0),
          .call_sid = row.text(1),
          .account_sid = row.text(2),
          .leg = row.text(3),
          .kind = row.text(4),
          .gateway = row.text(5),
          .at_ms = row.integer(6),
          .detail = row.text(7)};
}

Recording read_recording(const Row& row) {
  return {.sid = row.text(0),
          .call_sid = row.text(1),
          .account_sid = row.text(2),
          .source = row.text(3),
          .status = row.text(4),
          .created_ms = row.integer(5),
          .duration_s = row.integer(6),
          .channels = row.integer(7)};
}

template <class T>
Result<std::optional<T>> first_of(Result<std::vector<T>> rows) {
  if (!rows) return pass(rows);
  if (rows->empty()) return std::optional<T>();
  return std::optional<T>(std::move(rows->front()));
}

Result<void> without_count(Result<size_t> changed) {
  if (!changed) return pass(changed);
  return {};
}

Result<size_t> insert_events(Database& database, const std::vector<CallEvent>& events) {
  size_t fresh = 0;
  for (const CallEvent& event : events) {
    auto changed = database.change("INSERT OR IGNORE INTO events VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)", event.id,
                                   event.call_sid, event.account_sid, event.leg, event.kind, event.gateway, event.at_ms,
                                   event.detail);
    if (!changed) return changed;
    fresh += *changed;
  }
  return fresh;
}

class SqliteStore final : public Store {
 public:
  SqliteStore(Database writing, Database reading, io::Loop& loop)
      : writer_(std::move(writing), Worker::Kind::writer, loop),
        reader_(std::move(reading), Worker::Kind::reader, loop) {}

  Task<Result<std::optional<Account>>> account(std::string sid) override {
    return reader_.submit<std::optional<Account>>([sid = std::move(sid)](Database& database) {
      return first_of(database.select("SELECT sid, auth_token, name FROM accounts WHERE sid = ?1", read_account, sid));
    });
  }
  Task<Result<void>> put_account(Account row) override {
    return writer_.submit<void>([row = std::move(row)](Database& database) {
      return without_count(
          database.change("INSERT OR REPLACE INTO accounts VALUES (?1, ?2, ?3)", row.sid, row.auth_token, row.name));
    });
  }
  Task<Result<std::optional<Number>>> number(std::string number) override {
    return reader_.submit<std::optional<Number>>([number = std::move(number)](Database& database) {
      return first_of(database.select(
          "SELECT number, sid, account_sid, voice_url, voice_method, fallback_url, fallback_method, status_callback,"
          " status_callback_method, forward_to FROM numbers WHERE number = ?1",
          read_number, number));
    });
  }
  Task<Result<void>> put_number(Number row) override {
    return writer_.submit<void>([row = std::move(row)](Database& database) {
      return without_count(
          database.change("INSERT OR REPLACE INTO numbers VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)", row.number,
                          row.sid, row.account_sid, row.voice_url, row.voice_method, row.fallback_url,
                          row.fallback_method, row.status_callback, row.status_callback_method, row.forward_to));
    });
  }
  Task<Result<void>> put_call(Call row) override {
    return writer_.submit<void>([row = std::move(row)](Database& database) {
      return without_count(
          database.change("INSERT OR REPLACE INTO calls VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
                          row.sid, row.parent_sid, row.account_sid, row.from, row.to, row.direction, row.status,
                          row.created_ms, row.started_ms, row.ended_ms, row.duration_s, row.end_reason));
    });
  }
  Task<Result<std::optional<Call>>> call(std::string account_sid, std::string sid) override {
    return reader_.submit<std::optional<Call>>(
        [account_sid = std::move(account_sid), sid = std::move(sid)](Database& database) {
          static const std::string sql =
              fmt::format("SELECT {} FROM calls WHERE sid = ?1 AND account_sid = ?2", call_columns);
          return first_of(database.select(sql.c_str(), read_call, sid, account_sid));
        });
  }
  Task<Result<std::vector<Call>>> calls(std::string account_sid, size_t limit) override {
    return reader_.submit<std::vector<Call>>([account_sid = std::move(account_sid), limit](Database& database) {
      static const std::string sql = fmt::format(
          "SELECT {} FROM calls WHERE account_sid = ?1 ORDER BY created_ms DESC, sid DESC LIMIT ?2", call_columns);
      return database.select(sql.c_str(), read_call, account_sid, static_cast<int64_t>(limit));
    });
  }
  Task<Result<size_t>> put_events(std::vector<CallEvent> events) override {
    return writer_.submit<size_t>(
        [events = std::move(events)](Database& database) { return insert_events(database, events); });
  }
  Task<Result<std::vector<CallEvent>>> events(std::string account_sid, std::string call_sid) override {
    return reader_.submit<std::vector<CallEvent>>(
        [account_sid = std::move(account_sid), call_sid = std::move(call_sid)](Database& database) {
          return database.select(
              "SELECT id, call_sid, account_sid, leg, kind, gateway, at_ms, detail FROM events"
              " WHERE call_sid = ?1 AND account_sid = ?2 ORDER BY at_ms, id",
              read_event, call_sid, account_sid);
        });
  }
  Task<Result<void>> put_recording(Recording row) override {
    return writer_.submit<void>([row = std::move(row)](Database& database) {
      return without_count(database.change("INSERT OR REPLACE INTO recordings VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                                           row.sid, row.call_sid, row.account_sid, row.source, row.status,
                                           row.created_ms, row.duration_s, row.channels));
    });
  }
  Task<Result<std::optional<Recording>>> recording(std::string account_sid, std::string sid) override {
    return reader_.submit<std::optional<Recording>>(
        [account_sid = std::move(account_sid), sid = std::move(sid)](Database& database) {
          return first_of(database.select(
              "SELECT sid, call_sid, account_sid, source, status, created_ms, duration_s, channels FROM recordings"
              " WHERE sid = ?1 AND account_sid = ?2",
              read_recording, sid, account_sid));
        });
  }

 private:
  Worker writer_;
  Worker reader_;
};

}  // namespace

Result<std::unique_ptr<Store>> open_sqlite(const std::string& path, io::Loop& loop) {
  auto writing = Database::open(path);
  if (!writing) return pass(writing);
  if (auto migrated = writing->migrate(); !migrated)
    return fail(migrated.error().kind, "database {}: {}", path, migrated.error().text);
  auto reading = Database::open(path);
  if (!reading) return pass(reading);
  return std::make_unique<SqliteStore>(std::move(*writing), std::move(*reading), loop);
}

}  // namespace nearend::store
