#include <algorithm>
#include <map>
#include <set>

#include "lab/pictures.hpp"
#include "lab/svg.hpp"

namespace nearend::lab {
namespace {

constexpr double column_width = 150, left_margin = 110, row_height = 22, top = 40;
constexpr int64_t pause_ns = 400'000'000;  // RTP that comes again after this is a new row
constexpr size_t rows_max = 160;

struct Row {
  int64_t at_ns = 0;
  SiteId from = 0;
  SiteId to = 0;
  std::string words;
  bool is_media = false;
};

std::string words_of(const SipSeen& seen) {
  std::string out = seen.label();
  if (const std::string_view action = seen.header("Action"); !action.empty()) {
    out += fmt::format(" [{}]", action.substr(0, action.find(';')));
  }
  return out;
}

std::vector<Row> rows_of(const CallTrace& trace, const std::set<SiteId>& shown) {
  std::vector<Row> out;
  for (const SipSeen& seen : trace.sip) {
    if (!shown.contains(seen.from) || !shown.contains(seen.to) || seen.method() == "OPTIONS") continue;
    out.push_back({seen.entered_ns, seen.from, seen.to, words_of(seen), false});
  }
  std::map<std::pair<SiteId, SiteId>, int64_t> last;
  for (const Captured& packet : trace.packets) {
    if (!shown.contains(packet.from) || !shown.contains(packet.to) || !rtp_in(packet)) continue;
    int64_t& before = last[{packet.from, packet.to}];
    if (packet.entered_ns - before > pause_ns) out.push_back({packet.entered_ns, packet.from, packet.to, "RTP", true});
    before = packet.entered_ns;
  }
  std::ranges::sort(out, {}, &Row::at_ns);
  return out;
}

}  // namespace

std::string write_ladder(const CallTrace& trace, const Wan& wan) {
  std::set<SiteId> all;
  for (SiteId site = 0; site < wan.site_count(); ++site) all.insert(site);
  std::string out;
  const std::vector<Row> rows = rows_of(trace, all);
  for (const Row& row : rows) {
    out += fmt::format("{:10.2f} ms  {:>10} -> {:<10} {}\n", static_cast<double>(row.at_ns - rows.front().at_ns) / 1e6,
                       wan.name(row.from), wan.name(row.to), row.words);
  }
  return out;
}

std::string draw_ladder(const CallTrace& trace, const std::vector<LadderColumn>& columns) {
  std::map<SiteId, double> x;
  std::set<SiteId> shown;
  for (size_t i = 0; i < columns.size(); ++i) {
    x[columns[i].site] = left_margin + column_width * static_cast<double>(i);
    shown.insert(columns[i].site);
  }
  std::vector<Row> rows = rows_of(trace, shown);
  const size_t hidden = rows.size() > rows_max ? rows.size() - rows_max : 0;
  if (hidden > 0) rows.resize(rows_max);
  const double height = top + row_height * static_cast<double>(rows.size() + 2);
  Svg svg(left_margin + column_width * static_cast<double>(columns.size()), height);
  for (const LadderColumn& column : columns) {
    svg.text({x[column.site], 18}, column.name, "name", "middle");
    svg.line({x[column.site], 26}, {x[column.site], height - row_height}, "lifeline");
  }
  double y = top;
  for (const Row& row : rows) {
    y += row_height;
    svg.text({4, y}, fmt::format("{:.1f} ms", static_cast<double>(row.at_ns - rows.front().at_ns) / 1e6), "time");
    svg.arrow({x[row.from], y}, {x[row.to], y}, row.is_media ? "media" : "signal");
    svg.text({(x[row.from] + x[row.to]) / 2, y - 4}, row.words, row.is_media ? "media-label" : "label", "middle");
  }
  if (hidden > 0) svg.text({4, y + row_height}, fmt::format("{} more rows are left out", hidden), "time");
  return svg.str();
}

}  // namespace nearend::lab
