#include "app/top.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <tuple>
#include <vector>

#include "base/json.hpp"
#include "http/curl_client.hpp"
#include "io/asio_world.hpp"
#include "io/async.hpp"

namespace nearend::app {
namespace {

constexpr std::string_view clear_screen = "\033[H\033[2J";
constexpr double unrated = 9;  // behind all that have a score

/// What a line shows of a leg: the speech that its endpoint sends.
struct Row {
  std::string who, path, call;
  int64_t talked_s = 0, packets = 0, dropped = 0;
  double jitter_ms = 0, rtt_ms = -1, loss_percent = 0, score = unrated, cpu_percent = 0;
  std::string codec = "-", tier = "-";
};

Row row_of(const json::object& leg) {
  Row row;
  const bool is_inbound = json_string_or(leg, "direction", "") == "inbound";
  row.who = fmt::format("{} {} {}", is_inbound ? "in " : "out", json_string_or(leg, "from", ""),
                        json_string_or(leg, "to", ""));
  if (!leg.contains("direction"))  // a media node knows no more than who asked
    row.who = fmt::format("{} {}", json_string_or(leg, "client", ""), json_string_or(leg, "leg", ""));
  row.path = json_string_or(leg, "path", "-");
  row.call = json_string_or(leg, "call", "");
  row.talked_s = json_integer_or(leg, "talked_ms", 0) / 1000;
  const json::value* streams = leg.if_contains("streams");
  const json::array* list = streams ? streams->if_array() : nullptr;
  const json::object* first = list && !list->empty() ? list->front().if_object() : nullptr;
  if (!first) return row;
  row.packets = json_integer_or(*first, "packets_in", 0);
  row.dropped = json_integer_or(*first, "dropped_source", 0) + json_integer_or(*first, "dropped_srtp", 0) +
                json_integer_or(*first, "dropped_malformed", 0);
  row.jitter_ms = json_number_or(*first, "jitter_ms", 0);
  row.rtt_ms = json_number_or(*first, "rtt_ms", -1);
  row.codec = json_string_or(*first, "codec", "-");
  row.tier = json_string_or(*first, "tier", "-");
  for (const json::value& stream : *list)
    if (stream.is_object()) row.cpu_percent += json_number_or(stream.get_object(), "cpu_percent", 0);
  const json::value* quality = first->if_contains("quality");
  if (!quality || !quality->is_object()) return row;
  row.loss_percent = json_number_or(quality->get_object(), "loss_percent", 0);
  row.score = json_number_or(quality->get_object(), "score", unrated);
  return row;
}

std::string line_of(const Row& row) {
  const std::string score = row.score == unrated ? "-" : fmt::format("{:.2f}", row.score);
  const std::string rtt = row.rtt_ms < 0 ? "-" : fmt::format("{:.0f}", row.rtt_ms);
  return fmt::format("{:>5} {:>6.2f} {:>6.1f} {:>6} {:>8} {:>7} {:>6} {:>5.2f} {:<6} {:<10} {:<8} {:<40.40} {}\n",
                     score, row.loss_percent, row.jitter_ms, rtt, row.packets, row.dropped, row.talked_s,
                     row.cpu_percent, row.codec, row.tier, row.path, row.who, row.call);
}

Task<void> show(http::Client& client, io::AsioLoop& loop, TopSettings settings, int& status) {
  const bool is_terminal = ::isatty(STDOUT_FILENO) != 0;
  do {
    http::Request request{.url = settings.url + "/v1/legs", .body_limit = 8 << 20};
    const auto answer = co_await client.send(std::move(request));
    Result<std::string> page = fail(Error::Kind::unavailable, "{}: no answer", settings.url);
    if (!answer)
      page = fail(answer.error().kind, "{}: {}; is it the http_listen of a gateway or media node?", settings.url,
                  answer.error().text);
    else if (answer->status != 200)
      page = fail(Error::Kind::invalid, "{}: status {}; is it the http_listen of a gateway or media node?",
                  settings.url, answer->status);
    else
      page = top_page(answer->body, settings.rows);
    if (!page) {
      fmt::print(stderr, "nearend top: {}\n", page.error().text);
      status = 1;
      break;
    }
    fmt::print("{}{}", is_terminal && !settings.is_once ? clear_screen : "", *page);
    std::fflush(stdout);
    if (settings.is_once) break;
    co_await io::sleep_for(loop, std::chrono::seconds(1));
  } while (true);
  loop.stop();
}

}  // namespace

Result<std::string> top_page(std::string_view legs_json, size_t rows) {
  const auto value = parse_json(legs_json);
  const json::object* object = value ? value->if_object() : nullptr;
  const json::value* legs = object ? object->if_contains("legs") : nullptr;
  if (!legs || !legs->is_array()) return fail(Error::Kind::malformed, "the answer is not a list of legs");
  std::vector<Row> all;
  for (const json::value& leg : legs->get_array())
    if (leg.is_object()) all.push_back(row_of(leg.get_object()));
  std::ranges::sort(all, {}, [](const Row& row) { return std::tie(row.score, row.call, row.who); });
  const size_t count = all.size() + static_cast<size_t>(std::max<int64_t>(0, json_integer_or(*object, "more", 0)));
  std::string page = fmt::format("{} legs, the worst first\n", count);
  page +=
      "score  loss% jitter    rtt  packets dropped   secs  cpu% codec  tier       path     leg                         "
      "       "
      "      call\n";
  for (size_t i = 0; i < all.size() && i < rows; ++i) page += line_of(all[i]);
  return page;
}

int run_top(const TopSettings& settings) {
  io::AsioWorld world;
  http::CurlClient client(world.loop, world.dns);
  int status = 0;
  {
    io::Scope scope(world.loop);
    scope.spawn(show(client, world.loop, settings, status));
    world.loop.run();
  }
  return status;
}

}  // namespace nearend::app
