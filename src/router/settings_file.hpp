#pragma once

#include "call/settings_file.hpp"
#include "router/settings.hpp"

namespace nearend::store {
void describe(config::Section& section, Account& account);
void describe(config::Section& section, Number& number);
}  // namespace nearend::store

namespace nearend::router {

/// The keys of a router's file, table [router].
void describe(config::Section& section, ListenSettings& listen);
void describe(config::Section& section, Settings& settings);

}  // namespace nearend::router
