#pragma once

#include <string>
#include <vector>

#include "lab/measure.hpp"

namespace nearend::lab {

/// A moment worth a vertical line in a picture.
struct Mark {
  int64_t at_ns = 0;
  std::string words;
};

/// Who sends to whom, row by row: SIP messages, and where RTP begins. Columns are the sites in the order given.
struct LadderColumn {
  SiteId site = 0;
  std::string name;
};
std::string draw_ladder(const CallTrace& trace, const std::vector<LadderColumn>& columns);

/// The same as lines of text, with all sites, for the run's directory.
std::string write_ladder(const CallTrace& trace, const Wan& wan);

/// What one ear heard, as an envelope coloured by the voice, with the moves marked. The axis begins at `begin_ns`.
std::string draw_waveform(const std::vector<RtpSeen>& heard, const std::vector<Mark>& marks, int64_t begin_ns,
                          int64_t end_ns);

}  // namespace nearend::lab
