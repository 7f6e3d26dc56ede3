#include "gateway/journal.hpp"

#include <algorithm>
#include <array>
#include <boost/json/string.hpp>
#include <cstring>

#include "base/json.hpp"

namespace nearend::gateway {

namespace {

/// CRC-32C (Castagnoli), a table of one byte steps.
constexpr std::array<uint32_t, 256> crc_table = [] {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value & 1) != 0 ? (value >> 1) ^ 0x82f63b78U : value >> 1;
    table[i] = value;
  }
  return table;
}();

#ifdef __x86_64__
/// The same by the processor's own instruction, eight bytes at a time.
[[gnu::target("sse4.2")]] uint32_t checksum_by_instruction(std::string_view text) {
  uint64_t crc = ~0U;
  for (; text.size() >= sizeof(uint64_t); text.remove_prefix(sizeof(uint64_t))) {
    uint64_t word = 0;
    std::memcpy(&word, text.data(), sizeof word);
    crc = __builtin_ia32_crc32di(crc, word);
  }
  for (char c : text) crc = __builtin_ia32_crc32qi(static_cast<uint32_t>(crc), static_cast<unsigned char>(c));
  return ~static_cast<uint32_t>(crc);
}
#endif

uint32_t checksum(std::string_view text) {
#ifdef __x86_64__
  static const bool has_instruction = __builtin_cpu_supports("sse4.2");
  if (has_instruction) return checksum_by_instruction(text);
#endif
  uint32_t crc = ~0U;
  for (char c : text) crc = (crc >> 8) ^ crc_table[(crc ^ static_cast<unsigned char>(c)) & 0xff];
  return ~crc;
}

constexpr size_t checksum_digits = 8;

/// In quotes, as JSON wants it.
void append_quoted(std::string& text, std::string_view value) {
  const auto is_plain = [](char c) { return c != '"' && c != '\\' && static_cast<unsigned char>(c) >= 0x20; };
  text += '"';
  while (!value.empty()) {
    const auto special = std::ranges::find_if_not(value, is_plain);
    const auto length = static_cast<size_t>(special - value.begin());
    text.append(value.substr(0, length));
    value.remove_prefix(length);
    if (value.empty()) break;
    const char c = value.front();
    if (static_cast<unsigned char>(c) < 0x20)
      text += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    else
      text.append("\\").append(1, c);
    value.remove_prefix(1);
  }
  text += '"';
}

void append_name(std::string& object, std::string_view name) {
  object.append(object.back() != '{' ? ",\"" : "\"").append(name).append("\":");
}

/// The value of a member without escapes, as ids, kinds and URLs are; empty when it is not there.
std::string_view plain_member(std::string_view json, std::string_view key_with_quotes) {
  const size_t at = json.find(key_with_quotes);
  if (at == std::string_view::npos) return {};
  const size_t first = at + key_with_quotes.size();
  const size_t last = json.find('"', first);
  return last == std::string_view::npos ? std::string_view() : json.substr(first, last - first);
}

}  // namespace

void append_member(std::string& object, std::string_view name, std::string_view value) {
  append_name(object, name);
  append_quoted(object, value);
}

void append_bare_member(std::string& object, std::string_view name, std::string_view value) {
  append_name(object, name);
  object.append(value);
}

// The members that shipping looks at come first, where no text of a customer can stand before them.
std::string to_line(const Record& record) {
  const store::CallEvent& event = record.event;
  std::string text(checksum_digits, '0');
  text.reserve(448 + event.detail.size());
  text += " {";
  append_member(text, "id", event.id);
  append_member(text, "kind", event.kind);
  if (!record.ship_to.empty()) append_member(text, "ship_to", record.ship_to);
  append_member(text, "call_sid", event.call_sid);
  append_member(text, "account_sid", event.account_sid);
  append_member(text, "leg", event.leg);
  append_member(text, "gateway", event.gateway);
  append_bare_member(text, "at_ms", std::to_string(event.at_ms));
  append_bare_member(text, "detail", event.detail.empty() ? std::string_view("{}") : event.detail);
  text += '}';
  fmt::format_to(text.begin(), "{:08x}", checksum(std::string_view(text).substr(checksum_digits + 1)));
  return text;
}

std::optional<WrittenLine> read_written_line(std::string_view line) {
  if (line.size() <= checksum_digits + 2 || line[checksum_digits + 1] != '{' || line.back() != '}') return std::nullopt;
  const std::string_view json = line.substr(checksum_digits + 1);
  WrittenLine written;
  written.id = plain_member(json, "\"id\":\"");
  written.kind = plain_member(json, "\"kind\":\"");
  const std::string_view head = json.substr(0, json.find("\"call_sid\":"));
  written.ship_to = plain_member(head, "\"ship_to\":\"");
  written.json = json;
  return written;
}

Result<Record> parse_line(std::string_view line) {
  if (line.size() <= checksum_digits || line[checksum_digits] != ' ')
    return fail(Error::Kind::malformed, "journal line: a checksum and a blank are expected");
  const std::string_view text = line.substr(checksum_digits + 1);
  if (fmt::format("{:08x}", checksum(text)) != line.substr(0, checksum_digits))
    return fail(Error::Kind::malformed, "journal line: the checksum is wrong");
  auto value = parse_json(text);
  const json::object* object = value ? value->if_object() : nullptr;
  if (object == nullptr) return fail(Error::Kind::invalid, "journal line: not a JSON object");
  Record record;
  record.event.id = json_string_or(*object, "id", "");
  record.event.call_sid = json_string_or(*object, "call_sid", "");
  record.event.account_sid = json_string_or(*object, "account_sid", "");
  record.event.leg = json_string_or(*object, "leg", "");
  record.event.kind = json_string_or(*object, "kind", "");
  record.event.gateway = json_string_or(*object, "gateway", "");
  record.event.at_ms = json_integer_or(*object, "at_ms", 0);
  if (const json::value* detail = object->if_contains("detail")) record.event.detail = to_json(*detail);
  record.ship_to = json_string_or(*object, "ship_to", "");
  if (record.event.id.empty()) return fail(Error::Kind::invalid, "journal line: no id");
  return record;
}

std::string to_json_array(const std::vector<WrittenLine>& lines) {
  std::string array = "[";
  for (const WrittenLine& line : lines) {
    if (array.size() > 1) array += ',';
    array += line.json;
  }
  array += ']';
  return array;
}

}  // namespace nearend::gateway
