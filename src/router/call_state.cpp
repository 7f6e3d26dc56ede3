#include <algorithm>

#include "router/call.hpp"
#include "telemetry/log.hpp"

// The capsule of a call, and the watch over the gateways of its legs.

namespace nearend::router {

namespace {

std::string_view media_name(Party::Media media) {
  switch (media) {
    case Party::Media::idle:
      return "idle";
    case Party::Media::router:
      return "router";
    case Party::Media::bridged:
      return "bridged";
  }
  return "idle";
}

call::CapsuleLeg capsule_leg(const Party& party, sip::Stack& stack) {
  const LinkLeg& leg = party.leg();
  call::CapsuleLeg kept{.leg = leg.id(),
                        .gateway = leg.gateway().name,
                        .gateway_uri = leg.gateway().uri,
                        .state = leg.is_answered() ? "answered" : "ringing",
                        .media = std::string(media_name(party.media()))};
  if (auto facts = stack.facts(leg.dialog())) {
    kept.call_id = facts->call_id;
    kept.local_tag = facts->local_tag;
    kept.remote_tag = facts->remote_tag;
  }
  return kept;
}

}  // namespace

store::Capsule Call::capsule() const {
  call::Capsule now = capsule_;
  now.is_answered = is_answered();
  now.legs.push_back(capsule_leg(caller_, services_.tools.wire.stack));
  if (dialing_ != nullptr)
    for (const Party* callee : dialing_->callees())
      now.legs.push_back(capsule_leg(*callee, services_.tools.wire.stack));
  return {.call_sid = start_.facts.call_sid,
          .owner = services_.tools.settings.name,
          .epoch = start_.epoch,
          .content = to_json_text(now)};
}

Task<bool> Call::save() {
  auto written = co_await services_.live.put_capsule(capsule());
  if (written) co_return true;
  // Live state that cannot be reached does not stop calls; a newer owner does.
  const bool is_newer_owner = written.error().kind == Error::Kind::refused;
  telemetry::warn("capsule not written", {{"call", start_.facts.call_sid}, {"reason", written.error().text}});
  is_fenced_ |= is_newer_owner;
  co_return !is_newer_owner;
}

Task<Result<void>> Call::checkpoint(std::string document_url, std::string document, size_t verb,
                                    std::string verb_state) {
  capsule_.document_url = std::move(document_url);
  capsule_.document = std::move(document);
  capsule_.verb = verb;
  capsule_.verb_state = std::move(verb_state);
  const bool is_ours = co_await save();
  if (!is_ours) co_return fail(Error::Kind::refused, "another router has the call");
  co_return Result<void>();
}

std::vector<std::string> Call::gateway_uris() const {
  std::vector<std::string> uris{caller_.leg().gateway().uri};
  if (dialing_ != nullptr)
    for (const Party* callee : dialing_->callees()) uris.push_back(callee->leg().gateway().uri);
  std::ranges::sort(uris);
  uris.erase(std::unique(uris.begin(), uris.end()), uris.end());
  std::erase(uris, "");
  return uris;
}

/// A leg in a bridge goes on without us for a long while; one that needs the router does not.
void Call::on_gateway_silent(const std::string& gateway_uri, milliseconds since) {
  const Settings& settings = services_.tools.settings;
  const bool is_talking = dialing_ != nullptr && dialing_->is_talking();
  const milliseconds patience = is_talking ? milliseconds(settings.talk_lost_after) : settings.lost_after;
  if (since < patience) return;
  if (dialing_ != nullptr) dialing_->lose(gateway_uri);
  if (caller_.leg().gateway().uri == gateway_uri) caller_.leg().lose();
}

}  // namespace nearend::router
