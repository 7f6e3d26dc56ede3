#pragma once

#include <memory>
#include <string>

#include "http/http.hpp"
#include "io/net.hpp"
#include "media/control.hpp"
#include "media/node.hpp"

namespace nearend::media {
class HttpControl;
class LocalNode;
}  // namespace nearend::media

namespace nearend::app {

/// A media node in this process, whose media runs on threads of its own, or, where `url` is not empty, the way to one
/// apart.
class MediaParts {
 public:
  MediaParts(io::World world, http::Client& http, const media::NodeSettings& settings, const std::string& url = {},
             const std::string& peer_key = {});
  ~MediaParts();
  media::Control& control();

 private:
  std::unique_ptr<media::LocalNode> node_;  // one of the two
  std::unique_ptr<media::HttpControl> far_;
};

}  // namespace nearend::app
