#include <algorithm>
#include <ranges>

#include "base/text.hpp"
#include "sip/core.hpp"
#include "sip/multipart.hpp"
#include "sip/scan.hpp"
#include "telemetry/metrics.hpp"

namespace nearend::sip {
namespace {

constexpr std::string_view content_types = "application/sdp";

constexpr std::string_view only_sdp = "399 nearend \"an INVITE can be answered with application/sdp only\"";

/// An Accept that leaves SDP out forbids the only answer that there is (RFC 3261 20.1, RFC 4475 3.3.15).
bool accepts_sdp(const Message& request) {
  if (!request.has(HeaderId::accept)) return true;
  return std::ranges::any_of(request.values(HeaderId::accept), [](std::string_view range) {
    std::string type = to_lower(range.substr(0, range.find(';')));
    std::erase_if(type, scan::is_blank);
    return type == content_types || type == "application/*" || type == "*/*";
  });
}

telemetry::Counter& rejected(int status) {
  return telemetry::counter("sip_requests_rejected_total", fmt::format("status=\"{}\"", status));
}

}  // namespace

void Stack::Core::reply_stateless(const Message& request, const Flow& reply_to, int status, const ExtraHeaders& headers,
                                  std::string_view reason) {
  if (request.method() == Method::ack) return;
  rejected(status).add();
  // The same tag for the same request, since it may come again (8.2.7).
  const uint64_t hash =
      std::hash<std::string_view>{}(request.header(HeaderId::via)) ^ std::hash<std::string_view>{}(request.call_id());
  Message response = make_response(request, status, reason, make_tag({0, hash}));
  (void)add_all(response, headers);
  transport_.send(reply_to, response.serialize());
}

void Stack::Core::reject_malformed(ParseOutcome outcome, const Flow& reply_to) {
  const Problem& problem = *outcome.problem;
  reply_stateless(outcome.message, reply_to, problem.status, {}, problem.reason);
}

std::optional<Stack::Core::Refusal> Stack::Core::fault_of(const Message& request) const {
  if (request.method() == Method::other) return Refusal{501, {}, {}};
  const auto uri = request.parsed_request_uri();
  if (!uri) return Refusal{400, {}, "Request-URI malformed"};
  if (uri->scheme == Uri::Scheme::other) return Refusal{416, {}, {}};
  if (request.to_tag().empty() && is_looped(request)) return Refusal{482, {}, "Loop Detected"};
  if (auto unsupported = not_understood(request); !unsupported.empty())
    return Refusal{420, {{"Unsupported", std::move(unsupported)}}, {}};
  if (request.has(HeaderId::content_encoding) &&
      !equal_ignoring_case(request.header(HeaderId::content_encoding), "identity"))
    return Refusal{415, {{"Accept-Encoding", "identity"}}, {}};
  return std::nullopt;
}

/// What every new request has to pass (8.2.1 to 8.2.3). False when it has been answered.
bool Stack::Core::admit(ServerTransaction& transaction) {
  const Message& request = transaction.request();
  auto fault = fault_of(request);
  if (!fault && request.to_tag().empty() && !transactions_.note_merge(transaction))
    fault = Refusal{482, {}, "Merged Request"};
  if (!fault) return request.method() != Method::invite || admit_invite(transaction);
  rejected(fault->status).add();
  reply(transaction, fault->status, fault->headers, fault->reason);
  return false;
}

/// The option tags of Require that are not understood, as they were written (8.2.2.3). Proxy-Require is for proxies.
std::string Stack::Core::not_understood(const Message& request) const {
  std::string unsupported;
  for (const std::string_view tag : request.values(HeaderId::require))
    if (std::ranges::find(settings_.require_understood, to_lower(tag)) == settings_.require_understood.end())
      unsupported.append(unsupported.empty() ? "" : ", ").append(tag);
  return unsupported;
}

bool Stack::Core::admit_invite(ServerTransaction& transaction) {
  const Message& request = transaction.request();
  const auto refuse_with = [&](int status, const ExtraHeaders& headers = {}, std::string_view reason = {}) {
    rejected(status).add();
    reply(transaction, status, headers, reason);
    return false;
  };
  const bool is_new = request.to_tag().empty();
  // We pass calls on, so we keep to the limit of those who do (RFC 3261 16.3).
  if (is_new && request.max_forwards() == 0u) return refuse_with(483);
  const auto contact = request.contact();
  const auto via = request.top_via();
  // Callers of RFC 2543 need not say it (RFC 4475 3.4.1).
  const bool is_contact_owed = request.has(HeaderId::contact) || (via && via->has_rfc3261_branch());
  if (is_contact_owed && (!contact || contact->is_wildcard))
    return refuse_with(400, {}, "Contact missing or malformed");
  if (!request.body().empty() && find_body(request, content_types).empty())
    return refuse_with(415, {{"Accept", std::string(content_types)}});
  if (!accepts_sdp(request)) return refuse_with(406, {{"Warning", std::string(only_sdp)}});
  if (!is_new) return true;  // its interval is checked where its dialog is known
  if (const auto least = too_small_interval(request)) return refuse_with(422, {{"Min-SE", std::to_string(*least)}});
  return true;
}

/// A request of ours that came back unchanged: one of its Via fields has a branch that we made for the same
/// Request-URI, Call-ID, From tag and CSeq (RFC 5393 4.2). One that was retargeted on its way is another call.
bool Stack::Core::is_looped(const Message& request) const {
  const auto vias = request.vias();
  if (!vias || vias->size() < 2) return false;
  const uint32_t hash = Transactions::loop_hash(request);
  return std::ranges::any_of(*vias | std::views::drop(1), [&](const Via& via) {
    const auto branch = parse_branch(via.branch());
    return branch && branch->loop_hash == hash;
  });
}

}  // namespace nearend::sip
