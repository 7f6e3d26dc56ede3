#include "lab/customer_app.hpp"

#include <doctest/doctest.h>

#include <fstream>

#include "io/asio_loop.hpp"
#include "io/async.hpp"

using namespace nearend;
using namespace nearend::lab;

namespace {

Task<void> ask(CustomerApp& app, std::string path, http::Response& out, io::AsioLoop& loop) {
  http::ServerRequest request{.method = "POST", .target = path, .path = path};
  out = co_await app.answer(std::move(request));
  loop.stop();
}

http::Response answer_to(const std::filesystem::path& directory, std::string path) {
  io::AsioLoop loop;
  CustomerApp app(loop, directory, std::chrono::milliseconds(1));
  http::Response out;
  io::Scope scope(loop);
  scope.spawn(ask(app, std::move(path), out, loop));
  loop.run();
  return out;
}

}  // namespace

TEST_CASE("the customer application serves documents and sounds by name and nothing outside its directory") {
  const auto directory = std::filesystem::temp_directory_path() / "nearend-lab-app-test";
  std::filesystem::create_directories(directory);
  std::ofstream(directory / "start.xml") << "<Response/>";
  std::ofstream(directory / "prompt.wav") << "RIFF";
  CHECK(answer_to(directory, "/start").body == "<Response/>");
  CHECK(http::find_header(answer_to(directory, "/prompt.wav").headers, "Content-Type") == "audio/wav");
  CHECK(answer_to(directory, "/other").status == 404);
  CHECK(answer_to(directory, "/../start").status == 404);
  CHECK(answer_to(directory, "/.hidden").status == 404);
  CHECK(answer_to(directory, "/").status == 404);
  std::filesystem::remove_all(directory);
}
