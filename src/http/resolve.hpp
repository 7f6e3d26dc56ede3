#pragma once

#include <string>
#include <vector>

#include "base/ip.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "io/loop.hpp"
#include "io/net.hpp"

namespace nearend::http {

/// The addresses of a host, IPv4 first; a numeric host is its own address. Both kinds are asked for at once. Errors:
/// unavailable when there is none, or none by `deadline`.
Task<Result<std::vector<IpAddress>>> resolve_host(io::Loop& loop, io::Dns& dns, std::string host, io::Instant deadline);

}  // namespace nearend::http
