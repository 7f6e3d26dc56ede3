#include "lab/page.hpp"

#include <fstream>

#include "lab/svg.hpp"

namespace nearend::lab {
namespace {

constexpr std::string_view style_sheet = R"(
body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:1080px;padding:0 1em;color:#1c2430;background:#fff}
h1{font-size:1.7em}h2{margin-top:2em;border-top:1px solid #d5dae2;padding-top:1em}h3{margin-bottom:.3em}
table{border-collapse:collapse;width:100%}td,th{padding:.35em .7em;text-align:left;border-bottom:1px solid #e3e7ee}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}.bad{color:#b3261e}.maps{display:grid;grid-template-columns:1fr 1fr;gap:1em}
svg{max-width:100%;height:auto;font-family:system-ui,sans-serif}details{overflow-x:auto}
.sea{fill:#eef4f9}.land{fill:#d3dccf;stroke:#b9c5b4;stroke-width:.5}.core{fill:#5b4bb3}.edge{fill:#0b7a75}.phone{fill:#e07a1f}
.route{fill:none;stroke:#e07a1f;stroke-width:3}.signalling{fill:none;stroke:#5b4bb3;stroke-width:1.2;stroke-dasharray:4 4}
.label{font-size:11px;fill:#1c2430}.name{font-size:12px;font-weight:600}.time{font-size:10px;fill:#6b7686}
.lifeline{stroke:#c6ccd6}.signal{stroke:#5b4bb3;stroke-width:1.2;fill:none}.media{stroke:#e07a1f;stroke-width:2.4;fill:none}
.signal.head{fill:#5b4bb3}.media.head{fill:#e07a1f}.media-label{font-size:11px;fill:#b35b0e;font-weight:600}
.panel{fill:#f6f8fb}.voice-caller{stroke:#0b7a75}.voice-callee{stroke:#e07a1f}.voice-prompt{stroke:#5b4bb3}
.mark{stroke:#b3261e;stroke-width:1}.mark-label{font-size:10px;fill:#b3261e}
)";

}  // namespace

Result<void> write_page(const std::filesystem::path& file, std::string_view heading, std::string_view body,
                        std::string_view more_style) {
  std::filesystem::create_directories(file.parent_path());
  std::ofstream out(file);
  const std::string title = escaped(heading);
  out << "<!doctype html>\n<html lang=en><head><meta charset=utf-8><title>Nearend: " << title << "</title><style>"
      << style_sheet << more_style << "</style></head><body>\n<h1>" << title << "</h1>\n"
      << body << "</body></html>\n";
  if (!out.flush()) return fail(Error::Kind::internal, "{} cannot be written", file.string());
  return {};
}

}  // namespace nearend::lab
