#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "io/loop.hpp"
#include "io/net.hpp"

namespace nearend::sim {

/// The domain name system of the simulated world: one table for all hosts. May be changed while the world runs.
class NameTable {
 public:
  /// `name` has exactly these records from now on.
  void set(std::string name, std::vector<io::DnsRecord> records);
  void set_address(std::string name, const IpAddress& address);
  void remove(const std::string& name);
  /// From now on every question waits this long and then ends in an error of this kind; nothing: answers come again.
  void set_failure(std::optional<Error::Kind> kind, io::Duration after = std::chrono::seconds(5));
  /// How long an answer takes.
  void set_delay(io::Duration delay) { delay_ = delay; }

  Result<std::vector<io::DnsRecord>> answer(const std::string& name, io::DnsRecord::Type type) const;
  io::Duration delay() const { return failure_ ? failure_after_ : delay_; }
  uint64_t questions() const { return questions_; }

 private:
  std::map<std::string, std::vector<io::DnsRecord>> records_;
  io::Duration delay_ = std::chrono::milliseconds(1);
  std::optional<Error::Kind> failure_;
  io::Duration failure_after_{};
  mutable uint64_t questions_ = 0;
};

/// The table as one host asks it. Numeric names answer themselves at once.
class SimDns final : public io::Dns {
 public:
  SimDns(io::Loop& loop, const NameTable& table) : loop_(loop), table_(table) {}
  Task<Result<std::vector<io::DnsRecord>>> query(std::string name, io::DnsRecord::Type type) override;

 private:
  io::Loop& loop_;
  const NameTable& table_;
};

}  // namespace nearend::sim
