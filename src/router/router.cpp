#include "router/router.hpp"

#include <boost/json/string.hpp>

#include "router/router_core.hpp"

namespace nearend::router {

Router::Router(Settings settings, io::World world, http::Client& http, http::ServerFactory& servers,
               media::Control& media, policy::Client& policy, store::Store& store, store::LiveState& live)
    : core_(std::make_unique<Core>(std::move(settings), world, http, servers, media, policy, store, live)) {}

Router::~Router() = default;

void Router::set_http_handler(http::Handler handler) {
  core_->http_handler = std::move(handler);
}
void Router::add_relay(const std::string& region, media::Control& control) {
  core_->relays.add(region, core_->world.loop, control);
}
void Router::set_script(Call::Script script) {
  core_->script = std::move(script);
}
Result<void> Router::start() {
  return core_->start();
}
void Router::drain() {
  core_->is_draining = true;
}
void Router::stop() {
  core_->stop();
}
bool Router::is_idle() const {
  return core_->calls.empty() && core_->stack.dialogs() == 0;
}
const std::vector<Endpoint>& Router::link_addresses() const {
  return core_->addresses;
}
std::string Router::link_uri() const {
  return core_->link_uri();
}
std::optional<Endpoint> Router::http_address() const {
  if (!core_->http_server) return std::nullopt;
  return core_->http_server->local();
}
size_t Router::calls() const {
  return core_->calls.size();
}
size_t Router::anchors() const {
  return core_->desk.anchors();
}

std::string Router::state_json() const {
  const json::object state{{"name", core_->settings.name},      {"region", core_->settings.region},
                           {"calls", core_->calls.size()},      {"calls_max", core_->settings.calls_max},
                           {"dialogs", core_->stack.dialogs()}, {"anchors", core_->desk.anchors()},
                           {"draining", core_->is_draining}};
  return to_json(state);
}

}  // namespace nearend::router
