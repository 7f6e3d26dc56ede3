#include "io/dns_answer.hpp"

#include <ares.h>
#include <ares_dns.h>
#include <arpa/nameser.h>

#include <algorithm>
#include <optional>

#include "base/text.hpp"

namespace nearend::io {
namespace {

/// Walks a DNS message; every step checks its bounds.
class Reader {
 public:
  explicit Reader(std::span<const uint8_t> message) : message_(message) {}

  bool is_good() const { return is_good_; }
  size_t place() const { return place_; }
  void go_to(size_t place) {
    is_good_ = is_good_ && place <= message_.size();
    place_ = place;
  }
  uint8_t byte() { return has(1) ? message_[place_++] : 0; }
  uint16_t word() {
    const uint16_t high = byte();
    return static_cast<uint16_t>(high << 8 | byte());
  }
  uint32_t long_word() {
    const uint32_t high = word();
    return high << 16 | word();
  }
  std::string text() {
    const size_t length = byte();
    if (!has(length)) return {};
    std::string value(reinterpret_cast<const char*>(message_.data() + place_), length);
    place_ += length;
    return value;
  }
  std::string name() {
    char* expanded = nullptr;
    long used = 0;
    if (!has(1) || ares_expand_name(message_.data() + place_, message_.data(), static_cast<int>(message_.size()),
                                    &expanded, &used) != ARES_SUCCESS) {
      is_good_ = false;
      return {};
    }
    std::string value(expanded);
    ares_free_string(expanded);
    place_ += static_cast<size_t>(used);
    return value;
  }
  IpAddress address(IpAddress::Family family) {
    const size_t size = family == IpAddress::Family::v6 ? 16 : 4;
    if (!has(size)) return {};
    place_ += size;
    return IpAddress::from_bytes(family, message_.data() + place_ - size);
  }

 private:
  bool has(size_t count) {
    if (place_ + count > message_.size()) is_good_ = false;
    return is_good_;
  }
  std::span<const uint8_t> message_;
  size_t place_ = 0;
  bool is_good_ = true;
};

uint16_t wire_type(DnsRecord::Type type) {
  switch (type) {
    case DnsRecord::Type::a:
      return ns_t_a;
    case DnsRecord::Type::aaaa:
      return ns_t_aaaa;
    case DnsRecord::Type::srv:
      return ns_t_srv;
    case DnsRecord::Type::naptr:
      return ns_t_naptr;
  }
  return ns_t_a;
}

void read_naptr(Reader& reader, DnsRecord& record) {
  record.priority = reader.word();
  record.weight = reader.word();
  record.flags = reader.text();
  record.service = reader.text();
  reader.text();  // The regular expression: SIP uses replacements only (RFC 3263 4.1).
  record.target = reader.name();
}

void read_data(Reader& reader, DnsRecord& record) {
  switch (record.type) {
    case DnsRecord::Type::a:
      record.address = reader.address(IpAddress::Family::v4);
      break;
    case DnsRecord::Type::aaaa:
      record.address = reader.address(IpAddress::Family::v6);
      break;
    case DnsRecord::Type::srv:
      record.priority = reader.word();
      record.weight = reader.word();
      record.port = reader.word();
      record.target = reader.name();
      break;
    case DnsRecord::Type::naptr:
      read_naptr(reader, record);
      break;
  }
}

}  // namespace

Result<std::vector<DnsRecord>> parse_dns_answer(std::span<const uint8_t> message, DnsRecord::Type type) {
  Reader reader(message);
  reader.go_to(4);
  const int questions = reader.word();
  const int answers = reader.word();
  reader.go_to(12);
  for (int i = 0; i < questions && reader.is_good(); ++i) {
    reader.name();
    reader.long_word();
  }
  std::vector<DnsRecord> records;
  for (int i = 0; i < answers && reader.is_good(); ++i) {
    DnsRecord record{.type = type};
    reader.name();
    const uint16_t found = reader.word();
    reader.word();
    record.ttl_s = reader.long_word();
    const size_t length = reader.word();
    const size_t end = reader.place() + length;
    if (found == wire_type(type)) {
      read_data(reader, record);
      if (reader.is_good()) records.push_back(std::move(record));
    }
    reader.go_to(end);
  }
  if (!reader.is_good()) return fail(Error::Kind::malformed, "the name server's answer is cut off or broken");
  return records;
}

std::unordered_map<std::string, std::vector<DnsRecord>> parse_hosts(std::string_view text) {
  std::unordered_map<std::string, std::vector<DnsRecord>> hosts;
  for (std::string_view line : split(text, '\n')) {
    std::string content(line.substr(0, line.find('#')));
    std::replace(content.begin(), content.end(), '\t', ' ');
    const auto words = split(content, ' ');
    if (words.size() < 2) continue;
    const auto address = parse_ip(words[0]);
    if (!address) continue;
    DnsRecord record{.type = address->is_v6() ? DnsRecord::Type::aaaa : DnsRecord::Type::a, .address = *address};
    for (size_t i = 1; i < words.size(); ++i) hosts[to_lower(words[i])].push_back(record);
  }
  return hosts;
}

}  // namespace nearend::io
