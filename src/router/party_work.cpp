#include <algorithm>

#include "link/outcome.hpp"
#include "router/party.hpp"
#include "router/relays.hpp"
#include "telemetry/log.hpp"
#include "telemetry/metrics.hpp"

// Prompts, collectors and recorders of one party: where they run, and the running.

namespace nearend::router {

namespace {

void add_prompt_needs(const media::PlayRequest& request, std::vector<std::string>& needs) {
  needs.emplace_back("play");
  const bool is_spoken = std::ranges::any_of(
      request.sources, [](const media::Source& source) { return source.kind == media::Source::Kind::speech; });
  if (is_spoken) needs.emplace_back("local-tts");
}

constexpr int lost_nodes_max = 3;  // under one piece of work

std::vector<std::string> needs_of(const Party::Work& work) {
  std::vector<std::string> needs;
  if (const auto* play = std::get_if<media::PlayRequest>(&work)) add_prompt_needs(*play, needs);
  if (std::holds_alternative<media::RecordRequest>(work)) needs.emplace_back("record");
  if (const auto* collect = std::get_if<media::CollectRequest>(&work)) {
    needs.emplace_back("collect");
    if (!collect->prompt.sources.empty()) add_prompt_needs(collect->prompt, needs);
  }
  return needs;
}

std::string kind_of(const Party::Work& work) {
  if (std::holds_alternative<media::PlayRequest>(work)) return "play";
  return std::holds_alternative<media::CollectRequest>(work) ? "gather" : "record";
}

template <class T>
Party::WorkEnd end_from(Result<T> outcome) {
  if (!outcome) return std::move(outcome.error());
  return std::move(*outcome);
}

Party::WorkEnd read_outcome(const Party::Work& work, const json::value& outcome) {
  if (std::holds_alternative<media::PlayRequest>(work)) return end_from(link::play_outcome_from_json(outcome));
  if (std::holds_alternative<media::CollectRequest>(work)) return end_from(link::collect_outcome_from_json(outcome));
  return end_from(link::record_outcome_from_json(outcome));
}

Party::WorkEnd end_from_node(Result<NodeAnchor::JobEnd> end) {
  if (!end) return std::move(end.error());
  return std::visit([](auto& outcome) -> Party::WorkEnd { return std::move(outcome); }, *end);
}

}  // namespace

/// That which sends it elsewhere, if any does; else that it may stay, once that is known of all it needs.
const Party::Advice* Party::advice_on(const std::vector<std::string>& needs) const {
  const Advice* found = nullptr;
  size_t known = 0;
  for (const std::string& need : needs) {
    const auto one = std::ranges::find(advice_, need, &Advice::need);
    if (one == advice_.end()) continue;
    ++known;
    if (found == nullptr || found->is_local) found = &*one;
  }
  return known == needs.size() || (found != nullptr && !found->is_local) ? found : nullptr;
}

/// A third region's node where all that is needed and cannot be had in the leg's is best used there.
MediaDesk& Party::desk_for(const std::vector<std::string>& needs) const {
  MediaDesk* desk = nullptr;
  if (has_left_third_region_ || tools_.relays == nullptr) return tools_.desk;
  for (const std::string& need : needs) {
    if (need == "record") return tools_.desk;  // Recordings are kept where the router's are.
    const auto one = std::ranges::find(advice_, need, &Advice::need);
    if (one == advice_.end() || one->is_local) continue;
    MediaDesk* there = tools_.relays->find(one->region);
    if (there == nullptr || (desk != nullptr && there != desk)) return tools_.desk;
    desk = there;
  }
  return desk == nullptr ? tools_.desk : *desk;
}

call::Decision Party::plan_prompt(const std::string& verb, const Work& work) const {
  call::Step step{.verb = verb, .needs = needs_of(work), .legs = {leg_->place()}, .preference = tools_.settings.plan};
  if (const Advice* advice = advice_on(step.needs)) {
    step.is_resource_local = advice->is_local;
    step.resource_reason = advice->reason;
  }
  return call::plan_step(step);
}

Task<Party::WorkEnd> Party::run(std::string verb, Work work) {
  if (leg_->is_over()) co_return WorkEnd();
  const call::Step step{.verb = verb, .needs = needs_of(work), .legs = {leg_->place()}};
  const call::Decision decision = plan_prompt(verb, work);
  if (note_) note_(step, decision);
  if (decision.plan == call::Plan::local) {
    if (media_ == Media::router) scope_.spawn(release_at_gateway());
    WorkEnd end = co_await run_local(work);
    const auto* error = std::get_if<Error>(&end);
    if (error == nullptr || error->kind != Error::Kind::unsupported) co_return end;
    if (note_) note_(step, {call::Plan::remote, false, verb + ": " + error->text + ", media at the router"});
  }
  WorkEnd end = co_await run_remote(std::move(work));
  const bool is_kept = std::holds_alternative<media::event::RecordEnded>(end);
  if (leg_->is_over() && !is_kept) co_return WorkEnd();
  if (std::holds_alternative<std::monostate>(end))
    co_return Error{Error::Kind::unavailable, "the media could not be brought to the router"};
  co_return end;
}

void Party::stop_work() {
  leg_->stop_jobs();
  if (anchor_) anchor_->stop_jobs();
}

Task<Party::WorkEnd> Party::run_local(const Work& work) {
  json::object request = std::visit([](const auto& wanted) { return link::to_json(wanted); }, work);
  std::string kind = kind_of(work);
  LinkLeg::JobEnd end = co_await leg_->run_job(std::move(kind), std::move(request));
  switch (end.why) {
    case LinkLeg::JobEnd::Why::gone:
      co_return WorkEnd();
    case LinkLeg::JobEnd::Why::unsupported:
      co_return Error{Error::Kind::unsupported, end.text};
    case LinkLeg::JobEnd::Why::failed:
      co_return Error{Error::Kind::unavailable, end.text};
    case LinkLeg::JobEnd::Why::done:
      break;
  }
  co_return read_outcome(work, end.outcome);
}

/// The third region does not do it: it is done at the router, and so is what follows.
void Party::leave_third_region(std::string_view why) {
  telemetry::info("prompts come to the router", {{"leg", leg_->id()}, {"why", why}});
  has_left_third_region_ = true;
}

/// What runs on a media node that is lost is begun again on another one.
Task<Party::WorkEnd> Party::run_remote(Work work) {
  const std::vector<std::string> needs = needs_of(work);
  for (int tries = 0;; ++tries) {
    MediaDesk& desk = desk_for(needs);
    const bool is_third = &desk != &tools_.desk;
    auto moved = co_await to_node(desk);
    if (!moved && is_third && !leg_->is_over()) {
      leave_third_region(moved.error().text);
      continue;
    }
    if (!moved) co_return std::move(moved.error());
    const std::shared_ptr<NodeAnchor> anchor = anchor_;
    if (!anchor) co_return WorkEnd();
    Work again = work;
    WorkEnd end = co_await run_at(anchor, std::move(again));
    const auto* error = std::get_if<Error>(&end);
    const bool is_unable = error != nullptr && error->kind == Error::Kind::unsupported;
    if (is_third && (is_unable || anchor->is_lost()) && !leg_->is_over()) {
      leave_third_region(is_unable ? error->text : "its media node is gone");
      continue;
    }
    if (!anchor->is_lost() || leg_->is_over() || tries >= lost_nodes_max) co_return end;
  }
}

Task<Party::WorkEnd> Party::run_at(std::shared_ptr<NodeAnchor> anchor, Work work) {
  if (auto* play = std::get_if<media::PlayRequest>(&work)) {
    auto end = co_await anchor->play(std::move(*play));
    co_return end_from_node(std::move(end));
  }
  if (auto* collect = std::get_if<media::CollectRequest>(&work)) {
    auto end = co_await anchor->collect(std::move(*collect));
    co_return end_from_node(std::move(end));
  }
  auto end = co_await anchor->record(std::move(std::get<media::RecordRequest>(work)), nullptr);
  co_return end_from_node(std::move(end));
}

}  // namespace nearend::router
