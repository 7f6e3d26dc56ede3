#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace nearend::store {

/// One result row; valid until the next step.
class Row {
 public:
  explicit Row(sqlite3_stmt* statement) : statement_(statement) {}
  std::string text(int column) const;
  int64_t integer(int column) const;

 private:
  sqlite3_stmt* statement_;
};

/// One connection to an SQLite file, with its prepared statements. One thread.
class Database {
 public:
  static Result<Database> open(const std::string& path);
  Database(Database&& other) noexcept;
  Database& operator=(Database&&) = delete;
  ~Database();

  /// Brings the schema to the newest version; refuses one that is newer still.
  Result<void> migrate();

  /// Runs statements without parameters.
  Result<void> run(const char* sql);
  /// Runs one statement with `?1`, `?2` ...; how many rows it changed.
  template <class... Values>
  Result<size_t> change(const char* sql, const Values&... values) {
    auto statement = bound(sql, values...);
    if (!statement) return pass(statement);
    return step_all(*statement);
  }
  /// All rows of a query, each made by `read(row)`.
  template <class Read, class... Values>
  auto select(const char* sql, Read read, const Values&... values)
      -> Result<std::vector<decltype(read(Row(nullptr)))>> {
    std::vector<decltype(read(Row(nullptr)))> rows;
    auto statement = bound(sql, values...);
    if (!statement) return pass(statement);
    while (true) {
      auto has_row = step(*statement);
      if (!has_row) return pass(has_row);
      if (!*has_row) return rows;
      rows.push_back(read(Row(*statement)));
    }
  }

 private:
  explicit Database(sqlite3* handle) : handle_(handle) {}
  Result<sqlite3_stmt*> prepared(const char* sql);
  void bind(sqlite3_stmt* statement, int at, std::string_view text);
  void bind(sqlite3_stmt* statement, int at, int64_t number);
  /// False at the end; the statement is then ready for its next use.
  Result<bool> step(sqlite3_stmt* statement);
  Result<size_t> step_all(sqlite3_stmt* statement);
  std::unexpected<Error> failed(std::string_view what) const;

  template <class... Values>
  Result<sqlite3_stmt*> bound(const char* sql, const Values&... values) {
    auto statement = prepared(sql);
    if (!statement) return statement;
    int at = 0;
    (bind(*statement, ++at, values), ...);
    return statement;
  }

  sqlite3* handle_ = nullptr;
  std::unordered_map<std::string, sqlite3_stmt*> statements_;
};

}  // namespace nearend::store
