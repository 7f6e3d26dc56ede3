#include "telemetry/log.hpp"

#include <spdlog/async.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>

namespace nearend::telemetry {
namespace {

constexpr size_t queue_limit = 8192;
constexpr size_t value_limit = 1024;
constexpr std::string_view key_mark = "inline:";  // before a key of SRTP (RFC 4568 9.1)
constexpr std::string_view key_end = " |;\t\r\n\"\\";

std::atomic<int> least_level{static_cast<int>(Level::info)};
std::shared_ptr<spdlog::logger> sink_logger;  // the writer thread and every caller use it

spdlog::level::level_enum spdlog_level(Level level) {
  switch (level) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warn:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
    case Level::off:
      return spdlog::level::off;
  }
  return spdlog::level::info;
}

/// A key that came along in somebody's words does not get into the line.
std::string without_keys(std::string value) {
  for (size_t at = value.find(key_mark); at != std::string::npos; at = value.find(key_mark, at)) {
    at += key_mark.size();
    const size_t end = std::min(value.find_first_of(key_end, at), value.size());
    value.replace(at, end - at, "***");
  }
  return value;
}

void append_value(std::string& line, std::string_view value) {
  const bool is_plain = !value.empty() && value.find_first_of(" \"=\\") == std::string_view::npos;
  if (!is_plain) line += '"';
  for (unsigned char c : value.substr(0, value_limit)) {
    if (c < 0x20 || c == 0x7f) {
      line += fmt::format("\\x{:02x}", c);
    } else {
      if (c == '"' || c == '\\') line += '\\';
      line += static_cast<char>(c);
    }
  }
  if (value.size() > value_limit) line += "...";
  if (!is_plain) line += '"';
}

spdlog::logger& logger() {
  static std::once_flag once;
  std::call_once(once, [] {
    if (!sink_logger) configure_log(static_cast<Level>(least_level.load()));
  });
  return *sink_logger;
}

}  // namespace

void configure_log(Level least, std::string_view file) {
  least_level = static_cast<int>(least);
  spdlog::sink_ptr sink;
  if (file.empty() || file == "-") {
    sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  } else {
    sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(std::string(file));
  }
  if (!spdlog::thread_pool()) spdlog::init_thread_pool(queue_limit, 1);
  sink_logger = std::make_shared<spdlog::async_logger>("nearend", std::move(sink), spdlog::thread_pool(),
                                                       spdlog::async_overflow_policy::overrun_oldest);
  sink_logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e %^%l%$ %v");
  sink_logger->set_level(spdlog_level(least));
  sink_logger->flush_on(spdlog::level::info);
}

bool is_logged(Level level) {
  return static_cast<int>(level) >= least_level.load(std::memory_order_relaxed);
}

std::string log_line(std::string_view event, std::initializer_list<Field> fields) {
  std::string line(event);
  for (const Field& field : fields) {
    line += ' ';
    line += field.key;
    line += '=';
    append_value(line, without_keys(field.value));
  }
  return line;
}

void log(Level level, std::string_view event, std::initializer_list<Field> fields) {
  if (is_logged(level)) logger().log(spdlog_level(level), "{}", log_line(event, fields));
}

uint64_t dropped_log_lines() {
  auto pool = spdlog::thread_pool();
  return pool ? pool->overrun_counter() : 0;
}

}  // namespace nearend::telemetry
