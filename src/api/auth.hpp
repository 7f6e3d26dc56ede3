#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>

#include "http/http.hpp"
#include "io/loop.hpp"

namespace nearend::api {

/// True when the request's Authorization is Basic with this user and this password. Takes the same time whatever is
/// wrong.
bool is_authorized(const http::ServerRequest& request, std::string_view user, std::string_view password);

/// Counts failures per address and brakes those who fail too often (threat TH23): 30 in a minute.
class Brake {
 public:
  bool is_braked(const IpAddress& address, io::Instant now);
  void fail(const IpAddress& address, io::Instant now);

 private:
  struct Entry {
    io::Instant since;
    size_t failures = 0;
  };
  std::unordered_map<IpAddress, Entry> entries_;
};

}  // namespace nearend::api
