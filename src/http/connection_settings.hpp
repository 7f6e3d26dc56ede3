#pragma once

#include <chrono>
#include <string_view>

#include "base/result.hpp"

namespace nearend::http {

/// How an application server is asked: the defaults, or what the customer wrote in the URL's fragment
/// (`#rc=2&ct=1000&rp=4xx,ct`). The fragment is never sent.
struct ConnectionSettings {
  std::chrono::milliseconds connect_timeout{5000};  ///< ct, 100 to 10000.
  std::chrono::milliseconds read_timeout{15000};    ///< rt, 100 to 15000: to the first byte and between bytes.
  std::chrono::milliseconds total_timeout{15000};   ///< tt, 100 to 15000: over retries and redirects.
  int retries = 1;                                  ///< rc, 0 to 5.
  bool is_connect_retried = true;                   ///< rp has ct.
  bool is_read_retried = false;                     ///< rp has rt.
  bool is_4xx_retried = false;                      ///< rp has 4xx.
  bool is_5xx_retried = false;                      ///< rp has 5xx.
  bool operator==(const ConnectionSettings&) const = default;
};

/// Reads a fragment. `sni` and `e` are accepted and have no effect; a value out of its range is taken as the nearest
/// one in it; what is not a setting at all is ignored, as a browser ignores it.
ConnectionSettings parse_connection_settings(std::string_view fragment);

/// Refuses what cannot be the host of a callback: underscores, labels that are empty, longer than 63 or begin or end
/// with '-'.
Result<void> check_host_name(std::string_view host);

}  // namespace nearend::http
