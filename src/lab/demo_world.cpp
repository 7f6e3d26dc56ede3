#include "lab/demo_world.hpp"

#include <algorithm>
#include <cstdlib>

#include "base/text.hpp"
#include "demo_files.hpp"

namespace nearend::lab {
namespace {

constexpr size_t fixed_columns = 6;

Result<DemoRegion> read_region(const std::vector<std::string_view>& header, const std::vector<std::string_view>& cells,
                               size_t line) {
  if (cells.size() != header.size()) {
    return fail(Error::Kind::malformed, "regions.csv:{}: {} cells, expected {}", line, cells.size(), header.size());
  }
  DemoRegion out{.name = std::string(cells[0]), .zone = std::string(cells[1]), .place = std::string(cells[2])};
  out.lat = std::strtod(std::string(cells[3]).c_str(), nullptr);
  out.lon = std::strtod(std::string(cells[4]).c_str(), nullptr);
  out.has_router = cells[5] == "yes";
  for (size_t i = fixed_columns; i < cells.size(); ++i) {
    out.rtt_ms[std::string(header[i])] = std::strtod(std::string(cells[i]).c_str(), nullptr);
  }
  return out;
}

}  // namespace

Result<std::vector<DemoRegion>> read_regions(std::string_view csv) {
  std::vector<DemoRegion> out;
  std::vector<std::string_view> header;
  size_t number = 0;
  for (const std::string_view line : split(csv, '\n')) {
    ++number;
    if (line.starts_with('#')) continue;
    const auto cells = split(line, ',');
    if (header.empty()) {
      header = cells;
      continue;
    }
    auto region = read_region(header, cells, number);
    if (!region) return pass(region);
    out.push_back(std::move(*region));
  }
  if (out.empty()) return fail(Error::Kind::malformed, "regions.csv has no regions");
  return out;
}

Result<std::vector<DemoRegion>> demo_regions() {
  return read_regions(demo_files::regions_csv);
}

const std::map<std::string, std::string>& demo_documents() {
  static const std::map<std::string, std::string> documents{
      {"sa", demo_files::app_sa_xml}, {"eu", demo_files::app_eu_xml}, {"as", demo_files::app_as_xml}};
  return documents;
}

const std::vector<DemoCall>& demo_calls() {
  static const std::vector<DemoCall> calls{
      {.id = "sa",
       .title = "Sao Paulo calls Sao Paulo; prompts come from Ashburn",
       .number = "+15550901",
       .caller = "sa-caller",
       .callee = "sa-callee",
       .caller_region = "sa",
       .callee_region = "sa",
       .router_region = "us1",
       .rounds = 2,
       .has_prompt_first = true,
       .has_prompt_between = true},
      {.id = "eu",
       .title = "Frankfurt calls Tokyo; the router is in Ashburn",
       .number = "+15550902",
       .caller = "eu-caller",
       .callee = "as-callee",
       .caller_region = "eu",
       .callee_region = "as",
       .router_region = "us1"},
      {.id = "as",
       .title = "Tokyo calls Tokyo; the next verb is played in Tokyo",
       .number = "+15550903",
       .caller = "as-caller",
       .callee = "as-callee",
       .caller_region = "as",
       .callee_region = "as",
       .router_region = "us4",
       .has_prompt_between = true},
  };
  return calls;
}

PlatformPlan demo_plan(const std::vector<DemoRegion>& regions) {
  PlatformPlan plan;
  for (const DemoRegion& region : regions) {
    RegionPlan& made = plan.regions.emplace_back();
    made.name = region.name;
    made.zone = region.zone;
    made.has_router = region.has_router;
    if (region.name == "sa") {
      made.features = {"bridge", "hangup-on-star"};
      made.capabilities = {"bridge"};
    }
    for (const auto& [other, rtt] : region.rtt_ms) {
      const auto peer = std::ranges::find(regions, other, &DemoRegion::name);
      if (peer != regions.end() && region.name < other) plan.rtts.push_back({region.zone, peer->zone, rtt});
    }
  }
  plan.accesses = {{.name = "sa-caller", .region = "sa", .prefix = "+551100001", .address = {}},
                   {.name = "sa-callee", .region = "sa", .prefix = "+551100002", .address = {}},
                   {.name = "eu-caller", .region = "eu", .prefix = "+491100001", .address = {}},
                   {.name = "as-caller", .region = "as", .prefix = "+811100001", .address = {}},
                   {.name = "as-callee", .region = "as", .prefix = "+811100002", .address = {}}};
  for (const DemoCall& call : demo_calls())
    plan.numbers.push_back({.number = call.number, .document = call.id, .forward_to = ""});
  return plan;
}

}  // namespace nearend::lab
