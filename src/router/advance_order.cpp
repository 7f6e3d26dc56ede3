#include "router/advance_order.hpp"

#include <algorithm>

namespace nearend::router {

Task<void> AdvanceOrder::give() {
  if (what_.kind == call::Continuation::Kind::none) co_return;
  const bool is_hangup = what_.kind == call::Continuation::Kind::hangup;
  json::object body = link::to_json(media::PlayRequest{.sources = what_.sources});
  body["kind"] = is_hangup ? "hangup" : "play";
  body["hangup"] = is_hangup || what_.is_hangup_after;
  link::Item action{"continuation", {}};
  std::string text = to_json(body);
  const LinkLeg::Reply taken = co_await leg_.info(std::move(action), "application/json", std::move(text));
  is_given_ = taken.is_good();
}

void AdvanceOrder::on_event(const LegEvent& event) {
  if (std::holds_alternative<leg_event::Continuing>(event)) has_begun_ = true;
  if (const auto* continued = std::get_if<leg_event::Continued>(&event)) done_ = continued->done;
}

Task<size_t> AdvanceOrder::take_back() {
  link::Item action{"continuation", {}};
  const LinkLeg::Reply reply = co_await leg_.info(std::move(action));
  const auto body = parse_json(reply.is_good() ? reply.body : std::string());
  if (!body || body->if_object() == nullptr) co_return sources_done();
  const int64_t done = json_integer_or(*body->if_object(), "done", 0);
  co_return static_cast<size_t>(std::max<int64_t>(done, 0));
}

}  // namespace nearend::router
