#include "sip/identifier.hpp"

#include <charconv>

namespace nearend::sip {
namespace {

constexpr std::string_view cookie = "z9hG4bK";
constexpr size_t tag_size = 32;
constexpr size_t branch_size = cookie.size() + tag_size + 8;

void append_hex(std::string& to, uint64_t value, int digits) {
  constexpr std::string_view digit_letters = "0123456789abcdef";
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) to += digit_letters[(value >> shift) & 15];
}

template <class Number>
bool read_hex(std::string_view text, Number& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  return error == std::errc{} && end == text.data() + text.size();
}

}  // namespace

std::string make_tag(Identifier id) {
  std::string tag;
  tag.reserve(tag_size);
  append_hex(tag, id.number, 16);
  append_hex(tag, id.secret, 16);
  return tag;
}

std::optional<Identifier> parse_tag(std::string_view tag) {
  Identifier id;
  if (tag.size() != tag_size || !read_hex(tag.substr(0, 16), id.number) || !read_hex(tag.substr(16), id.secret))
    return std::nullopt;
  return id;
}

std::string make_branch(const Branch& branch) {
  std::string text;
  text.reserve(branch_size);
  text = cookie;
  append_hex(text, branch.id.number, 16);
  append_hex(text, branch.id.secret, 16);
  append_hex(text, branch.loop_hash, 8);
  return text;
}

std::optional<Branch> parse_branch(std::string_view text) {
  if (text.size() != branch_size || !text.starts_with(cookie)) return std::nullopt;
  const auto id = parse_tag(text.substr(cookie.size(), tag_size));
  Branch branch;
  if (!id || !read_hex(text.substr(cookie.size() + tag_size), branch.loop_hash)) return std::nullopt;
  branch.id = *id;
  return branch;
}

}  // namespace nearend::sip
