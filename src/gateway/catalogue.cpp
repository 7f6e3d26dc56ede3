#include "gateway/catalogue.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace nearend::gateway {
namespace {

/// Features that stand on a capability of the media node.
constexpr auto capabilities = std::to_array<std::pair<std::string_view, std::string_view>>(
    {{"bridge", "bridge"}, {"play", "play"}, {"local-tts", "tts"}, {"record", "record"}, {"collect", "collect"}});

bool is_full(const media::NodeState& node, std::string_view resource) {
  const auto found = std::ranges::find(node.resources, resource, &media::NodeState::Resource::name);
  return found != node.resources.end() && found->used >= found->max;
}

}  // namespace

std::vector<std::string> offered_features(const std::vector<std::string>& features, const media::NodeState& node) {
  std::vector<std::string> offered = features;
  if (node.capabilities.empty()) return offered;
  std::erase_if(offered, [&](const std::string& feature) {
    const auto needed = std::ranges::find(capabilities, feature, &std::pair<std::string_view, std::string_view>::first);
    if (needed == capabilities.end()) return false;
    return std::ranges::find(node.capabilities, needed->second) == node.capabilities.end() ||
           is_full(node, needed->second);
  });
  return offered;
}

}  // namespace nearend::gateway
