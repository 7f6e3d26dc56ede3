#include "app/role_base.hpp"
#include "policy_server/dns_server.hpp"
#include "policy_server/exchange.hpp"

namespace nearend::app {
namespace {

class PolicyRole final : public RoleBase {
 public:
  explicit PolicyRole(Loaded<PolicyFile> loaded)
      : name_(loaded.file.policy_server.name),
        server_(world_.loop, servers_, loaded.file.policy_server, std::move(loaded.topology)),
        exchange_(world_.loop, http_, server_, loaded.file.policy_server),
        names_(world_.loop, world_.net, loaded.file.policy_server.dns, server_.advisor()),
        first_hops_(world_.loop, world_.net, loaded.file.policy_server.first_hops, loaded.file.policy_server.dns,
                    server_.advisor()) {}

  Result<void> start() override {
    auto started = server_.start();
    if (!started) return started;
    exchange_.start();
    if (auto named = names_.start(); !named) return named;
    return first_hops_.start();
  }
  std::string ready_line() const override {
    return fmt::format("policy {} ready http={}", name_, server_.local().to_string());
  }

 private:
  std::string name_;
  policy_server::Server server_;
  policy_server::Exchange exchange_;
  policy_server::DnsServer names_;
  policy_server::FirstHopServer first_hops_;
};

}  // namespace

std::unique_ptr<Role> make_policy(Loaded<PolicyFile> loaded) {
  return std::make_unique<PolicyRole>(std::move(loaded));
}

}  // namespace nearend::app
