#include "policy_server/replay.hpp"

#include <fstream>

#include "io/asio_world.hpp"

namespace nearend::policy_server {
namespace {

/// A replayed server listens nowhere.
class NoServers final : public http::ServerFactory {
 public:
  Result<std::unique_ptr<http::Server>> serve(const Endpoint&, http::Handler) override {
    return fail(Error::Kind::unsupported, "a replay does not listen");
  }
};

}  // namespace

Result<ReplayOutcome> replay(Settings settings, const policy::Topology& topology, const std::string& record_path) {
  std::ifstream file(record_path);
  if (!file) return fail(Error::Kind::not_found, "cannot read '{}'", record_path);
  settings.record_file.clear();
  io::AsioWorld world;
  NoServers servers;
  Server server(world.loop, servers, std::move(settings), topology);
  ReplayOutcome outcome;
  size_t line_number = 0;
  for (std::string line; std::getline(file, line);) {
    ++line_number;
    auto value = parse_json(line);
    if (!value || !value->is_object()) return fail(Error::Kind::malformed, "line {} is no record", line_number);
    const json::object& entry = value->get_object();
    http::ServerRequest request;
    request.method = "POST";
    request.path = request.target = json_string_or(entry, "path", "");
    request.body = json_string_or(entry, "body", "");
    const http::Response response = server.respond(request, json_integer_or(entry, "at_ms", 0));
    ++outcome.played;
    if (response.body == json_string_or(entry, "answer", "")) continue;
    if (outcome.different++ == 0) {
      outcome.first_line = line_number;
      outcome.first_answer = response.body;
    }
  }
  return outcome;
}

}  // namespace nearend::policy_server
