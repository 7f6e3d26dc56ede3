#include "api/rest_api.hpp"
#include "app/media_parts.hpp"
#include "app/role_base.hpp"
#include "media/node_fleet.hpp"
#include "router/router.hpp"
#include "store/memory.hpp"
#include "store/sqlite.hpp"

namespace nearend::app {
namespace {

class RouterRole final : public RoleBase {
 public:
  explicit RouterRole(Loaded<RouterFile> loaded)
      : file_(std::move(loaded.file)),
        media_(world_, http_, file_.media, file_.media_nodes, file_.router.link_key, "router/" + file_.router.name),
        relays_(world_, loaded.topology, file_.router.region, file_.media_nodes, file_.router.link_key,
                "router/" + file_.router.name),
        policy_(world_.loop, http_, file_.common.policy, std::move(loaded.topology)) {}

  Result<void> start() override {
    auto store = open_store();
    if (!store) return fail(store.error().kind, "router.store_path: {}", store.error().text);
    store_ = std::move(*store);
    router_ = std::make_unique<router::Router>(file_.router, world_.world(), http_, servers_, media_.control(), policy_,
                                               *store_, live_);
    api_ = std::make_unique<api::RestApi>(world_.loop, *store_,
                                          api::Settings{.peer_key = file_.router.link_key,
                                                        .recordings = file_.media.recordings,
                                                        .state = [this] { return router_->state_json(); }});
    router_->set_http_handler(api_->handler());
    for (const RelayParts::Relay& relay : relays_.all()) router_->add_relay(relay.region, *relay.control);
    return router_->start();
  }

  std::string ready_line() const override {
    std::string line = fmt::format("router {} ready", file_.router.name);
    for (const Endpoint& address : router_->link_addresses()) line += " link=" + address.to_string();
    if (auto http = router_->http_address()) line += " http=" + http->to_string();
    return line;
  }

 protected:
  void drain() override { router_->drain(); }
  void stop() override { router_->stop(); }
  bool is_idle() const override { return router_->is_idle(); }

 private:
  Result<std::unique_ptr<store::Store>> open_store() {
    if (file_.router.store_path.empty()) return std::make_unique<store::MemoryStore>();
    return store::open_sqlite(file_.router.store_path, world_.loop);
  }

  RouterFile file_;
  MediaParts media_;
  RelayParts relays_;
  policy::HttpPolicyClient policy_;
  store::MemoryLiveState live_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<api::RestApi> api_;
  std::unique_ptr<router::Router> router_;
};

}  // namespace

std::unique_ptr<Role> make_router(Loaded<RouterFile> loaded) {
  return std::make_unique<RouterRole>(std::move(loaded));
}

}  // namespace nearend::app
