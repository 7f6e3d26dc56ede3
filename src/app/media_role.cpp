#include "app/media_parts.hpp"
#include "app/role_base.hpp"
#include "media_server/server.hpp"

namespace nearend::app {
namespace {

class MediaRole final : public RoleBase {
 public:
  explicit MediaRole(Loaded<MediaFile> loaded)
      : file_(std::move(loaded.file)),
        media_(world_, http_, file_.media),
        api_servers_(world_.loop, world_.net, file_.media_server.tls()),
        server_(file_.media_server, world_.world(), api_servers_, media_.control()) {}

  Result<void> start() override { return server_.start(); }
  std::string ready_line() const override { return "media ready http=" + server_.local().to_string(); }

 private:
  MediaFile file_;
  MediaParts media_;
  http::BeastServers api_servers_;
  media_server::Server server_;
};

}  // namespace

std::unique_ptr<Role> make_media(Loaded<MediaFile> loaded) {
  return std::make_unique<MediaRole>(std::move(loaded));
}

}  // namespace nearend::app
