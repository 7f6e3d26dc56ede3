#pragma once

#include "call/settings_file.hpp"
#include "gateway/settings.hpp"

namespace nearend::gateway {

/// The keys of a gateway's file, table [gateway].
void describe(config::Section& section, ListenSettings& listen);
void describe(config::Section& section, ProviderTarget& target);
void describe(config::Section& section, DigestUser& user);
void describe(config::Section& section, Provider& provider);
void describe(config::Section& section, NumberEntry& number);
void describe(config::Section& section, StaticRouter& router);
void describe(config::Section& section, PingSettings& ping);
void describe(config::Section& section, Settings& settings);

}  // namespace nearend::gateway
