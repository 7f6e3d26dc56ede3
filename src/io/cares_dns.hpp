#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "io/asio_loop.hpp"
#include "io/net.hpp"

namespace nearend::io {

struct DnsSettings {
  std::string servers;                      ///< "192.0.2.53,[2001:db8::53]:5353"; empty: what the system says.
  std::chrono::milliseconds timeout{1500};  ///< For the first try; c-ares doubles it for the next.
  int tries = 2;
  std::string hosts_file = "/etc/hosts";  ///< Names answered from a file, read once; empty: none.
};

/// The domain name system through c-ares on an AsioLoop. Positive answers are kept for their TTL (at most an hour),
/// names and records that do not exist for 5 s, failures not at all; equal questions that are under way share one
/// query. Numeric addresses and names of the hosts file answer themselves. Loop's thread only.
class CaresDns final : public Dns {
 public:
  explicit CaresDns(AsioLoop& loop, DnsSettings settings = {});
  ~CaresDns() override;

  Task<Result<std::vector<DnsRecord>>> query(std::string name, DnsRecord::Type type) override;

  /// From now on `name` has exactly these records.
  void set_records(std::string name, std::vector<DnsRecord> records);

 private:
  class Core;
  std::unique_ptr<Core> core_;
};

}  // namespace nearend::io
