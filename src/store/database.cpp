#include "store/database.hpp"

#include <sqlite3.h>

#include <array>

namespace nearend::store {
namespace {

constexpr int busy_ms = 5000;

/// migrations[n] leads from version n to n + 1. Only ever appended to.
constexpr std::array migrations{
    "CREATE TABLE accounts (sid TEXT PRIMARY KEY, auth_token TEXT NOT NULL, name TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE numbers (number TEXT PRIMARY KEY, sid TEXT NOT NULL, account_sid TEXT NOT NULL, voice_url TEXT NOT "
    "NULL,"
    " voice_method TEXT NOT NULL, fallback_url TEXT NOT NULL, fallback_method TEXT NOT NULL, status_callback TEXT NOT "
    "NULL,"
    " status_callback_method TEXT NOT NULL, forward_to TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE calls (sid TEXT PRIMARY KEY, parent_sid TEXT NOT NULL, account_sid TEXT NOT NULL, caller TEXT NOT "
    "NULL,"
    " called TEXT NOT NULL, direction TEXT NOT NULL, status TEXT NOT NULL, created_ms INTEGER NOT NULL,"
    " started_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL, duration_s INTEGER NOT NULL, end_reason TEXT NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE INDEX calls_by_account ON calls (account_sid, created_ms);"
    "CREATE TABLE events (id TEXT PRIMARY KEY, call_sid TEXT NOT NULL, account_sid TEXT NOT NULL, leg TEXT NOT NULL,"
    " kind TEXT NOT NULL, gateway TEXT NOT NULL, at_ms INTEGER NOT NULL, detail TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX events_by_call ON events (call_sid, at_ms);",
    "CREATE TABLE recordings (sid TEXT PRIMARY KEY, call_sid TEXT NOT NULL, account_sid TEXT NOT NULL,"
    " source TEXT NOT NULL, status TEXT NOT NULL, created_ms INTEGER NOT NULL, duration_s INTEGER NOT NULL,"
    " channels INTEGER NOT NULL) WITHOUT ROWID;",
};

}  // namespace

std::string Row::text(int column) const {
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  return bytes ? std::string(bytes, static_cast<size_t>(sqlite3_column_bytes(statement_, column))) : std::string();
}

int64_t Row::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}

Result<Database> Database::open(const std::string& path) {
  sqlite3* handle = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  Database database(handle);
  if (code != SQLITE_OK) return fail(Error::Kind::internal, "database {}: {}", path, sqlite3_errstr(code));
  sqlite3_busy_timeout(handle, busy_ms);
  auto ready = database.run("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;");
  if (!ready) return fail(Error::Kind::internal, "database {}: {}", path, ready.error().text);
  return database;
}

Database::Database(Database&& other) noexcept
    : handle_(std::exchange(other.handle_, nullptr)), statements_(std::move(other.statements_)) {
  other.statements_.clear();
}

Database::~Database() {
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close(handle_);
}

Result<void> Database::migrate() {
  auto versions = select("PRAGMA user_version", [](const Row& row) { return row.integer(0); });
  if (!versions) return pass(versions);
  const auto version = static_cast<size_t>(versions->at(0));
  if (version > migrations.size())
    return fail(Error::Kind::unsupported,
                "the database has version {}, this program knows {}: it was used by a newer one", version,
                migrations.size());
  for (size_t next = version; next < migrations.size(); ++next) {
    const std::string step =
        fmt::format("BEGIN IMMEDIATE; {} PRAGMA user_version = {}; COMMIT;", migrations.at(next), next + 1);
    auto done = run(step.c_str());
    if (!done) return done;
  }
  return {};
}

Result<void> Database::run(const char* sql) {
  if (sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr) == SQLITE_OK) return {};
  auto error = failed("statement");
  if (!sqlite3_get_autocommit(handle_)) sqlite3_exec(handle_, "ROLLBACK", nullptr, nullptr, nullptr);
  return error;
}

Result<sqlite3_stmt*> Database::prepared(const char* sql) {
  sqlite3_stmt*& statement = statements_[sql];
  if (!statement && sqlite3_prepare_v3(handle_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr) != SQLITE_OK) {
    statements_.erase(sql);
    return failed("statement");
  }
  return statement;
}

void Database::bind(sqlite3_stmt* statement, int at, std::string_view text) {
  // A null pointer would bind NULL, and every column is NOT NULL.
  sqlite3_bind_text(statement, at, text.data() ? text.data() : "", static_cast<int>(text.size()), SQLITE_TRANSIENT);
}

void Database::bind(sqlite3_stmt* statement, int at, int64_t number) {
  sqlite3_bind_int64(statement, at, number);
}

Result<bool> Database::step(sqlite3_stmt* statement) {
  const int code = sqlite3_step(statement);
  if (code == SQLITE_ROW) return true;
  auto error = failed("step");
  sqlite3_reset(statement);
  sqlite3_clear_bindings(statement);
  if (code == SQLITE_DONE) return false;
  return error;
}

Result<size_t> Database::step_all(sqlite3_stmt* statement) {
  while (true) {
    auto has_row = step(statement);
    if (!has_row) return pass(has_row);
    if (!*has_row) return static_cast<size_t>(sqlite3_changes(handle_));
  }
}

std::unexpected<Error> Database::failed(std::string_view what) const {
  return fail(Error::Kind::internal, "{}: {}", what, sqlite3_errmsg(handle_));
}

}  // namespace nearend::store
