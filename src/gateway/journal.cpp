#include "gateway/journal.hpp"

#include <array>
#include <boost/json/string.hpp>

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

uint32_t checksum(std::string_view text) {
  uint32_t crc = ~0U;
  for (char c : text) crc = (crc >> 8) ^ crc_table[(crc ^ static_cast<unsigned char>(c)) & 0xff];
  return ~crc;
}

constexpr size_t checksum_digits = 8;

json::object to_object(const store::CallEvent& event) {
  json::object object{{"id", event.id},      {"call_sid", event.call_sid}, {"account_sid", event.account_sid},
                      {"leg", event.leg},    {"kind", event.kind},         {"gateway", event.gateway},
                      {"at_ms", event.at_ms}};
  auto detail = parse_json(event.detail.empty() ? "{}" : event.detail);
  object["detail"] = detail ? std::move(*detail) : json::value(json::object{});
  return object;
}

}  // namespace

std::string to_line(const Record& record) {
  json::object object = to_object(record.event);
  if (!record.ship_to.empty()) object["ship_to"] = record.ship_to;
  const std::string text = to_json(object);
  return fmt::format("{:08x} {}", checksum(text), text);
}

Result<Record> parse_line(std::string_view line) {
  if (line.size() <= checksum_digits || line[checksum_digits] != ' ')
    return fail(Error::Kind::malformed, "journal line: a checksum and a blank are expected");
  const std::string_view text = line.substr(checksum_digits + 1);
  if (fmt::format("{:08x}", checksum(text)) != line.substr(0, checksum_digits))
    return fail(Error::Kind::malformed, "journal line: the checksum is wrong");
  auto value = parse_json(text);
  if (!value) return pass(value);
  const json::object* object = value->if_object();
  if (object == nullptr) return fail(Error::Kind::malformed, "journal line: not an object");
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
  if (record.event.id.empty()) return fail(Error::Kind::malformed, "journal line: no id");
  return record;
}

std::string to_json_array(const std::vector<Record>& records) {
  json::array array;
  for (const Record& record : records) array.push_back(to_object(record.event));
  return to_json(json::value(std::move(array)));
}

}  // namespace nearend::gateway
