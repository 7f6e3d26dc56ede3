#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/json.hpp"
#include "http/http.hpp"
#include "io/async.hpp"
#include "io/net.hpp"
#include "media/control.hpp"

namespace nearend::media_server {

/// The settings of the control API of a media node (`nearend media`).
struct Settings {
  Endpoint listen{IpAddress::loopback(), 7400};  ///< Where gateways and routers reach the media control API.
  std::string peer_key;                          ///< Shared key of platform peers; empty: unsigned requests are taken.
  std::string certificate_file, key_file;        ///< PEM; set: TLS and nothing else.
  std::string trust_file;          ///< PEM of roots; set: clients must show a certificate that one of them signs,
  std::vector<std::string> peers;  ///< with one of these names; empty: any.
  std::optional<io::TlsSettings> tls() const;
};

/// The first setting that cannot work: its key, a colon, and what would be right.
Result<void> checked(const Settings& settings);

/// Serves the media control API (docs/media-control.md) for one node's Control. Events are kept per client until it has
/// asked for those after them. Lives on the control's loop; the control outlives it.
class Server {
 public:
  static constexpr size_t events_max = 4096;  ///< Kept per client; the oldest leave first.
  static constexpr size_t clients_max = 256;
  static constexpr size_t released_max = 1024;
  static constexpr size_t commands_max = 64;  ///< In one request.
  static constexpr std::chrono::seconds client_kept{600};
  static constexpr size_t seconds_max = 500'000;  ///< Kept for a client that asks seldom.
  static constexpr size_t answers_max = 8192;              ///< Kept for requests that are repeated,
  static constexpr std::chrono::seconds answer_kept{120};  ///< this long.

  Server(Settings settings, const io::World& world, http::ServerFactory& servers, media::Control& control);
  ~Server();

  /// Begins to listen.
  Result<void> start();
  Endpoint local() const;
  /// JSON of the legs that are up, at most `legs_max`, or of one leg or call by its id: as a gateway's `/v1/legs`
  /// (docs/gateway-api.md). Errors: not_found.
  Task<Result<std::string>> legs_json(std::string id);
  static constexpr size_t legs_max = 500;
  Task<std::string> state_json();

 private:
  struct Numbered {
    uint64_t number;
    media::AnchorId anchor;
    media::Event event;
  };
  struct Client {
    std::deque<Numbered> events;
    uint64_t last = 0;
    uint64_t dropped_to = 0;  // events up to this number are gone unread
    std::optional<io::Reply<bool>> waiting;
    io::Instant seen{};
    std::vector<media::LegSecond> seconds;  // of its legs, since it asked last
    io::Instant seconds_until{};            // they are kept for it
  };
  using Answer = Result<json::value>;
  struct Owner {
    std::string client, call, leg;
  };
  /// A request with a key, and what was answered; empty while it is at work.
  struct Kept {
    std::string asked;
    std::optional<http::Response> response;
    std::vector<io::Reply<bool>> waiting;
    io::Instant begun{};
  };

  Task<http::Response> handle(http::ServerRequest request);
  Task<http::Response> handle_once(std::string key, http::ServerRequest request);
  Task<http::Response> answer(http::ServerRequest request);
  void forget_old_answers();
  Answer renew_all(const json::value& body);
  Answer list(const http::Form& query) const;
  Task<Answer> route(std::string method, std::vector<std::string> path, http::Form query, json::value body);
  Task<Answer> route_anchor(std::string method, media::AnchorId anchor, std::vector<std::string> rest,
                            json::value body);
  Task<Answer> run_commands(json::value body);
  Task<json::value> run_command(json::value command, const json::array& answers);
  Task<Answer> start_job(media::AnchorId anchor, std::string kind, json::value body);
  Task<Answer> allocate(json::value body);
  Task<Answer> events(http::Form query);
  Task<Answer> seconds(http::Form query);
  Task<Answer> recording(std::string method, std::string name, http::Form query);
  Result<void> check(const http::ServerRequest& request) const;
  void on_event(media::AnchorId anchor, media::Event event);
  static void give(Client& client, media::AnchorId anchor, media::Event event);
  Client& client(const std::string& name);
  void forget_old_clients();
  void forget_owner_later(media::AnchorId anchor);

  Settings settings_;
  io::Loop& loop_;
  http::ServerFactory& servers_;
  media::Control& control_;
  std::string epoch_;
  std::unordered_map<std::string, Client> clients_;
  std::vector<media::Event> unowned_;  // of no anchor: told to every client, also to those that come later
  std::unordered_map<media::AnchorId, Owner> owners_;
  std::unordered_map<std::string, Kept> kept_;
  std::deque<std::string> kept_order_;
  std::deque<media::AnchorId> released_;
  std::unique_ptr<http::Server> server_;
};

}  // namespace nearend::media_server
