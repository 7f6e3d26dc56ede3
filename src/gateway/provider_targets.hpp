#pragma once

#include <string>
#include <vector>

#include "base/task.hpp"
#include "gateway/admission.hpp"
#include "gateway/settings.hpp"
#include "io/net.hpp"
#include "sip/transport.hpp"

namespace nearend::gateway {

/// Where a provider is called: its targets in their order, or what its URI leads to (RFC 3263). The addresses that its
/// names have are made known to admission before anything is sent there, since its answers come from them.
/// Gateway's loop only.
class ProviderTargets {
 public:
  ProviderTargets(const Settings& settings, io::World world, Admission& admission)
      : settings_(settings), world_(world), admission_(admission) {}

  /// True when nobody has to be asked: all its targets are addresses.
  bool is_numeric(size_t provider) const;
  /// Empty when none of its names could be resolved; a warning in the log says why.
  Task<std::vector<sip::Target>> find(size_t provider) const;

 private:
  const Settings& settings_;
  io::World world_;
  Admission& admission_;
};

/// The provider's targets that are given as addresses.
std::vector<sip::Target> numeric_targets(const Provider& provider);
/// The provider's address as a Request-URI for `number`, which may be empty; empty when it has none.
std::string uri_at(const Provider& provider, std::string_view number);

}  // namespace nearend::gateway
