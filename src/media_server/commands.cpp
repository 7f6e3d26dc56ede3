// Several commands in one request: what an offer needs, both legs' anchors and their bridge, is one round trip and one
// wake-up of the node.
#include "base/text.hpp"
#include "media/control_json.hpp"
#include "media_server/server.hpp"
#include "media_server/status.hpp"

namespace nearend::media_server {
namespace {

constexpr std::string_view prefix = "/v1/media/anchors";

/// "$2" is the anchor that the third command of the same request gave; other text stays.
Result<std::string> resolve(std::string_view text, const json::array& answers) {
  if (!text.starts_with('$')) return std::string(text);
  const auto number = parse_unsigned(text.substr(1));
  if (!number || *number >= answers.size())
    return fail(Error::Kind::invalid, "\"{}\" is no earlier command of this request; it has {}", text, answers.size());
  const json::value* body = answers[*number].get_object().if_contains("body");
  const json::value* id = body && body->is_object() ? body->get_object().if_contains("id") : nullptr;
  if (!id || !id->is_string()) return fail(Error::Kind::invalid, "\"{}\": that command gave no anchor", text);
  return std::string(id->get_string());
}

Result<std::vector<std::string>> resolve_path(std::string_view target, const json::array& answers) {
  if (!target.starts_with(prefix))
    return fail(Error::Kind::invalid, "'path' is \"{}\"; commands are under {}", target, prefix);
  std::vector<std::string> path{"anchors"};
  for (std::string_view piece : split(target.substr(prefix.size()), '/')) {
    auto resolved = resolve(piece, answers);
    if (!resolved) return pass(resolved);
    path.push_back(std::move(*resolved));
  }
  return path;
}

/// `peer` of a path, which may stand alone or come along with allocating.
Result<void> resolve_peer(json::value& body, const json::array& answers) {
  if (!body.is_object()) return {};
  if (json::value* path = body.get_object().if_contains("path"))
    if (auto resolved = resolve_peer(*path, answers); !resolved) return resolved;
  json::value* peer = body.get_object().if_contains("peer");
  if (!peer || !peer->is_string()) return {};
  auto resolved = resolve(std::string_view(peer->get_string()), answers);
  if (!resolved) return pass(resolved);
  *peer = *resolved;
  return {};
}

json::value answer_of(Result<json::value> outcome) {
  if (!outcome)
    return json::object{{"status", status_of(outcome.error().kind)}, {"body", media::to_value(outcome.error())}};
  if (outcome->is_null()) return json::object{{"status", 204}};
  return json::object{{"status", 200}, {"body", std::move(*outcome)}};
}

}  // namespace

Task<Server::Answer> Server::run_commands(json::value body) {
  const json::value* list = body.is_object() ? body.get_object().if_contains("commands") : nullptr;
  if (!list || !list->is_array() || list->get_array().size() > commands_max)
    co_return fail(Error::Kind::invalid, "'commands' must be a list of at most {}", commands_max);
  json::array answers;
  for (const json::value& command : list->get_array()) {
    json::value answer = co_await run_command(command, answers);
    answers.push_back(std::move(answer));
  }
  co_return json::value(json::object{{"answers", std::move(answers)}});
}

Task<json::value> Server::run_command(json::value command, const json::array& answers) {
  if (!command.is_object()) co_return answer_of(fail(Error::Kind::invalid, "a command must be an object"));
  json::object& object = command.get_object();
  auto method = json_string(object, "method");
  if (!method) co_return answer_of(pass(method));
  auto target = json_string(object, "path");
  if (!target) co_return answer_of(pass(target));
  auto path = resolve_path(*target, answers);
  if (!path) co_return answer_of(pass(path));
  json::value body = object.contains("body") ? std::move(object["body"]) : json::value(nullptr);
  if (auto resolved = resolve_peer(body, answers); !resolved) co_return answer_of(pass(resolved));
  auto outcome = co_await route(std::move(*method), std::move(*path), {}, std::move(body));
  co_return answer_of(std::move(outcome));
}

}  // namespace nearend::media_server
