#pragma once

#include <array>
#include <string_view>

#include "config/section.hpp"
#include "io/net.hpp"
#include "sip/digest.hpp"
#include "sip/transport.hpp"

// Keys of settings that gateways and routers have in common. They stand in the namespaces of their types, where
// config::Section finds them.

namespace nearend::io {
void describe(config::Section& section, TlsSettings& tls);
}

namespace nearend::sip {
void describe(config::Section& section, Credentials& credentials);
}

namespace nearend::call {

/// In the order of sip::Protocol.
inline const std::vector<std::string_view> protocol_names{"udp", "tcp", "tls"};

/// A listener of either role; they share their keys, not their type.
template <class Listen>
void describe_listen(config::Section& section, Listen& listen) {
  section.choice("protocol", listen.protocol, protocol_names, "What is spoken there.");
  section.key("local", listen.local, "Address and port; port 0: the system chooses.");
  section.key("advertised_host", listen.advertised_host,
              "Host in Via and Contact when it differs from the bound address.");
  section.table("tls", listen.tls, "Needed with protocol \"tls\".");
}

}  // namespace nearend::call
