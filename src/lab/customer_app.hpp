#pragma once

#include <chrono>
#include <filesystem>
#include <string>

#include "http/http.hpp"
#include "io/loop.hpp"

namespace nearend::lab {

/// The lab's customer application: `GET or POST /<name>` answers `<directory>/<name>.xml` as TwiML, `/<name>.<ending>`
/// that file, after thinking for a while. Names are plain: no directories, no dots in front. Loop's thread only.
class CustomerApp {
 public:
  CustomerApp(io::Loop& loop, std::filesystem::path directory, std::chrono::milliseconds thinking)
      : loop_(loop), directory_(std::move(directory)), thinking_(thinking) {}

  Task<http::Response> answer(http::ServerRequest request);
  /// For a server; the application outlives it.
  http::Handler handler();

 private:
  http::Response document(const std::string& path) const;

  io::Loop& loop_;
  std::filesystem::path directory_;
  std::chrono::milliseconds thinking_;
};

}  // namespace nearend::lab
