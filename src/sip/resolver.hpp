#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/task.hpp"
#include "io/loop.hpp"
#include "io/net.hpp"
#include "sip/transport.hpp"
#include "sip/uri.hpp"

namespace nearend::sip {

/// Where to send a request for `uri`, in the order to try (RFC 3263): NAPTR, SRV with the weights of RFC 2782,
/// addresses. Numeric hosts and explicit ports and transports ask less. `transport` ("udp", "tcp", "tls" or empty)
/// overrides the URI's. `not_found`: no such name; `unavailable`: the name system gave no answer; `unsupported`: a
/// transport that we do not speak.
Task<Result<std::vector<Target>>> resolve(Uri uri, std::string transport, io::Dns& dns, io::Loop& loop);

/// The same without asking anybody: nothing when the host is a name or the transport is not spoken here.
std::optional<std::vector<Target>> resolve_numeric(const Uri& uri, std::string_view transport);

}  // namespace nearend::sip
