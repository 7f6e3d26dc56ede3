#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.hpp"
#include "gateway/settings.hpp"
#include "io/loop.hpp"
#include "sip/digest.hpp"
#include "sip/message.hpp"

namespace nearend::gateway {

/// Says who is heard at all: by address, before a byte is parsed (threat TH12), and by digest where a provider asks for
/// it. Gateway's loop only.
class Admission {
 public:
  /// `secret` keys the digest nonces.
  Admission(const Settings& settings, std::string secret);
  ~Admission();

  /// True for addresses of a provider that may call us or that we call (its OPTIONS and in-dialog requests).
  bool is_outsider_known(const IpAddress& source) const;
  /// From now on this address is one that we call: what a provider's name stands for. The oldest of many is forgotten.
  void learn(const IpAddress& address);
  /// True for routers and other gateways.
  bool is_link_peer(const IpAddress& source) const;
  /// Index into Settings::providers of who may call from there.
  std::optional<size_t> provider_of(const IpAddress& source) const;
  /// Empty when the request proves one of the provider's users or need not; otherwise the challenges to answer 401
  /// with.
  std::vector<std::string> challenges(size_t provider, const sip::Message& request, const IpAddress& source,
                                      io::Instant now);

 private:
  std::optional<std::string_view> password_of(const Provider& provider, std::string_view username) const;

  const Settings& settings_;
  std::vector<IpAddress> targets_;                           // of providers that we call, given as addresses
  std::deque<IpAddress> learned_;                            // and of those given by name, oldest first
  std::vector<std::unique_ptr<sip::DigestServer>> digests_;  // one a provider, null without users
};

}  // namespace nearend::gateway
