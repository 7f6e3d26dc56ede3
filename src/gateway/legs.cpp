#include "gateway/legs.hpp"

#include <algorithm>
#include <utility>

#include "io/new_sid.hpp"
#include "policy/score.hpp"

namespace nearend::gateway {

Leg* Legs::make(std::string call, std::string id) {
  if (id.empty()) id = io::new_sid(loop_, "LG");
  if (legs_.contains(id)) return nullptr;
  auto leg = std::make_unique<Leg>(loop_, media_);
  Leg* made = leg.get();
  made->id = id;
  made->call = std::move(call);
  calls_[made->call].legs.push_back(made);
  legs_.emplace(std::move(id), std::move(leg));
  units_ += made->units;
  return made;
}

void Legs::weigh(Leg& leg, const std::vector<media::StreamKind>& streams) {
  const bool has_video = std::ranges::find(streams, media::StreamKind::video) != streams.end();
  const double units = policy::units_of(has_video ? policy::MediaKind::video : policy::MediaKind::audio);
  if (!leg.is_over) units_ += units - leg.units;
  leg.units = units;
}

void Legs::bind_outer(Leg& leg, sip::DialogId dialog) {
  outer_.erase(leg.dialogs.outer);
  leg.dialogs.outer = dialog;
  if (dialog != sip::DialogId::none) outer_[dialog] = &leg;
}

void Legs::bind_link(Leg& leg, sip::DialogId dialog) {
  link_.erase(leg.dialogs.link);
  leg.dialogs.link = dialog;
  if (dialog != sip::DialogId::none) link_[dialog] = &leg;
}

void Legs::bind_anchor(Leg& leg, media::AnchorId anchor) {
  anchors_.erase(leg.bound_anchor);
  leg.bound_anchor = anchor;
  if (anchor != media::AnchorId::none) anchors_[anchor] = &leg;
}

void Legs::retire(Leg& leg) {
  leg.is_over = true;
  bind_outer(leg, sip::DialogId::none);
  bind_link(leg, sip::DialogId::none);
  bind_anchor(leg, media::AnchorId::none);
  if (auto call = calls_.find(leg.call); call != calls_.end()) {
    std::erase(call->second.legs, &leg);
    if (call->second.legs.empty()) calls_.erase(call);
  }
  auto found = legs_.extract(leg.id);
  if (found.empty()) return;
  units_ -= leg.units;
  // Its own coroutine may be running: it must not be destroyed from within.
  loop_.post([doomed = std::move(found.mapped())]() mutable { doomed.reset(); });
}

Leg* Legs::by_id(std::string_view id) {
  const auto found = legs_.find(std::string(id));
  return found == legs_.end() ? nullptr : found->second.get();
}
Leg* Legs::by_outer(sip::DialogId dialog) {
  return find(outer_, dialog);
}
Leg* Legs::by_link(sip::DialogId dialog) {
  return find(link_, dialog);
}
Leg* Legs::by_anchor(media::AnchorId anchor) {
  return find(anchors_, anchor);
}

std::vector<Leg*> Legs::children_of(const Leg& parent) {
  std::vector<Leg*> children;
  const auto call = calls_.find(parent.call);
  if (call == calls_.end()) return children;
  for (Leg* leg : call->second.legs)
    if (leg->is_child_of(parent)) children.push_back(leg);
  return children;
}

std::vector<Leg*> Legs::all() {
  std::vector<Leg*> all;
  all.reserve(legs_.size());
  for (auto& [id, leg] : legs_) all.push_back(leg.get());
  return all;
}

bool Legs::is_current(const std::string& call, uint64_t epoch) {
  const auto found = calls_.find(call);
  if (found == calls_.end()) return true;
  if (epoch < found->second.epoch) return false;
  found->second.epoch = epoch;
  return true;
}

uint64_t Legs::epoch_of(const std::string& call) const {
  const auto found = calls_.find(call);
  return found == calls_.end() ? 0 : found->second.epoch;
}

}  // namespace nearend::gateway
