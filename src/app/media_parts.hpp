#pragma once

#include <memory>
#include <string>

#include "http/http.hpp"
#include "io/net.hpp"
#include "media/control.hpp"
#include "media/node.hpp"

namespace nearend::media {
class LocalNode;
}

namespace nearend::app {

/// A media node in this process, in the order in which its parts must go. Its media runs on threads of its own.
class MediaParts {
 public:
  MediaParts(io::World world, http::Client& http, const media::NodeSettings& settings);
  ~MediaParts();
  media::Control& control();

 private:
  std::unique_ptr<media::LocalNode> node_;
};

}  // namespace nearend::app
