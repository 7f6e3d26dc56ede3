#include "app/media_parts.hpp"

namespace nearend::app {

MediaParts::MediaParts(io::World world, http::Client& http, const media::NodeSettings& settings, const std::string&)
    : worker_(std::make_unique<media::LoopWorker>(world.loop)),
      loader_(std::make_unique<media::ClipLoader>(world.loop, &http, *worker_, settings)),
      control_(std::make_unique<media::LoopControl>(world.loop, world.net, settings, *loader_)) {}

MediaParts::~MediaParts() = default;

}  // namespace nearend::app
