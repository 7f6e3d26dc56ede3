#include "app/race.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <map>
#include <numeric>

#include "base/json.hpp"
#include "base/text.hpp"
#include "io/async.hpp"
#include "sip/resolver.hpp"
#include "sip/stack.hpp"
#include "sip/stun.hpp"

namespace nearend::app {
namespace {

double ms_between(io::Instant from, io::Instant to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

/// Who asks: a socket a family for STUN, and a stack of SIP that only sends OPTIONS.
class Asker final : public sip::Stack::Listener {
 public:
  Asker(io::World world, const RaceSettings& settings)
      : world_(world),
        settings_(settings),
        transport_(world.loop, world.net, {}),
        stack_(world.loop, transport_, {}, *this) {
    for (const auto family : {IpAddress::Family::v4, IpAddress::Family::v6}) {
      const Endpoint any{IpAddress::any(family), 0};
      (void)transport_.listen({.protocol = sip::Protocol::udp, .local = any});
      // For the address in Via; nobody is heard there.
      (void)transport_.listen(
          {.protocol = sip::Protocol::tcp, .local = any, .is_admitted = [](const IpAddress&) { return false; }});
    }
  }
  void on_dialog_event(sip::DialogId, sip::DialogEvent) override {}
  void on_request(sip::ServerTransactionId transaction, sip::Message, const sip::Flow&) override {
    (void)stack_.respond(transaction, 405);
  }

  /// Until all is known of one candidate.
  Task<void> measure(RaceResult& result, size_t place, io::Mailbox<size_t>& finished) {
    co_await io::sleep_for(world_.loop, settings_.head_start * static_cast<int>(place));
    if (result.candidate.stun) co_await ask_by_stun(result);
    const bool is_measured = !result.rtts_ms.empty();
    const int rounds = is_measured ? 1 : settings_.rounds;
    if (!is_measured) result.asked = 0;
    for (int round = 0; round < rounds; ++round) {
      const auto took_ms = co_await ask_by_options(result);
      if (is_measured) break;
      ++result.asked;
      if (took_ms) result.rtts_ms.push_back(*took_ms);
      const bool is_given_up = result.candidate.stun || round > 0;
      if (!took_ms && is_given_up && result.rtts_ms.empty()) break;
    }
    finished.push(place);
  }

 private:
  struct Question {
    RaceResult* result;
    io::Instant sent;
    io::Mailbox<int>* bell;
  };

  io::UdpSocket* socket_for(const Endpoint& to) {
    auto& socket = sockets_[to.address.is_v6() ? 1 : 0];
    if (!socket) {
      const auto family = to.address.family();
      auto opened = world_.net.open_udp({IpAddress::any(family), 0},
                                        [this](const Endpoint&, io::Bytes datagram) { take(datagram); });
      if (opened) socket = std::move(*opened);
    }
    return socket.get();
  }

  void take(io::Bytes datagram) {
    sip::stun::TransactionId id{};
    if (datagram.size() < 20) return;
    std::ranges::copy(datagram.subspan(8, id.size()), id.begin());
    const auto asked = questions_.find(id);
    if (asked == questions_.end()) return;
    const Question question = asked->second;
    questions_.erase(asked);
    if (const auto seen = sip::stun::read_answer(datagram, id)) {
      question.result->rtts_ms.push_back(ms_between(question.sent, world_.loop.now()));
      question.result->seen = *seen;
    }
    question.bell->push(1);
  }

  Task<void> ask_by_stun(RaceResult& result) {
    const Endpoint to = *result.candidate.stun;
    io::UdpSocket* socket = socket_for(to);
    if (socket == nullptr) co_return;
    io::Mailbox<int> bell(world_.loop);
    std::vector<sip::stun::TransactionId> ids;
    for (int round = 0; round < settings_.rounds; ++round) {
      auto& id = ids.emplace_back();
      for (uint8_t& byte : id) byte = static_cast<uint8_t>(world_.loop.random());
      questions_[id] = {&result, world_.loop.now(), &bell};
      const sip::stun::Answer request = sip::stun::binding_request(id);
      socket->send(to, request.bytes());
      ++result.asked;
      co_await io::sleep_for(world_.loop, settings_.pace);
    }
    const io::Instant deadline = world_.loop.now() + settings_.timeout;
    for (int answered = 0; answered < settings_.rounds; ++answered) {
      const auto rung = co_await bell.next(deadline);
      if (!rung) break;
    }
    for (const auto& id : ids) questions_.erase(id);
  }

  /// How long the answer took; nothing where none came.
  Task<std::optional<double>> ask_by_options(RaceResult& result) {
    struct Answered {
      int status = 0;
      std::string server;
      io::Instant at;
    };
    const io::Instant sent = world_.loop.now();
    const io::Reply<Answered> reply(world_.loop);
    const sip::Target target = result.candidate.sip;
    const std::string host = target.server_name.empty() ? target.address.to_string() : target.server_name;
    auto begun = stack_.send_request(
        sip::Method::options, "sip:" + host, "sip:race@invalid", {target}, {}, {},
        [reply, loop = &world_.loop](int status, const sip::Message& response) {
          const bool is_local = response.empty();
          reply.set({is_local ? 0 : status, std::string(response.header(sip::HeaderId::server)), loop->now()});
        });
    if (!begun) co_return std::nullopt;
    const auto answered = co_await reply.wait(sent + settings_.timeout);
    if (!answered || answered->status == 0) co_return std::nullopt;
    result.status = answered->status;
    note_server(result.candidate, answered->server);
    co_return ms_between(sent, answered->at);
  }

  /// "eu-gw1 (eu/de1)", as gateways call themselves.
  static void note_server(RaceCandidate& candidate, std::string_view server) {
    const size_t open = server.find(" (");
    if (!candidate.gateway.empty() || open == std::string_view::npos || !server.ends_with(')')) return;
    candidate.gateway = server.substr(0, open);
    candidate.region = server.substr(open + 2, server.size() - open - 3);
  }

  io::World world_;
  const RaceSettings& settings_;
  sip::Transport transport_;
  sip::Stack stack_;
  std::unique_ptr<io::UdpSocket> sockets_[2];
  std::map<sip::stun::TransactionId, Question> questions_;
};

void choose(std::vector<RaceResult>& results, const RaceSettings& settings) {
  constexpr double loss_most = 0.5;
  RaceResult* best = nullptr;
  double best_score = 0;
  for (RaceResult& each : results) {
    const auto median = each.median_ms();
    if (!median || each.status == 503 || each.loss() > loss_most) continue;
    const bool is_first = &each == &results.front();
    const double score = *median + (is_first ? 0.0 : static_cast<double>(settings.head_start.count()));
    if (best != nullptr && score >= best_score) continue;
    best = &each;
    best_score = score;
  }
  if (best != nullptr) best->is_chosen = true;
}

Result<RaceCandidate> candidate_of(const json::object& listed) {
  RaceCandidate candidate{.gateway = json_string_or(listed, "gateway", ""),
                          .region = json_string_or(listed, "region", "")};
  if (const auto* stun = listed.if_contains("stun"); stun && stun->is_array() && !stun->get_array().empty()) {
    const json::value& first = stun->get_array().front();
    const std::string text = first.is_string() ? std::string(first.get_string()) : std::string();
    auto at = parse_endpoint(text.starts_with("stun:") ? text.substr(5) : text);
    if (!at) return pass(at);
    candidate.stun = *at;
  }
  const auto* uris = listed.if_contains("sip");
  if (!uris || !uris->is_array()) return fail(Error::Kind::malformed, "a candidate without 'sip'");
  for (const json::value& each : uris->get_array()) {
    const auto uri = sip::parse_uri(each.is_string() ? std::string_view(each.get_string()) : std::string_view());
    if (!uri) return fail(uri.error().kind, "sip: {}", uri.error().text);
    const auto targets = sip::resolve_numeric(*uri, {});  // a name is for TLS, whose address is the others'
    if (!targets || targets->empty()) continue;
    candidate.sip = targets->front();
    return candidate;
  }
  return fail(Error::Kind::malformed, "a candidate whose 'sip' has no address");
}

}  // namespace

std::optional<double> RaceResult::median_ms() const {
  if (rtts_ms.empty()) return std::nullopt;
  std::vector<double> sorted = rtts_ms;
  std::ranges::sort(sorted);
  const size_t middle = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[middle] : std::midpoint(sorted[middle - 1], sorted[middle]);
}

Task<std::vector<RaceResult>> race(io::World world, std::vector<RaceCandidate> candidates, RaceSettings settings) {
  Asker asker(world, settings);
  std::vector<RaceResult> results;
  for (RaceCandidate& each : candidates) results.push_back({.candidate = std::move(each)});
  io::Mailbox<size_t> finished(world.loop);
  io::Scope tasks(world.loop);
  for (size_t place = 0; place < results.size(); ++place) tasks.spawn(asker.measure(results[place], place, finished));
  for (size_t done = 0; done < results.size(); ++done) {
    const auto place = co_await finished.next();
    (void)place;
  }
  choose(results, settings);
  co_return results;
}

Result<std::vector<RaceCandidate>> candidates_of(std::string_view list_json) {
  const auto value = parse_json(list_json);
  const json::object* object = value ? value->if_object() : nullptr;
  const json::value* listed = object ? object->if_contains("candidates") : nullptr;
  if (!listed || !listed->is_array()) return fail(Error::Kind::malformed, "the answer is no list of first hops");
  std::vector<RaceCandidate> candidates;
  for (const json::value& each : listed->get_array()) {
    if (!each.is_object()) return fail(Error::Kind::malformed, "candidates: objects are expected");
    auto candidate = candidate_of(each.get_object());
    if (!candidate) return pass(candidate);
    candidates.push_back(std::move(*candidate));
  }
  return candidates;
}

std::string race_table(const std::vector<RaceResult>& results) {
  std::string table = fmt::format("  {:<20} {:<10} {:<28} {:>8} {:>6}  {}\n", "gateway", "region", "address", "rtt ms",
                                  "loss", "OPTIONS");
  for (const RaceResult& each : results) {
    const auto median = each.median_ms();
    const auto shown = [](const std::string& text) { return text.empty() ? "-" : text; };
    table += fmt::format("{} {:<20} {:<10} {:<28} {:>8} {:>5.0f}%  {}\n", each.is_chosen ? '*' : ' ',
                         shown(each.candidate.gateway), shown(each.candidate.region),
                         each.candidate.sip.address.to_string(), median ? fmt::format("{:.1f}", *median) : "-",
                         each.loss() * 100, each.status == 0 ? "no answer" : std::to_string(each.status));
  }
  return table;
}

}  // namespace nearend::app
