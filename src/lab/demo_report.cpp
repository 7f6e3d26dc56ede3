#include <algorithm>

#include "lab/demo_phase.hpp"
#include "lab/page.hpp"
#include "lab/svg.hpp"
#include "lab/world_map.hpp"

namespace nearend::lab {
namespace {

std::string path_words(const DemoPhase& phase, const Platform& platform) {
  std::string out;
  for (const SiteId site : phase.path) out += (out.empty() ? "" : " → ") + platform.wan().name(site);
  return out.empty() ? "not seen" : out;
}

const DemoRegion* region_named(const std::vector<DemoRegion>& regions, std::string_view name) {
  const auto it = std::ranges::find(regions, name, &DemoRegion::name);
  return it == regions.end() ? nullptr : &*it;
}

// Phones stand beside their region's city.
Point place_of(const std::string& site, const DemoCall& call, const std::vector<DemoRegion>& regions) {
  if (const DemoRegion* region = region_named(regions, site)) return on_map(region->lat, region->lon);
  const bool is_caller = site == call.caller;
  const DemoRegion* region = region_named(regions, is_caller ? call.caller_region : call.callee_region);
  Point at = on_map(region->lat, region->lon);
  at.x += is_caller ? -16 : 16;
  at.y += 20;
  return at;
}

std::string draw_map(const DemoPhase& phase, const DemoCall& call, const std::vector<DemoRegion>& regions,
                     const Platform& platform) {
  Svg svg(map_width, map_height);
  draw_land(svg);
  const auto spot = [&](const std::string& site) { return place_of(site, call, regions); };
  svg.polyline(bent(spot(call.caller_region), spot(call.router_region), 0.12), "signalling");
  if (call.callee_region != call.caller_region) {
    svg.polyline(bent(spot(call.callee_region), spot(call.router_region), -0.12), "signalling");
  }
  for (size_t i = 1; i < phase.path.size(); ++i) {
    svg.polyline(bent(spot(platform.wan().name(phase.path[i - 1])), spot(platform.wan().name(phase.path[i])), 0.06),
                 "route");
  }
  for (const DemoRegion& region : regions) {
    const Point at = on_map(region.lat, region.lon);
    svg.circle(at, 5, region.has_router ? "core" : "edge");
    svg.text({at.x + 8, at.y - 6}, region.place);
  }
  for (const std::string& phone : {call.caller, call.callee}) svg.circle(spot(phone), 4, "phone");
  return svg.str();
}

std::string table(const std::vector<DemoResult>& results, const Platform& platform) {
  std::string out =
      "<table><tr><th>call</th><th>phase</th><th>media path</th><th class=n>mouth to ear</th>"
      "<th class=n>by trombone</th><th class=n>saved</th></tr>\n";
  for (const DemoResult& result : results) {
    for (const DemoPhase& phase : result.phases) {
      const bool is_known = phase.is_talk && !phase.path.empty();
      out += fmt::format(
          "<tr><td>{}</td><td>{}</td><td>{}</td><td class=n>{:.1f} ms</td><td class=n>{}</td><td "
          "class=n>{}</td></tr>\n",
          escaped(result.call.id), escaped(phase.name), escaped(path_words(phase, platform)), phase.mouth_to_ear_ms,
          phase.is_talk ? fmt::format("{:.1f} ms", phase.trombone_ms) : "",
          is_known ? fmt::format("{:.1f} ms", phase.trombone_ms - phase.mouth_to_ear_ms) : "");
    }
  }
  return out + "</table>\n";
}

std::vector<LadderColumn> columns_of(const DemoResult& result, const Platform& platform) {
  std::vector<LadderColumn> out;
  for (const std::string& name : {result.call.caller, result.call.caller_region, result.call.router_region,
                                  result.call.callee_region, result.call.callee}) {
    if (std::ranges::find(out, name, &LadderColumn::name) == out.end()) out.push_back({platform.site(name), name});
  }
  return out;
}

std::string chapter(const DemoResult& result, const std::vector<DemoRegion>& regions, const Platform& platform) {
  const CallSites& sites = result.trace.sites;
  std::string out = fmt::format("<h2>{}</h2>\n", escaped(result.call.title));
  for (const std::string& failure : result.failures) out += fmt::format("<p class=bad>{}</p>\n", escaped(failure));
  out += "<div class=maps>\n";
  for (const DemoPhase& phase : result.phases) {
    out += fmt::format("<figure><figcaption>{}: {}</figcaption>{}</figure>\n", escaped(phase.name),
                       escaped(path_words(phase, platform)), draw_map(phase, result.call, regions, platform));
  }
  out += "</div>\n";
  if (!result.phases.empty()) {
    const int64_t begin = result.phases.front().begin_ns - 500'000'000;
    const int64_t end = result.phases.back().end_ns + 500'000'000;
    const auto ear = [&](SiteId from, SiteId to) {
      return draw_waveform(rtp_between(result.trace.packets, from, to), result.marks(), begin, end);
    };
    out += "<h3>What the caller heard</h3>\n" + ear(sites.x1, sites.caller);
    out += "<h3>What the callee heard</h3>\n" + ear(sites.x2, sites.callee);
    out += "<p>Green: the caller's voice; orange: the callee's; violet: prompts. Red lines: the moves.</p>\n";
  }
  out += "<details><summary>Every message, and where media begins to flow</summary>\n" +
         draw_ladder(result.trace, columns_of(result, platform)) + "</details>\n";
  return out;
}

}  // namespace

Result<void> write_report(const std::vector<DemoResult>& results, const std::vector<DemoRegion>& regions,
                          const Platform& platform, const std::filesystem::path& file) {
  std::string body = fmt::format(
      "<p>Phones (baresip) call each other through gateways near them; the TwiML runs on routers in America. "
      "Orange lines are media, dashed violet lines are signalling. Round-trip times between regions: cloudping.co, "
      "median over the year to 2025-05-29; each access network is {} ms away from its gateway. Mouth to ear is "
      "measured by a tap in the emulated network, packet by packet, without the phones' own jitter buffers; the "
      "trombone's figure is what the same talk would take through the router's region.</p>\n",
      Platform::access_ms);
  body += table(results, platform);
  for (const DemoResult& result : results) body += chapter(result, regions, platform);
  return write_page(file, "Five regions, three calls", body);
}

}  // namespace nearend::lab
