#pragma once

#include <doctest/doctest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <numbers>
#include <sstream>

#include "rtp/g711.hpp"
#include "unit/media/virtual_world.hpp"

namespace nearend::media::test {

inline std::string scratch(const char* name) {
  const auto path = std::filesystem::temp_directory_path() / fmt::format("nearend-{}-{}", name, ::getpid());
  std::filesystem::remove_all(path);
  std::filesystem::create_directories(path);
  return path.string();
}

inline std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

/// One phone on one leg, with the means to say loud and silent frames.
struct Line {
  World world;
  Phone phone{world.loop, world.net, "192.0.2.10", 111};
  AnchorInfo leg = world.allocate("a");

  explicit Line(NodeSettings settings = {}, std::vector<Format> formats = telephone_formats())
      : world(std::move(settings)) {
    world.set_remote(leg, Side::outer, phone.local(), std::move(formats));
    (void)world.connect(leg, {.kind = Path::Kind::idle});
  }
  JobId play(std::vector<Source> sources, bool is_stopped_by_digit = false) {
    auto job = world.wait(
        world.node->play(leg.id, {.sources = std::move(sources), .is_stopped_by_digit = is_stopped_by_digit}));
    REQUIRE(job);
    return *job;
  }
  template <class T>
  T last() {
    const auto all = world.told<T>(leg);
    REQUIRE(!all.empty());
    return all.back();
  }
  /// Sends samples as the phone, 20 ms apart.
  void say(std::span<const int16_t> samples) {
    for (size_t at = 0; at + 160 <= samples.size(); at += 160) {
      std::array<uint8_t, 160> payload;
      for (size_t i = 0; i < 160; ++i) payload[i] = rtp::encode_ulaw(samples[at + i]);
      phone.aim(leg.streams[0].outer);
      phone.timestamp += 160;
      phone.send({.sequence = phone.sequence++, .timestamp = phone.timestamp, .payload = payload});
      world.loop.run_for(20ms);
    }
  }
  /// A sine as the phone.
  void say_sine(milliseconds length, double hz, double amplitude = 8000) {
    std::vector<int16_t> samples(static_cast<size_t>(length.count()) * 8);
    for (size_t i = 0; i < samples.size(); ++i)
      samples[i] =
          static_cast<int16_t>(amplitude * std::sin(2 * std::numbers::pi * hz * static_cast<double>(i) / 8000));
    say(samples);
  }
  void say_tone(milliseconds length, int16_t level = 8000) {
    std::vector<int16_t> samples(static_cast<size_t>(length.count()) * 8);
    for (size_t i = 0; i < samples.size(); ++i) samples[i] = i / 4 % 2 ? level : static_cast<int16_t>(-level);
    say(samples);
  }
  double loudness(size_t first) const {
    double sum = 0;
    size_t count = 0;
    for (size_t i = first; i < phone.heard.size(); ++i)
      for (uint8_t code : phone.heard[i].packet.payload) {
        sum += std::abs(rtp::decode_ulaw(code));
        ++count;
      }
    return count ? sum / static_cast<double>(count) : 0;
  }
};

}  // namespace nearend::media::test
