#pragma once

#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace nearend::telemetry {

enum class Level { debug, info, warn, error, off };

/// One key of a log line. Control bytes are escaped and values longer than 1 KiB are cut when the line is written.
struct Field {
  std::string_view key;
  std::string value;

  Field(std::string_view k, std::string_view v) : key(k), value(v) {}
  Field(std::string_view k, const char* v) : key(k), value(v) {}
  Field(std::string_view k, std::string v) : key(k), value(std::move(v)) {}
  Field(std::string_view k, bool v) : key(k), value(v ? "true" : "false") {}
  template <class T>
    requires(std::integral<T> || std::floating_point<T>)
  Field(std::string_view k, T v) : key(k), value(fmt::format("{}", v)) {}
};

/// Writes one event with keys to standard error (or where configure_log said). Any thread; never blocks: a full queue
/// drops the line and counts it. `call`, `leg` and `region` are given wherever they are known. Secrets never, numbers
/// masked; what stands behind "inline:", a key of SRTP, never gets into a line.
void log(Level level, std::string_view event, std::initializer_list<Field> fields = {});
bool is_logged(Level level);
/// The line that log() writes, without its time.
std::string log_line(std::string_view event, std::initializer_list<Field> fields);

inline void debug(std::string_view event, std::initializer_list<Field> fields = {}) {
  if (is_logged(Level::debug)) log(Level::debug, event, fields);
}
inline void info(std::string_view event, std::initializer_list<Field> fields = {}) {
  log(Level::info, event, fields);
}
inline void warn(std::string_view event, std::initializer_list<Field> fields = {}) {
  log(Level::warn, event, fields);
}
inline void error(std::string_view event, std::initializer_list<Field> fields = {}) {
  log(Level::error, event, fields);
}

/// Sets the least level and the file ("" or "-": standard error). Call before other threads log.
void configure_log(Level least, std::string_view file = "");
uint64_t dropped_log_lines();

}  // namespace nearend::telemetry
