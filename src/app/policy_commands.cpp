#include "app/policy_commands.hpp"

#include <boost/json/array.hpp>

#include "app/files.hpp"
#include "http/curl_client.hpp"
#include "io/asio_world.hpp"
#include "io/async.hpp"
#include "policy/wire.hpp"
#include "policy_server/replay.hpp"

namespace nearend::app {
namespace {

policy::Place place_of(const std::string& text) {
  policy::Place place;
  if (text.starts_with("gateway:"))
    place.gateway = text.substr(8);
  else if (text.starts_with("region:"))
    place.region = text.substr(7);
  else if (text.starts_with("area:"))
    place.area = text.substr(5);
  else
    place.address = text;
  return place;
}

void print_candidates(const json::object& answer) {
  fmt::print("mode {}\n{:>7} {:>8} {:>6} {:>7} {:>7} {:>6} {:>5}  {}\n", json_string_or(answer, "mode", "?"), "points",
             "m2e ms", "R", "loss %", "jitter", "load", "conf", "path");
  const json::value* candidates = answer.if_contains("candidates");
  if (!candidates || !candidates->is_array()) return;
  for (const json::value& each : candidates->get_array()) {
    if (!each.is_object()) continue;
    const json::object& row = each.get_object();
    const auto number = [&](std::string_view key) { return json_number_or(row, key, 0); };
    fmt::print("{:>7.1f} {:>8.1f} {:>6.1f} {:>7.2f} {:>7.1f} {:>6.1f} {:>5.2f}  {}\n", number("points"),
               number("m2e_ms"), number("r"), number("loss_percent"), number("jitter_ms"), number("load_points"),
               number("confidence"), json_string_or(row, "path", ""));
  }
}

void print_providers(const json::object& answer) {
  const json::value* providers = answer.if_contains("providers");
  if (!providers || !providers->is_array() || providers->get_array().empty()) return;
  fmt::print("\n{:>7} {:>6} {:>8} {:>6} {:>5} {:>8}  {}\n", "NER", "MOS", "PDD ms", "load", "conf", "cost", "provider");
  for (const json::value& each : providers->get_array()) {
    if (!each.is_object()) continue;
    const json::object& row = each.get_object();
    const json::value* told = row.if_contains("estimate");
    const json::object estimate = told && told->is_object() ? told->get_object() : json::object();
    fmt::print(
        "{:>7.3f} {:>6.2f} {:>8.0f} {:>6.2f} {:>5.2f} {:>8g}  {} at {}: {}\n", json_number_or(estimate, "ner", 0),
        json_number_or(estimate, "mos", 0), json_number_or(estimate, "pdd_ms", 0), json_number_or(row, "load", 0),
        json_number_or(estimate, "confidence", 0), json_number_or(row, "cost", 0), json_string_or(row, "provider", ""),
        json_string_or(row, "gateway", ""), json_string_or(row, "reason", ""));
  }
}

Task<void> explain(http::Client& client, io::AsioLoop& loop, ExplainSettings settings, int& status) {
  policy::RouteQuery query;
  query.account = settings.account;
  query.media = settings.media;
  query.a = place_of(settings.a);
  query.b = place_of(settings.b);
  query.may_relay = settings.may_relay;
  http::Request request{.method = "POST",
                        .url = settings.url + "/v1/routes/explain",
                        .headers = {{"Content-Type", "application/json"}},
                        .body = to_json(policy::to_json(query))};
  const auto answer = co_await client.send(std::move(request));
  loop.stop();
  status = 1;
  if (!answer) {
    fmt::print(stderr, "nearend policy explain: {}: {}\n", settings.url, answer.error().text);
    co_return;
  }
  const auto body = parse_json(answer->body);
  if (answer->status != 200 || !body || !body->is_object()) {
    fmt::print(stderr, "nearend policy explain: status {}: {}\n", answer->status, answer->body);
    co_return;
  }
  status = 0;
  print_candidates(body->get_object());
  print_providers(body->get_object());
}

}  // namespace

int run_explain(const ExplainSettings& settings) {
  io::AsioWorld world;
  http::CurlClient client(world.loop, world.dns);
  int status = 0;
  {
    io::Scope scope(world.loop);
    scope.spawn(explain(client, world.loop, settings, status));
    world.loop.run();
  }
  return status;
}

int run_replay(const std::string& config_path, const std::string& record_path) {
  auto loaded = load<PolicyFile>(config_path);
  if (!loaded) {
    fmt::print(stderr, "nearend: {}\n", loaded.error().text);
    return 1;
  }
  const auto outcome = policy_server::replay(loaded->file.policy_server, loaded->topology, record_path);
  if (!outcome) {
    fmt::print(stderr, "nearend policy replay: {}\n", outcome.error().text);
    return 1;
  }
  fmt::print("{} of {} answers are the same\n", outcome->played - outcome->different, outcome->played);
  if (outcome->different > 0)
    fmt::print("the first that differs, line {}: {}\n", outcome->first_line, outcome->first_answer);
  return outcome->different > 0 ? 1 : 0;
}

}  // namespace nearend::app
