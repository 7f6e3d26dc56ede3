#include "app/media_parts.hpp"

#include "media/http_control.hpp"
#include "media/local_control.hpp"

namespace nearend::app {

MediaParts::MediaParts(io::World world, http::Client& http, const media::NodeSettings& settings, const std::string& url,
                       const std::string& peer_key) {
  if (url.empty()) {
    node_ = std::make_unique<media::LocalNode>(world.loop, settings, &http);
    node_->local().set_world(world);
  } else {
    far_ = std::make_unique<media::HttpControl>(world.loop, http, media::HttpControl::Settings{url, peer_key});
  }
}

MediaParts::~MediaParts() = default;

media::Control& MediaParts::control() {
  if (far_) return *far_;
  return node_->control();
}

}  // namespace nearend::app
