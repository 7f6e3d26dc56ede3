#include "router/router_core.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "telemetry/log.hpp"

namespace nearend::router {

namespace {

sip::StackSettings stack_settings(const Settings& settings) {
  sip::StackSettings stack;
  stack.user_agent = "nearend router";
  stack.dialogs_max = size_t{settings.calls_max} * 4;
  stack.pending_invites_per_source_max = stack.pending_invites_max;  // A gateway brings its whole region's calls.
  return stack;
}

bool looks_like_number(std::string_view user) {
  if (user.starts_with('+')) user.remove_prefix(1);
  return !user.empty() && std::ranges::all_of(user, [](char c) { return c >= '0' && c <= '9'; });
}

/// As the customer's application sees a party: a number, or a SIP address.
std::string party_name(std::string_view user, std::string_view host) {
  if (looks_like_number(user) || user.starts_with("sip:")) return std::string(user);
  if (user.contains('@')) return fmt::format("sip:{}", user);
  return fmt::format("sip:{}@{}", user, host);
}

/// Headers of the caller's own, as webhook parameters (twiml.md 3.1).
std::vector<std::pair<std::string, std::string>> own_headers(const sip::Message& invite) {
  auto headers = extension_headers(invite);
  for (auto& [name, value] : headers) name.insert(0, "SipHeader_");
  return headers;
}

}  // namespace

Router::Core::Core(Settings given, io::World given_world, http::Client& http, http::ServerFactory& given_servers,
                   media::Control& media, policy::Client& policy, store::Store& store, store::LiveState& live)
    : settings(std::move(given)),
      world(given_world),
      servers(given_servers),
      desk(world.loop, media),
      relays(settings.region, desk),
      transport(world.loop, world.net, {}),
      stack(world.loop, transport, stack_settings(settings), *this),
      wire{.loop = world.loop, .stack = stack, .settings = settings, .host = {}, .legs = {}},
      writes(world.loop),
      services{
          .tools = {wire, desk, settings, &relays}, .policy = policy, .store = store, .live = live, .writes = writes},
      host(world.loop, http, settings),
      watch_(
          wire,
          [this] {
            std::vector<std::string> uris;
            for (const auto& [sid, call] : calls) std::ranges::copy(call->gateway_uris(), std::back_inserter(uris));
            std::ranges::sort(uris);
            uris.erase(std::unique(uris.begin(), uris.end()), uris.end());
            services.policy.report_load(settings.name, static_cast<uint32_t>(calls.size()), settings.calls_max);
            return uris;
          },
          [this](const std::string& uri, std::chrono::milliseconds since) {
            for (const auto& [sid, call] : calls) call->on_gateway_silent(uri, since);
          }),
      warmth_(world.loop, stack),
      calls_total_(telemetry::counter("nearend_router_calls_total")),
      shed_total_(telemetry::counter("nearend_router_calls_shed_total")),
      calls_now_(telemetry::gauge("nearend_router_calls")),
      scope_(world.loop) {
  script = [this](Call& call) { return host.run(call); };
}

Router::Core::~Core() {
  watch_.stop();
  scope_.cancel_all();
  calls.clear();
}

Result<void> Router::Core::listen() {
  for (const ListenSettings& item : settings.link_listen) {
    sip::Transport::Listen listen{.protocol = item.protocol,
                                  .local = item.local,
                                  .tls = item.tls ? &*item.tls : nullptr,
                                  .tag = static_cast<uint32_t>(addresses.size() + 1),
                                  .is_admitted =
                                      [this](const IpAddress& address) {
                                        return std::ranges::any_of(settings.link_peers, [&](const Cidr& peers) {
                                          return peers.contains(address);
                                        });
                                      },
                                  .advertised_host = item.advertised_host};
    auto bound = transport.listen(std::move(listen));
    if (!bound) return fail(bound.error().kind, "link_listen: {}: {}", item.local.to_string(), bound.error().text);
    addresses.push_back(*bound);
  }
  return {};
}

Result<void> Router::Core::start() {
  auto good = checked(settings);
  if (!good) return pass(good);
  auto listening = listen();
  if (!listening) return listening;
  const ListenSettings& first = settings.link_listen.front();
  const std::string bound = addresses.front().to_string();
  wire.host =
      first.advertised_host.empty() ? bound : fmt::format("{}:{}", first.advertised_host, addresses.front().port);
  if (settings.http_listen && http_handler) {
    auto server = servers.serve(*settings.http_listen, http_handler);
    if (!server)
      return fail(server.error().kind, "http_listen: {}: {}", settings.http_listen->to_string(), server.error().text);
    http_server = std::move(*server);
  }
  scope_.spawn(seed());
  watch_.start();
  warmth_.start(link_uri(), settings.region, settings.link_neighbours);
  telemetry::info("router started", {{"router", settings.name}, {"region", settings.region}, {"link", link_uri()}});
  return {};
}

void Router::Core::stop() {
  is_draining = true;
  warmth_.stop();
  for (const auto& [sid, call] : calls) call->end("SIP;cause=503;text=\"Router stops\"");
}

std::string Router::Core::link_uri() const {
  const bool is_tls = settings.link_listen.front().protocol == sip::Protocol::tls;
  return fmt::format("sip:{};transport={}", wire.host, is_tls ? "tls" : "tcp");
}

Task<void> Router::Core::seed() {
  for (const store::Account& account : settings.accounts) {
    auto written = co_await services.store.put_account(account);
    if (!written) telemetry::warn("account not written", {{"account", account.sid}, {"reason", written.error().text}});
  }
  for (const store::Number& number : settings.numbers) {
    auto written = co_await services.store.put_number(number);
    if (!written)
      telemetry::warn("number not written", {{"number", masked(number.number)}, {"reason", written.error().text}});
  }
}

void Router::Core::on_dialog_event(sip::DialogId dialog, sip::DialogEvent event) {
  if (auto* invited = std::get_if<sip::event::Invited>(&event)) return invite(dialog, *invited);
  auto leg = wire.legs.find(dialog);
  if (leg != wire.legs.end()) leg->second->on_event(std::move(event));
}

void Router::Core::on_request(sip::ServerTransactionId transaction, sip::Message request, const sip::Flow&) {
  const int status = request.method() == sip::Method::options ? 200 : 501;
  (void)stack.respond(transaction, status);
}

void Router::Core::invite(sip::DialogId dialog, sip::event::Invited& invited) {
  const auto refuse = [&](int status, std::string_view reason, sip::ExtraHeaders headers = {}) {
    telemetry::info("call refused", {{"status", status}, {"reason", reason}});
    (void)stack.refuse(dialog, status, reason, std::move(headers));
  };
  if (!settings.link_key.empty()) {
    auto proven = link::verify(settings.link_key, invited.request, wire.unix_seconds());
    if (!proven) return refuse(403, proven.error().text);
  }
  auto headers = link::read_headers(invited.request);
  if (!headers) return refuse(400, headers.error().text);
  if (is_draining || calls.size() >= settings.calls_max) {
    shed_total_.add();
    return refuse(503, is_draining ? "draining" : "full",
                  {{"Retry-After", fmt::format("{}", settings.retry_after.count())}});
  }
  if (calls.contains(headers->context.call_sid)) return refuse(482, "this call runs here already");
  auto uri = invited.request.parsed_request_uri();
  auto from = invited.request.from();
  if (!uri || !from) return refuse(400, "From or Request-URI");
  Arrival arrival{.from_user = from->uri.user, .from_host = from->uri.host, .display = from->display, .to = uri->user};
  arrival.more = own_headers(invited.request);
  arrival.leg = std::make_unique<LinkLeg>(wire, dialog, *headers, invited.request);
  scope_.spawn(take(std::move(arrival)));
}

Task<void> Router::Core::take(Arrival arrival) {
  const link::CallContext about = arrival.leg->context();
  Inheritance inheritance = co_await inherit(about.call_sid);
  arrival.leg->set_epoch(inheritance.epoch);
  std::optional<store::Number> number = co_await find_number(arrival.to);
  if (!number) {
    telemetry::info("unknown number", {{"call", about.call_sid}, {"to", masked(arrival.to)}});
    arrival.leg->refuse(404);
    co_return;
  }
  store::Account account = co_await find_account(number->account_sid);
  // Cancelled meanwhile, or brought a second time.
  if (arrival.leg->is_over() || calls.contains(about.call_sid)) co_return;
  CallStart start{.epoch = inheritance.epoch, .number = std::move(*number), .account = std::move(account)};
  start.facts = {.call_sid = about.call_sid,
                 .account_sid = start.number.account_sid,
                 .from = party_name(arrival.from_user, arrival.from_host),
                 .to = party_name(arrival.to, settings.name),
                 .caller_name = arrival.display,
                 .more = std::move(arrival.more)};
  start.adopted = std::move(inheritance.capsule);
  auto call = std::make_unique<Call>(services, std::move(start), std::move(arrival.leg));
  Call& running = *calls.emplace(about.call_sid, std::move(call)).first->second;
  calls_total_.add();
  calls_now_.set(static_cast<int64_t>(calls.size()));
  running.run(script, [this](const std::string& sid) { scope_.spawn(forget(sid)); });
}

Task<void> Router::Core::forget(std::string call_sid) {
  co_await io::sleep_for(world.loop, io::Duration(0));  // The call is still on the stack when it says that it is over.
  calls.erase(call_sid);
  calls_now_.set(static_cast<int64_t>(calls.size()));
}

Task<Router::Core::Inheritance> Router::Core::inherit(std::string call_sid) {
  auto kept = co_await services.live.capsule(std::move(call_sid));
  if (!kept || !*kept) co_return Inheritance{};
  Inheritance inheritance{.epoch = (*kept)->epoch + 1, .capsule = {}};
  auto capsule = call::parse_capsule((*kept)->content);
  if (capsule) inheritance.capsule = std::move(*capsule);
  co_return inheritance;
}

Task<std::optional<store::Number>> Router::Core::find_number(std::string called) {
  auto found = co_await services.store.number(called);
  if (found && *found) co_return std::move(**found);
  // Without its store the router still knows what it was set up with (fault FT10).
  auto known = std::ranges::find(settings.numbers, called, &store::Number::number);
  if (known == settings.numbers.end()) co_return std::nullopt;
  co_return *known;
}

Task<store::Account> Router::Core::find_account(std::string sid) {
  auto found = co_await services.store.account(sid);
  if (found && *found) co_return std::move(**found);
  auto known = std::ranges::find(settings.accounts, sid, &store::Account::sid);
  if (known != settings.accounts.end()) co_return *known;
  co_return store::Account{.sid = std::move(sid)};
}

}  // namespace nearend::router
