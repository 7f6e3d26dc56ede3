#include "app/media_parts.hpp"
#include "app/role_base.hpp"
#include "media_server/server.hpp"

namespace nearend::app {
namespace {

class MediaRole final : public RoleBase {
 public:
  explicit MediaRole(Loaded<MediaFile> loaded)
      : file_(std::move(loaded.file)),
        media_(world_.world(), http_, file_.media),
        server_(file_.media_server, world_.world(), servers_, media_.control()) {}

  Result<void> start() override { return server_.start(); }
  std::string ready_line() const override { return "media ready http=" + server_.local().to_string(); }

 private:
  MediaFile file_;
  MediaParts media_;
  media_server::Server server_;
};

}  // namespace

std::unique_ptr<Role> make_media(Loaded<MediaFile> loaded) {
  return std::make_unique<MediaRole>(std::move(loaded));
}

}  // namespace nearend::app
