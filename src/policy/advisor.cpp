#include "policy/advisor.hpp"

#include <algorithm>

#include "policy/numbering.hpp"

namespace nearend::policy {
namespace {

constexpr int64_t answer_lifetime_ms = 2000;
/// A gateway's clock is believed when it is so near ours; otherwise what it says counts as said now.
constexpr int64_t clock_behind_ms = 30'000, clock_ahead_ms = 1000;
/// A gateway that was silent this long may count from the beginning.
constexpr int64_t restart_ms = 3000;
/// A part of an area that nobody measures is kept so long.
constexpr int64_t part_kept_ms = 1'800'000, tidied_every_ms = 60'000;

}  // namespace

Advisor::Advisor(const Topology& topology, AdvisorSettings settings)
    : settings_(std::move(settings)),
      topology_(topology),
      places_(topology),
      paths_(places_),
      loads_(places_, settings_.loads),
      book_(places_),
      provider_choice_(places_, book_, loads_, paths_, settings_.providers),
      chooser_(places_, paths_, loads_),
      moves_(settings_.moves),
      heard_(places_.gateways()),
      instances_{{settings_.name}} {
  paths_.set_sources({settings_.name});
}

Mode Advisor::mode_of(std::string_view account) const {
  const auto found = std::ranges::find(settings_.accounts, account, &AccountRules::account);
  return found == settings_.accounts.end() ? settings_.mode : found->mode;
}

End Advisor::end_for(const Place& place) {
  End end;
  if (!place.area.empty())
    end.area = places_.area(place.area);
  else if (!place.address.empty())
    end.area = places_.area_of_address(place.address);
  if (!place.gateway.empty()) end.gateway = places_.gateway(place.gateway);
  if (end.gateway != no_gateway)
    end.region = places_.region_of(end.gateway);
  else if (!place.region.empty() && end.area == no_area)
    end.region = places_.region(place.region);
  // A region without gateways is a place, not a wish.
  if (end.region != no_region && places_.gateways_in(end.region).empty()) {
    end.area = places_.area(places_.region_name(end.region));
    end.region = no_region;
  }
  return end;
}

RouteWish Advisor::wish_for(const RouteQuery& query, int64_t now_ms) {
  RouteWish wish;
  wish.call = query.call;
  wish.media = media_kind(query.media);
  wish.codec = query.codecs.empty() ? rtp::g711_concealed : rtp::impairment_of(query.codecs.front());
  wish.mode = mode_of(query.account);
  wish.a = end_for(query.a);
  wish.b = end_for(query.b);
  if (wish.b.gateway == no_gateway && !query.b.address.empty() && !parse_ip(query.b.address))
    wish.number = number_of(query.b.address);
  if (!query.needs.empty()) wish.needs = &query.needs;
  wish.residency = &query.residency;
  if (query.residency.empty()) {
    const auto account = std::ranges::find(settings_.accounts, query.account, &AccountRules::account);
    if (account != settings_.accounts.end()) wish.residency = &account->residency;
  }
  for (const std::string& name : query.exclude)
    if (const GatewayId id = places_.gateway(name); id != no_gateway) wish.exclude.push_back(id);
  wish.may_relay = query.may_relay;
  wish.now_ms = now_ms;
  return wish;
}

std::string Advisor::name_of(const RegionPath& path) const {
  std::string name;
  for (size_t i = 0; i < path.count; ++i) name += (i ? " - " : "") + places_.region_name(path.regions[i]);
  return name;
}

std::vector<RouteChoice> Advisor::hops_of(const std::vector<GatewayId>& gateways) const {
  std::vector<RouteChoice> hops;
  for (const GatewayId gateway : gateways) {
    const GatewayEntry& entry = places_.entry(gateway);
    hops.push_back({entry.name, entry.region, entry.link_uri, entry.features});
  }
  return hops;
}

void Advisor::describe(RouteAnswer& answer, const PlannedRoute& route) const {
  answer.hops = hops_of(route.gateways);
  const auto& [path, estimate, worth, points] = route.rated;
  answer.estimate = {worth.m2e_ms, worth.rating, rtp::opinion_score(worth.rating), estimate.loss * 100,
                     estimate.confidence};
  answer.expires_ms = answer_lifetime_ms;
}

namespace {

std::string_view word_of(Decision::Why why) {
  using Why = Decision::Why;
  return why == Why::best       ? "best"
         : why == Why::stayed   ? "stayed"
         : why == Why::explored ? "explored"
         : why == Why::all_full ? "all_full"
                                : "nothing";
}

std::string_view word_of(Move::Why why) {
  using Why = Move::Why;
  return why == Why::moves         ? "granted"
         : why == Why::good_enough ? "good_enough"
         : why == Why::no_better   ? "no_better"
         : why == Why::dwells      ? "dwells"
         : why == Why::too_many    ? "too_many"
                                   : "nothing";
}

}  // namespace

std::string Advisor::reason_for(const Decision& decision) const {
  using Why = Decision::Why;
  if (decision.why == Why::nothing) return "no gateway is there for this";
  const RatedPath& chosen = decision.routes.front().rated;
  const std::string_view word = decision.why == Why::stayed     ? "as before"
                                : decision.why == Why::explored ? "tried, because little is known of it"
                                : decision.why == Why::all_full ? "best, though all are full"
                                                                : "best";
  std::string reason =
      fmt::format("{} {} of {}: {:.0f} ms, R {:.1f}, loss {:.2f} %", name_of(chosen.path), word, decision.considered,
                  chosen.worth.m2e_ms, chosen.worth.rating, chosen.estimate.loss * 100);
  if (decision.routes.size() > 1) {
    const RatedPath& next = decision.routes[1].rated;
    reason += fmt::format("; {} has {:.1f} points {}", name_of(next.path), std::abs(chosen.points - next.points),
                          next.points > chosen.points ? "more" : "less");
  }
  return reason;
}

/// The rules of the topology with the load guard on top, for questions that give a gateway or region and a number.
RouteAnswer Advisor::by_rules(const RouteQuery& query, int64_t now_ms) const {
  RouteAnswer answer = static_route(topology_, query);
  answer.why = answer.hops.empty() ? "nothing" : "rules";
  if (answer.hops.empty()) return answer;
  std::vector<std::vector<RouteChoice>> all{std::move(answer.hops)}, free, loaded, full;
  std::ranges::move(answer.alternatives, std::back_inserter(all));
  for (auto& hops : all) {
    const GatewayId gateway = places_.gateway(hops.back().gateway);
    const double share = loads_.share(gateway, now_ms);
    const bool is_loaded = share >= settings_.loads.penalty_from;
    if (is_loaded) answer.reason += fmt::format("; {} is {:.0f} % full", hops.back().gateway, share * 100);
    (loads_.is_full(share) || !loads_.is_open(gateway, now_ms) ? full
     : is_loaded                                               ? loaded
                                                               : free)
        .push_back(std::move(hops));
  }
  std::ranges::move(loaded, std::back_inserter(free));
  if (free.empty()) free = std::move(full);
  answer.hops = std::move(free.front());
  answer.alternatives.assign(std::make_move_iterator(free.begin() + 1), std::make_move_iterator(free.end()));
  answer.expires_ms = answer_lifetime_ms;
  return answer;
}

RouteAnswer Advisor::route(const RouteQuery& query, int64_t now_ms) {
  const Mode mode = mode_of(query.account);
  const bool is_by_number = query.a.area.empty() && query.b.area.empty() && query.b.gateway.empty();
  if (mode == Mode::static_rules && is_by_number) return by_rules(query, now_ms);
  loads_.set_instances(1 + static_cast<double>(live_instances(now_ms)));
  RouteWish wish = wish_for(query, now_ms);
  // A SIP address is called as it is; a number is called by whoever takes it.
  const bool is_for_provider =
      !wish.number.empty() && !query.b.address.starts_with("sip") && mode != Mode::static_rules;
  const ProviderWish provider_wish{
      .call = query.call, .number = wish.number, .mode = mode, .exclude = {}, .now_ms = now_ms};
  if (is_for_provider) {
    provider_choice_.survey(provider_wish);
    wish.lost = &provider_choice_.lost();
  }
  const Decision decision = chooser_.choose(wish);
  moves_.count_call();
  RouteAnswer answer;
  answer.mode = to_string(mode);
  answer.reason = reason_for(decision);
  answer.why = word_of(decision.why);
  if (decision.routes.empty()) return answer;
  describe(answer, decision.routes.front());
  for (size_t i = 1; i < decision.routes.size(); ++i)
    answer.alternatives.push_back(hops_of(decision.routes[i].gateways));
  if (is_for_provider) add_providers(answer, provider_wish, decision);
  return answer;
}

RerouteAnswer Advisor::reroute(const RerouteQuery& query, int64_t now_ms) {
  RerouteAnswer answer;
  const RouteWish wish = wish_for(query.route, now_ms);
  Trouble trouble{.rtt_ms = query.observed.rtt_ms,
                  .loss = query.observed.loss,
                  .jitter_ms = query.observed.jitter_ms,
                  .is_between = query.observed.is_between};
  if (query.moved_ms_ago) trouble.moved_ms = now_ms - *query.moved_ms_ago;
  for (const std::string& name : query.current) {
    const GatewayId gateway = places_.gateway(name);
    if (gateway == no_gateway || trouble.path.count == 3) {
      answer.route.reason = fmt::format("'{}' is not a gateway of the topology, or they are more than three", name);
      return answer;
    }
    trouble.path.regions[trouble.path.count++] = places_.region_of(gateway);
    trouble.is_gone |= !loads_.is_open(gateway, now_ms);
  }
  count_instances(now_ms);
  const Move move = moves_.judge(chooser_, scale_, wish, trouble);
  using Why = Move::Why;
  answer.why = word_of(move.why);
  if (move.why == Why::moves) {
    answer.stays = false;
    answer.gain = move.gain;
    describe(answer.route, move.to);
    answer.route.mode = to_string(wish.mode);
    answer.route.reason = fmt::format("{} has {:.1f} points more than {}, now at {:.1f}", name_of(move.to.rated.path),
                                      move.gain, name_of(trouble.path), move.now_points);
    return answer;
  }
  answer.route.reason = move.why == Why::good_enough ? fmt::format("good enough: {:.1f} points", move.now_points)
                        : move.why == Why::no_better
                            ? fmt::format("nothing is much better: {:.1f} points gained", move.gain)
                        : move.why == Why::dwells   ? "moved a moment ago"
                        : move.why == Why::too_many ? "too many calls move now"
                                                    : "no other route";
  return answer;
}

std::vector<RatedPath> Advisor::candidates(const RouteQuery& query, int64_t now_ms) {
  const RouteWish wish = wish_for(query, now_ms);
  return chooser_.candidates(wish);
}

bool Advisor::Heard::is_new(uint64_t seq, int64_t now_ms) {
  if (seq == 0) return true;
  // Far below what was heard last, or after a silence: the gateway was started anew and counts from the beginning.
  const bool is_restart = seq + 1000 < newest || (seq < newest && now_ms > at_ms + restart_ms);
  if (seq > newest || is_restart) {
    at_ms = now_ms;
    mask = seq > newest && seq - newest < 64 ? mask << (seq - newest) : 0;
    newest = seq;
    mask |= 1;
    return true;
  }
  const uint64_t behind = newest - seq;
  if (behind >= 64 || (mask >> behind & 1)) return false;
  mask |= 1ull << behind;
  return true;
}

/// Parts of areas that nobody measures any more have faded long ago; now their numbers are free.
void Advisor::tidy(int64_t now_ms) {
  if (now_ms < tidied_ms_ + tidied_every_ms) return;
  tidied_ms_ = now_ms;
  for (const AreaId part : places_.forget_parts(now_ms - part_kept_ms)) paths_.forget_area(part);
}

size_t Advisor::take(const GatewayReport& report, int64_t now_ms) {
  tidy(now_ms);
  const GatewayId gateway = places_.gateway(report.gateway);
  if (gateway == no_gateway) return ++refused_.strangers, 0;
  if (!heard_[gateway].is_new(report.seq, now_ms)) return ++refused_.repeated, 0;
  const bool is_clock_good =
      report.at_ms > 0 && report.at_ms >= now_ms - clock_behind_ms && report.at_ms <= now_ms + clock_ahead_ms;
  const int64_t at_ms = is_clock_good ? std::min(report.at_ms, now_ms) : now_ms;
  refused_.clocks += !is_clock_good && report.at_ms != 0;
  size_t taken = 0;
  if (report.load) {
    LoadReport load = *report.load;
    load.seq = report.seq;
    taken += loads_.report(gateway, load, at_ms, now_ms);
  }
  const RegionId own = places_.region_of(gateway);
  for (const SegmentReport& segment : report.segments) {
    if (!segment.area.empty()) {
      const AreaId area = places_.area(segment.area);
      if (area == no_area) {
        ++refused_.unknown;
        continue;
      }
      places_.heard(area, now_ms);
      paths_.take(area, own, segment.measured, at_ms);
    } else {
      const RegionId other = places_.region(segment.region);
      if (other == no_region) {
        ++refused_.unknown;
        continue;
      }
      paths_.take(own, other, segment.measured, at_ms);
    }
    ++taken;
  }
  for (const ProviderReport& provider : report.providers) {
    const bool is_kept = book_.take(gateway, provider, report.seq, at_ms, now_ms);
    ++(is_kept ? taken : refused_.unknown);
  }
  for (const CallSummary& call : report.calls)
    if (!call.provider.empty() && call.score > 0) book_.take_scores(gateway, call.provider, 1, call.score, at_ms);
  taken += report.calls.size();
  return taken;
}

}  // namespace nearend::policy
