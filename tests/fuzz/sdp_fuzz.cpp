// links: sdp
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "sdp/negotiate.hpp"

namespace {

using namespace nearend;
using namespace nearend::sdp;

void require(bool is_so) {
  if (!is_so) std::abort();
}

std::vector<LocalMedia> make_lines(const SessionDescription& offer) {
  std::vector<LocalMedia> lines;
  for (const Media& media : offer.media) {
    LocalMedia line;
    line.kind = media.kind;
    line.rtp = {IpAddress::loopback(), static_cast<uint16_t>(20'000 + lines.size() * 2)};
    line.codecs = {pcmu(), opus(), telephone_event()};
    if (media.kind != "audio") line.relayed = media;
    lines.push_back(std::move(line));
  }
  return lines;
}

/// An answer has the offer's lines, can be read, and is accepted by who offered.
void negotiate(const SessionDescription& theirs) {
  const std::vector<LocalMedia> lines = make_lines(theirs);
  Speaker we(1, IpAddress::loopback());
  const Speaker::Answer answer = we.answer(theirs, lines);
  require(answer.lines.size() == theirs.media.size());
  require(answer.description.media.size() == theirs.media.size());
  const auto read = parse_sdp(answer.description.to_string());
  require(read.has_value() && *read == answer.description);
  const SessionDescription offer = we.offer(lines);
  static_cast<void>(accept_answer(offer, lines, theirs));
  require(accept_answer(offer, lines, offer).has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto read = parse_sdp({reinterpret_cast<const char*>(data), size});
  if (!read) return 0;
  for (const Media& media : read->media) {
    static_cast<void>(media.codecs());
    static_cast<void>(media.ptime());
    static_cast<void>(read->direction_of(media));
    static_cast<void>(read->rtp_endpoint(media));
    static_cast<void>(read->rtcp_endpoint(media));
  }
  const std::string written = read->to_string();
  if (written.size() > description_bytes_max) return 0;
  const auto again = parse_sdp(written);
  require(again.has_value() && *again == *read);
  negotiate(*read);
  static_cast<void>(readdressed(*read, {}, Origin{}).to_string());
  return 0;
}
