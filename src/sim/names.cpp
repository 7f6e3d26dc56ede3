#include "sim/names.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "io/async.hpp"

namespace nearend::sim {
namespace {

std::string plain(std::string_view name) {
  return to_lower(name.ends_with('.') ? name.substr(0, name.size() - 1) : name);
}

}  // namespace

void NameTable::set(std::string name, std::vector<io::DnsRecord> records) {
  records_[plain(name)] = std::move(records);
}

void NameTable::set_address(std::string name, const IpAddress& address) {
  const auto type = address.is_v6() ? io::DnsRecord::Type::aaaa : io::DnsRecord::Type::a;
  set(std::move(name), {{.type = type, .ttl_s = 60, .address = address}});
}

void NameTable::remove(const std::string& name) {
  records_.erase(plain(name));
}

void NameTable::set_failure(std::optional<Error::Kind> kind, io::Duration after) {
  failure_ = kind;
  failure_after_ = after;
}

Result<std::vector<io::DnsRecord>> NameTable::answer(const std::string& name, io::DnsRecord::Type type) const {
  ++questions_;
  if (failure_) return fail(*failure_, "asking for '{}': no name server answers", name);
  const auto found = records_.find(plain(name));
  if (found == records_.end()) return fail(Error::Kind::not_found, "the name '{}' does not exist", name);
  std::vector<io::DnsRecord> wanted;
  std::copy_if(found->second.begin(), found->second.end(), std::back_inserter(wanted),
               [type](const io::DnsRecord& record) { return record.type == type; });
  return wanted;
}

Task<Result<std::vector<io::DnsRecord>>> SimDns::query(std::string name, io::DnsRecord::Type type) {
  if (const auto address = parse_ip(name)) {
    const auto own = address->is_v6() ? io::DnsRecord::Type::aaaa : io::DnsRecord::Type::a;
    std::vector<io::DnsRecord> answer;
    if (own == type) answer.push_back({.type = own, .ttl_s = 3600, .address = *address});
    co_return answer;
  }
  co_await io::sleep_for(loop_, table_.delay());
  co_return table_.answer(name, type);
}

}  // namespace nearend::sim
