#pragma once

#include <memory>
#include <string>

#include "http/http.hpp"
#include "io/net.hpp"
#include "media/clip_loader.hpp"
#include "media/control.hpp"
#include "media/loop_control.hpp"
#include "media/loop_worker.hpp"
#include "media/node.hpp"

namespace nearend::app {

/// A media node in this process, or the way to one apart, in the order in which its parts must go.
class MediaParts {
 public:
  /// `node_url`: of a media node apart; empty: one is made here, with these settings.
  MediaParts(io::World world, http::Client& http, const media::NodeSettings& settings, const std::string& node_url);
  ~MediaParts();
  media::Control& control() { return *control_; }

 private:
  std::unique_ptr<media::Worker> worker_;
  std::unique_ptr<media::SourceLoader> loader_;
  std::unique_ptr<media::Control> control_;
};

}  // namespace nearend::app
