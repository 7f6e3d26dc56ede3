#include <utility>

#include "sip/core.hpp"
#include "sip/resolver.hpp"

namespace nearend::sip {

void Stack::Core::on_new_request(ServerTransaction& transaction) {
  notices_.emplace_back(
      RequestNotice{ServerTransactionId{transaction.number()}, transaction.request(), transaction.origin()});
  wake();
}

Result<void> Stack::Core::send_request(Method method, std::string uri, std::string from, std::vector<Target> targets,
                                       Body body, ExtraHeaders headers, ResponseHandler on_response,
                                       std::optional<Credentials> credentials) {
  if (method == Method::invite || method == Method::ack || method == Method::cancel || method == Method::bye)
    return fail(Error::Kind::invalid, "method {}: belongs to dialogs", to_string(method));
  const auto parsed = parse_uri(uri);
  if (!parsed) return std::unexpected(parsed.error());
  const auto party = parse_name_addr(from);
  if (!party) return std::unexpected(party.error());
  Message scratch;
  if (auto added = add_all(scratch, headers); !added) return added;
  if (targets.empty())
    if (auto numeric = resolve_numeric(*parsed, {})) targets = std::move(*numeric);
  const bool is_name = targets.empty();
  if (is_name && !dns_) return fail(Error::Kind::invalid, "uri {}: needs targets or a numeric host", uri);
  resting_.put_last(targets);
  const uint64_t number = ++cookie_last_;
  Outside& outside = outside_[number];
  outside.method = method;
  outside.tag = make_tag({0, loop_.random()});
  outside.call_id = make_tag({loop_.random(), loop_.random()});
  outside.from = fmt::format("{};tag={}", from.find('<') == std::string::npos ? "<" + from + ">" : from, outside.tag);
  outside.uri = std::move(uri);
  outside.targets = std::move(targets);
  outside.body = std::move(body);
  outside.headers = std::move(headers);
  outside.on_response = std::move(on_response);
  if (credentials)
    outside.authentication = std::make_unique<Authentication>(Authentication{std::move(*credentials), {}});
  if (is_name)
    resolving_->spawn(resolve_and_send(number, *parsed));
  else
    try_next_target(number, 503);
  return {};
}

Task<void> Stack::Core::resolve_and_send(uint64_t number, Uri uri) {
  auto targets = co_await resolve(std::move(uri), {}, *dns_, loop_);
  const auto found = outside_.find(number);
  if (found == outside_.end()) co_return;
  if (targets) found->second.targets = std::move(*targets);
  resting_.put_last(found->second.targets);
  try_next_target(number, 503);
}

void Stack::Core::try_next_target(uint64_t number, int status) {
  const auto found = outside_.find(number);
  if (found == outside_.end()) return;
  Outside& outside = found->second;
  while (outside.target_next < outside.targets.size()) {
    outside.target = outside.targets[outside.target_next++];
    if (send_outside(number, outside)) return;
  }
  finish_outside(number, status, nullptr);
}

bool Stack::Core::send_outside(uint64_t number, Outside& outside) {
  const auto flow = open(outside.target, outside.body.content.size() + 500);
  if (!flow) return false;
  DialogPath path;
  path.call_id = outside.call_id;
  path.local = outside.from;
  path.remote = "<" + outside.uri + ">";
  path.remote_target = outside.uri;
  auto request = compose(path, outside.method, ++outside.cseq, *flow, outside.body, outside.headers);
  if (!request) return false;
  const bool has_another = outside.target_next < outside.targets.size();
  const Purpose purpose{.kind = Kind::outside, .owner = number, .cookie = 0};
  return transactions_.send(std::move(*request), *flow, purpose, (has_another ? 7 : 64) * settings_.t1).has_value();
}

void Stack::Core::on_outside_response(ClientTransaction& transaction, const Message& response) {
  const uint64_t number = transaction.purpose.owner;
  const auto found = outside_.find(number);
  if (found == outside_.end() || response.status() < 200) return;
  Outside& outside = found->second;
  resting_.wake(outside.target);
  const int status = response.status();
  if ((status == 401 || status == 407) && outside.authentication) {
    auto request = answered(transaction.request(), response, *outside.authentication, outside.cseq + 1);
    if (request) {
      ++outside.cseq;
      if (transactions_.send(std::move(*request), transaction.flow(), transaction.purpose, 64 * settings_.t1)) return;
    }
  }
  if (status == 503 && outside.target_next < outside.targets.size()) {
    resting_.rest(outside.target);
    return try_next_target(number, 503);
  }
  finish_outside(number, status, &response);
}

void Stack::Core::finish_outside(uint64_t number, int status, const Message* response) {
  auto node = outside_.extract(number);
  if (node.empty()) return;
  notices_.emplace_back(ResponseNotice{std::move(node.mapped().on_response), status, response ? *response : Message{}});
  wake();
}

}  // namespace nearend::sip
