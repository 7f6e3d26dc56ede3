#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/values.hpp"

namespace nearend::config {

/// What looks at a role's settings key by key: the reader of a file, the writer of a sample, the writer of the manual.
/// A role lists its keys once, in `void describe(Section&, Settings&)`, and gets all three.
class Visitor {
 public:
  virtual ~Visitor() = default;
  using Reader = std::function<Result<void>(const Node&)>;
  virtual void value(std::string_view key, std::string_view type, std::string written, std::string_view meaning,
                     const Reader& read) = 0;
  virtual void table(std::string_view key, std::string_view meaning, const std::function<void()>& inside) = 0;
  /// `count` calls of `inside(i)` for what is there; the reader makes as many as the file has by `resize`.
  virtual void list(std::string_view key, std::string_view meaning, const std::function<void(size_t)>& resize,
                    const std::function<void(size_t)>& inside, size_t count) = 0;
};

/// The keys of one table.
class Section {
 public:
  explicit Section(Visitor& visitor) : visitor_(visitor) {}

  template <class T>
  void key(std::string_view name, T& value, std::string_view meaning) {
    visitor_.value(name, Value<T>::name(), Value<T>::write(value), meaning,
                   [&value](const Node& node) { return Value<T>::read(node, value); });
  }
  /// One of several names, in the order of the enumerators.
  template <class E>
  void choice(std::string_view name, E& value, std::vector<std::string_view> names, std::string_view meaning) {
    std::string type;
    for (std::string_view each : names) type += fmt::format("{}\"{}\"", type.empty() ? "" : " or ", each);
    visitor_.value(name, type, fmt::format("\"{}\"", names[static_cast<size_t>(value)]), meaning,
                   [&value, names, type](const Node& node) -> Result<void> {
                     for (size_t i = 0; i < names.size(); ++i) {
                       if (node.kind != Node::Kind::text || node.text != names[i]) continue;
                       value = static_cast<E>(i);
                       return {};
                     }
                     return fail(Error::Kind::invalid, "must be {}", type);
                   });
  }
  template <class S>
  void table(std::string_view name, S& settings, std::string_view meaning) {
    visitor_.table(name, meaning, [&] { describe(*this, settings); });
  }
  /// A table that may be left out.
  template <class S>
  void table(std::string_view name, std::optional<S>& settings, std::string_view meaning) {
    const bool was_set = settings.has_value();
    bool is_entered = false;
    if (!was_set) settings.emplace();
    visitor_.table(name, meaning, [&] {
      is_entered = true;
      describe(*this, *settings);
    });
    if (!was_set && !is_entered) settings.reset();
  }
  /// An array of tables, [[name]].
  template <class S>
  void list(std::string_view name, std::vector<S>& settings, std::string_view meaning) {
    S sample{};
    visitor_.list(
        name, meaning, [&](size_t count) { settings.resize(count); },
        [&](size_t index) { describe(*this, index < settings.size() ? settings[index] : sample); }, settings.size());
  }

 private:
  Visitor& visitor_;
};

/// Fills settings from a file. The first wrong key is the error: file, line, key and what would be right; so is a key
/// that nobody knows, with the nearest known one.
class FileReader : public Visitor {
 public:
  explicit FileReader(const Node& root) { at_.push_back({&root, {}, {}}); }
  void value(std::string_view key, std::string_view type, std::string written, std::string_view meaning,
             const Reader& read) override;
  void table(std::string_view key, std::string_view meaning, const std::function<void()>& inside) override;
  void list(std::string_view key, std::string_view meaning, const std::function<void(size_t)>& resize,
            const std::function<void(size_t)>& inside, size_t count) override;
  /// After all keys of the root were described.
  Result<void> outcome();

 private:
  const Node* find(std::string_view key);
  void enter(const Node& node, std::string_view key, const std::function<void()>& inside);
  void leave();
  void wrong(const Node& node, std::string_view key, std::string_view text);
  struct Level {
    const Node* node = nullptr;
    std::vector<std::string> known;
    std::string path;
  };
  std::vector<Level> at_;
  std::optional<Error> first_;
};

/// A sample file: every key with its default and its meaning as a comment. Taking the comment sign off a key sets it: a
/// table's keys stand before the tables within it, as TOML wants it, and lists are comments as a whole.
class SampleWriter : public Visitor {
 public:
  void value(std::string_view key, std::string_view type, std::string written, std::string_view meaning,
             const Reader& read) override;
  void table(std::string_view key, std::string_view meaning, const std::function<void()>& inside) override;
  void list(std::string_view key, std::string_view meaning, const std::function<void(size_t)>& resize,
            const std::function<void(size_t)>& inside, size_t count) override;
  std::string text() const { return at_.front().keys + at_.front().tables; }

 private:
  struct Level {
    std::string path;
    std::string keys;    // of the table itself
    std::string tables;  // within it
  };
  void enter(std::string_view key, std::string_view meaning, std::string_view brackets,
             const std::function<void()>& inside);
  std::vector<Level> at_{1};
  size_t lists_ = 0;  // around the key that is being written
};

/// Rows of a Markdown table for the manual: key, type, default, meaning.
class ManualWriter : public Visitor {
 public:
  void value(std::string_view key, std::string_view type, std::string written, std::string_view meaning,
             const Reader& read) override;
  void table(std::string_view key, std::string_view meaning, const std::function<void()>& inside) override;
  void list(std::string_view key, std::string_view meaning, const std::function<void(size_t)>& resize,
            const std::function<void(size_t)>& inside, size_t count) override;
  std::string text() const { return "| key | type | default | meaning |\n|---|---|---|---|\n" + rows_; }

 private:
  std::string path_;
  std::string rows_;
};

template <class S>
Result<S> read_settings(const Node& root) {
  S settings;
  FileReader reader(root);
  Section section(reader);
  describe(section, settings);
  auto outcome = reader.outcome();
  if (!outcome) return pass(outcome);
  return settings;
}
template <class S>
std::string sample_of() {
  S settings;
  SampleWriter writer;
  Section section(writer);
  describe(section, settings);
  return writer.text();
}
template <class S>
std::string manual_of() {
  S settings;
  ManualWriter writer;
  Section section(writer);
  describe(section, settings);
  return writer.text();
}

}  // namespace nearend::config
