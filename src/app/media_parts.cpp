#include "app/media_parts.hpp"

#include "media/local_control.hpp"

namespace nearend::app {

MediaParts::MediaParts(io::World world, http::Client& http, const media::NodeSettings& settings)
    : node_(std::make_unique<media::LocalNode>(world.loop, settings, &http)) {}

MediaParts::~MediaParts() = default;

media::Control& MediaParts::control() {
  return node_->control();
}

}  // namespace nearend::app
