#include <algorithm>

#include "base/text.hpp"
#include "link/profile.hpp"

namespace nearend::link {
namespace {

constexpr size_t items_max = 32;
constexpr size_t parameters_max = 32;

bool is_token_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("-.!%*_+`'~").find(c) != std::string_view::npos;
}

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_char);
}

/// Reads items from left to right; every step either advances or fails with the place.
class ItemReader {
 public:
  explicit ItemReader(std::string_view text) : text_(text) {}

  Result<std::vector<Item>> read() {
    std::vector<Item> items;
    skip_blanks();
    if (at_end()) return items;
    while (true) {
      auto item = read_item();
      if (!item) return pass(item);
      items.push_back(std::move(*item));
      if (items.size() > items_max) return fail(Error::Kind::invalid, "more than {} items", items_max);
      if (at_end()) return items;
      if (!take(',')) return fail(Error::Kind::malformed, "',' or ';' expected at column {}", at_ + 1);
    }
  }

 private:
  bool at_end() const { return at_ >= text_.size(); }
  void skip_blanks() {
    while (!at_end() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
  }
  bool take(char c) {
    skip_blanks();
    if (at_end() || text_[at_] != c) return false;
    ++at_;
    skip_blanks();
    return true;
  }

  Result<std::string> read_token() {
    const size_t first = at_;
    while (!at_end() && is_token_char(text_[at_])) ++at_;
    if (at_ == first) return fail(Error::Kind::malformed, "a token expected at column {}", first + 1);
    return std::string(text_.substr(first, at_ - first));
  }

  Result<std::string> read_quoted() {
    std::string value;
    for (++at_; !at_end(); ++at_) {
      if (text_[at_] == '"') {
        ++at_;
        return value;
      }
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
      value += text_[at_];
    }
    return fail(Error::Kind::malformed, "the closing quote is missing");
  }

  Result<Item> read_item() {
    auto name = read_token();
    if (!name) return pass(name);
    Item item{.name = std::move(*name)};
    while (take(';')) {
      auto key = read_token();
      if (!key) return pass(key);
      std::string value;
      if (take('=')) {
        auto read = !at_end() && text_[at_] == '"' ? read_quoted() : read_token();
        if (!read) return pass(read);
        value = std::move(*read);
      }
      item.parameters.emplace_back(std::move(*key), std::move(value));
      if (item.parameters.size() > parameters_max)
        return fail(Error::Kind::invalid, "more than {} parameters", parameters_max);
    }
    skip_blanks();
    return item;
  }

  std::string_view text_;
  size_t at_ = 0;
};

void append_value(std::string& text, std::string_view value) {
  if (is_token(value)) {
    text += value;
    return;
  }
  text += '"';
  for (char c : value) {
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  text += '"';
}

}  // namespace

std::string_view Item::parameter(std::string_view key) const {
  for (const auto& [name_, value] : parameters)
    if (name_ == key) return value;
  return {};
}

bool Item::has(std::string_view key) const {
  return std::any_of(parameters.begin(), parameters.end(), [&](const auto& pair) { return pair.first == key; });
}

std::string Item::to_string() const {
  std::string text = name;
  for (const auto& [key, value] : parameters) {
    text += ';';
    text += key;
    if (value.empty()) continue;
    text += '=';
    append_value(text, value);
  }
  return text;
}

Result<std::vector<Item>> parse_items(std::string_view value) {
  return ItemReader(value).read();
}

std::string to_string(const std::vector<Item>& items) {
  std::string text;
  for (const Item& item : items) {
    if (!text.empty()) text += ", ";
    text += item.to_string();
  }
  return text;
}

}  // namespace nearend::link
