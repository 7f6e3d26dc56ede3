#include "router/link_leg.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "sip/multipart.hpp"

namespace nearend::router {

namespace {

constexpr std::string_view sdp_type = "application/sdp";
constexpr std::string_view json_type = "application/json";

IpAddress host_address(const Wire& wire) {
  auto endpoint = parse_endpoint(wire.host);
  return endpoint ? endpoint->address : IpAddress();
}

}  // namespace

bool GatewayFacts::has(std::string_view feature) const {
  return std::ranges::find(features, feature) != features.end();
}

LinkLeg::LinkLeg(Wire& wire, link::CallContext context)
    : wire_(wire), context_(std::move(context)), speaker_(wire.loop.random(), host_address(wire)) {}

LinkLeg::LinkLeg(Wire& wire, sip::DialogId dialog, const link::Headers& headers, const sip::Message& invite)
    : wire_(wire),
      dialog_(dialog),
      context_(headers.context),
      state_(State::invited),
      speaker_(wire.loop.random(), host_address(wire)) {
  wire_.legs[dialog_] = this;
  read_facts(invite);
  take_description(sip::find_body(invite, "application/sdp"));
}

LinkLeg::~LinkLeg() {
  handler_ = {};
  if (dialog_ == sip::DialogId::none) return;
  end();
  wire_.legs.erase(dialog_);
}

call::LegPlace LinkLeg::place() const {
  return {.gateway = gateway_.name,
          .region = gateway_.region,
          .features = gateway_.features,
          .is_direct_possible = gateway_.has("direct")};
}

link::Item LinkLeg::joined_to_this(std::string name) const {
  link::Item item{std::move(name), {{"peer", context_.leg}}};
  if (!gateway_.uri.empty()) item.parameters.emplace_back("gateway", gateway_.uri);
  return item;
}

sip::ExtraHeaders LinkLeg::headers(std::vector<link::Item> actions, sip::Method method, std::string_view body,
                                   std::vector<link::Item> features) const {
  features.insert(features.end(), wanted_.begin(), wanted_.end());
  return wire_.headers(context_, std::move(actions), std::move(features), method, body);
}

void LinkLeg::ring() {
  if (state_ != State::invited) return;
  auto sent = wire_.stack.progress(dialog_, 180, {}, headers({{"ring", {}}}, sip::Method::invite, {}));
  if (!sent) fail_all(503);
}

void LinkLeg::offer_early(std::string sdp) {
  if (state_ != State::invited) return;
  auto extra = headers({{"early", {}}}, sip::Method::invite, sdp);
  auto sent = wire_.stack.progress(dialog_, 183, {std::string(sdp_type), std::move(sdp)}, std::move(extra));
  if (!sent) fail_all(503);
}

void LinkLeg::arm_unanswered(const LinkLeg& peer, std::string sdp) {
  if (state_ != State::invited) return;
  auto extra = headers({peer.joined_to_this("arm")}, sip::Method::invite, sdp);
  auto sent = wire_.stack.progress(dialog_, 183, {std::string(sdp_type), std::move(sdp)}, std::move(extra));
  if (!sent) fail_all(503);
}

Result<void> LinkLeg::answer(std::string sdp, std::vector<link::Item> actions) {
  if (state_ != State::invited) return fail(Error::Kind::invalid, "leg {}: cannot be answered now", id());
  ours_ = sdp;
  auto extra = headers(std::move(actions), sip::Method::invite, sdp);
  auto sent = wire_.stack.accept(dialog_, {std::string(sdp_type), std::move(sdp)}, std::move(extra));
  if (sent) state_ = State::confirmed;
  return sent;
}

void LinkLeg::refuse(int status, std::string_view reason, sip::ExtraHeaders more) {
  if (state_ != State::invited) return;
  auto extra = headers({}, sip::Method::invite, {});
  for (sip::ExtraHeader& header : more) extra.push_back(std::move(header));
  auto sent = wire_.stack.refuse(dialog_, status, reason, std::move(extra));
  state_ = State::over;
  fail_all(sent ? status : 503);
}

Result<void> LinkLeg::dial(DialOrder order) {
  ours_ = order.sdp;
  sip::InviteRequest request;
  request.headers = headers({std::move(order.dial)}, sip::Method::invite, order.sdp, std::move(order.features));
  for (sip::ExtraHeader& header : order.headers) request.headers.push_back(std::move(header));
  if (order.is_bridge_required) request.headers.push_back({"Require", "local-bridge"});
  request.uri = std::move(order.uri);
  request.from = std::move(order.from);
  request.body = {std::string(sdp_type), std::move(order.sdp)};
  request.answer_timeout = order.answer_timeout;
  request.is_100rel_offered = false;  // The link is a stream: provisional responses are not lost.
  auto dialog = wire_.stack.invite(std::move(request));
  if (!dialog) {
    state_ = State::over;
    return pass(dialog);
  }
  dialog_ = *dialog;
  wire_.legs[dialog_] = this;
  state_ = State::calling;
  return {};
}

Task<LinkLeg::Reply> LinkLeg::info(link::Item action, std::string type, std::string body) {
  if (is_over()) co_return Reply{481, {}};
  if (type.empty() && !body.empty()) type = std::string(json_type);
  auto extra = headers({std::move(action)}, sip::Method::info, body);
  sip::Body content{std::move(type), std::move(body)};
  auto cookie = wire_.stack.request(dialog_, sip::Method::info, std::move(content), std::move(extra));
  if (!cookie) co_return Reply{503, cookie.error().text};
  io::Reply<Reply> pending(wire_.loop);
  requests_.emplace(*cookie, pending);
  std::optional<Reply> reply = co_await pending.wait(wire_.loop.now() + wire_.settings.request_patience);
  if (!reply) co_return Reply{408, {}};
  co_return std::move(*reply);
}

Task<LinkLeg::Reply> LinkLeg::reinvite(link::Item action, std::string sdp) {
  if (is_over()) co_return Reply{481, {}};
  ours_ = sdp;
  const bool is_inner_answered = action.name != "direct";
  auto extra = headers({std::move(action)}, sip::Method::invite, sdp);
  auto sent = wire_.stack.reinvite(dialog_, {std::string(sdp_type), std::move(sdp)}, std::move(extra));
  if (!sent) co_return Reply{503, sent.error().text};
  io::Reply<Reply> pending(wire_.loop);
  reinvites_.push_back({pending, is_inner_answered});
  std::optional<Reply> reply = co_await pending.wait(wire_.loop.now() + wire_.settings.request_patience);
  if (!reply) co_return Reply{408, {}};
  co_return std::move(*reply);
}

Task<LinkLeg::JobEnd> LinkLeg::run_job(std::string kind, json::object request,
                                       std::vector<std::pair<std::string, std::string>> parameters) {
  const uint64_t number = ++last_job_;
  io::Reply<JobEnd> outcome(wire_.loop);
  jobs_.emplace(number, outcome);  // Before the request: `done` may overtake its answer in our queues.
  parameters.insert(parameters.begin(), {"job", fmt::format("{}", number)});
  link::Item action{std::move(kind), std::move(parameters)};
  std::string body = to_json(request);
  Reply reply = co_await info(std::move(action), std::string(json_type), std::move(body));
  if (!reply.is_good() && !outcome.is_set()) {
    jobs_.erase(number);
    const auto why = reply.status == 501 ? JobEnd::Why::unsupported : JobEnd::Why::failed;
    co_return JobEnd{.why = is_over() ? JobEnd::Why::gone : why,
                     .text = fmt::format("the gateway said {}", reply.status)};
  }
  std::optional<JobEnd> end = co_await outcome.wait();
  jobs_.erase(number);
  co_return std::move(*end);
}

void LinkLeg::stop_jobs() {
  if (is_over()) return;
  for (const auto& [number, outcome] : jobs_) {
    link::Item stop{"stop", {{"job", fmt::format("{}", number)}}};
    auto sent = wire_.stack.request(dialog_, sip::Method::info, {}, headers({std::move(stop)}, sip::Method::info, {}));
    if (!sent) outcome.set({.why = JobEnd::Why::failed, .text = sent.error().text});
  }
}

void LinkLeg::answer_media(sip::ServerTransactionId transaction, std::string sdp) {
  ours_ = sdp;
  auto extra = headers({}, sip::Method::invite, sdp);
  // A dialog that ended meanwhile has told so by its own event.
  (void)wire_.stack.respond(transaction, 200, {std::string(sdp_type), std::move(sdp)}, std::move(extra));
}

void LinkLeg::end(std::string_view reason) {
  if (is_over() || state_ == State::fresh) return;
  auto extra = headers({}, sip::Method::bye, {});
  if (!reason.empty()) extra.push_back({"Reason", std::string(reason)});
  wire_.stack.end(dialog_, std::move(extra));
  finish({.by = leg_event::Over::By::ours, .reason = std::string(reason), .duration = {}});
}

void LinkLeg::lose() {
  finish({.by = leg_event::Over::By::lost, .reason = "the gateway does not answer", .duration = {}});
}

}  // namespace nearend::router
