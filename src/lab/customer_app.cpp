#include "lab/customer_app.hpp"

#include <algorithm>
#include <cctype>
#include <cstdio>

#include "io/async.hpp"
#include "lab/process.hpp"

namespace nearend::lab {
namespace {

bool is_plain(std::string_view name) {
  const auto is_allowed = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.';
  };
  return !name.empty() && name.front() != '.' && std::ranges::all_of(name, is_allowed);
}

std::string_view content_type(std::string_view name) {
  if (name.ends_with(".wav")) return "audio/wav";
  if (name.ends_with(".mp3")) return "audio/mpeg";
  return "text/xml";
}

}  // namespace

http::Response CustomerApp::document(const std::string& path) const {
  std::string name = path.substr(std::min(path.find_first_not_of('/'), path.size()));
  if (!is_plain(name)) return {.status = 404, .headers = {}, .body = "no such document\n"};
  if (name.find('.') == std::string::npos) name += ".xml";
  if (!std::filesystem::is_regular_file(directory_ / name)) {
    return {.status = 404, .headers = {}, .body = "no such document\n"};
  }
  return {.status = 200,
          .headers = {{"Content-Type", std::string(content_type(name))}},
          .body = read_file(directory_ / name)};
}

Task<http::Response> CustomerApp::answer(http::ServerRequest request) {
  fmt::print("{} {}\n", request.method, request.target);
  std::fflush(stdout);
  if (thinking_.count() > 0) co_await io::sleep_until(loop_, loop_.now() + thinking_);
  co_return document(request.path);
}

http::Handler CustomerApp::handler() {
  return [this](http::ServerRequest request) { return answer(std::move(request)); };
}

}  // namespace nearend::lab
