#pragma once

#include <chrono>
#include <concepts>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.hpp"
#include "config/node.hpp"

namespace nearend::config {

/// How a type is spelt in a file: reading with a range check, writing for samples, and its name for the manual.
/// Durations are strings with a unit: "500ms", "20s", "5m", "2h".
template <class T>
struct Value;

template <>
struct Value<std::string> {
  static std::string name() { return "string"; }
  static Result<void> read(const Node& node, std::string& value);
  static std::string write(const std::string& value);
};
template <>
struct Value<bool> {
  static std::string name() { return "true or false"; }
  static Result<void> read(const Node& node, bool& value);
  static std::string write(bool value) { return value ? "true" : "false"; }
};
template <>
struct Value<double> {
  static std::string name() { return "number"; }
  static Result<void> read(const Node& node, double& value);
  static std::string write(double value);
};

Result<int64_t> read_integer(const Node& node, int64_t least, uint64_t most);
template <std::integral T>
struct Value<T> {
  static std::string name() { return "whole number"; }
  static Result<void> read(const Node& node, T& value) {
    auto read = read_integer(node, static_cast<int64_t>(std::numeric_limits<T>::min()),
                             static_cast<uint64_t>(std::numeric_limits<T>::max()));
    if (!read) return pass(read);
    value = static_cast<T>(*read);
    return {};
  }
  static std::string write(T value) { return fmt::format("{}", value); }
};

Result<std::chrono::milliseconds> read_duration(const Node& node);
std::string write_duration(std::chrono::milliseconds value);
template <class Rep, class Period>
struct Value<std::chrono::duration<Rep, Period>> {
  using Duration = std::chrono::duration<Rep, Period>;
  static std::string name() { return "duration"; }
  static Result<void> read(const Node& node, Duration& value) {
    auto read = read_duration(node);
    if (!read) return pass(read);
    value = std::chrono::duration_cast<Duration>(*read);
    return {};
  }
  static std::string write(Duration value) {
    return write_duration(std::chrono::duration_cast<std::chrono::milliseconds>(value));
  }
};

template <>
struct Value<IpAddress> {
  static std::string name() { return "address"; }
  static Result<void> read(const Node& node, IpAddress& value);
  static std::string write(const IpAddress& value) { return '"' + value.to_string() + '"'; }
};
template <>
struct Value<Endpoint> {
  static std::string name() { return "address:port"; }
  static Result<void> read(const Node& node, Endpoint& value);
  static std::string write(const Endpoint& value) { return '"' + value.to_string() + '"'; }
};
template <>
struct Value<Cidr> {
  static std::string name() { return "network"; }
  static Result<void> read(const Node& node, Cidr& value);
  static std::string write(const Cidr& value) { return '"' + value.to_string() + '"'; }
};

template <class T>
struct Value<std::optional<T>> {
  static std::string name() { return Value<T>::name() + ", may be left out"; }
  static Result<void> read(const Node& node, std::optional<T>& value) { return Value<T>::read(node, value.emplace()); }
  static std::string write(const std::optional<T>& value) { return value ? Value<T>::write(*value) : std::string(); }
};

template <class T>
struct Value<std::vector<T>> {
  static std::string name() { return "list of " + Value<T>::name(); }
  static Result<void> read(const Node& node, std::vector<T>& value) {
    if (node.kind != Node::Kind::array)
      return fail(Error::Kind::invalid, "must be an array, found {}", to_string(node.kind));
    value.clear();
    for (const Node& element : node.elements) {
      auto read = Value<T>::read(element, value.emplace_back());
      if (!read) return read;
    }
    return {};
  }
  static std::string write(const std::vector<T>& value) {
    std::string text = "[";
    for (const T& element : value) text += (text.size() > 1 ? ", " : "") + Value<T>::write(element);
    return text + "]";
  }
};

}  // namespace nearend::config
