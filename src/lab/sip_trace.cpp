#include "lab/sip_trace.hpp"

#include <algorithm>
#include <map>
#include <optional>

#include "base/text.hpp"
#include "lab/packet.hpp"

namespace nearend::lab {
namespace {

constexpr size_t stream_max = 1 << 20;

bool looks_like_sip(std::string_view text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  return line.starts_with("SIP/2.0 ") || line.find(" SIP/2.0") != std::string_view::npos;
}

std::string_view compact_name(std::string_view name) {
  if (equal_ignoring_case(name, "Call-ID")) return "i";
  if (equal_ignoring_case(name, "From")) return "f";
  if (equal_ignoring_case(name, "To")) return "t";
  if (equal_ignoring_case(name, "Via")) return "v";
  if (equal_ignoring_case(name, "Contact")) return "m";
  if (equal_ignoring_case(name, "Content-Length")) return "l";
  return name;
}

// One direction of a TCP connection, its bytes put in order.
struct Stream {
  bool is_begun = false;
  uint32_t next = 0;
  int64_t entered_ns = 0;  // of the first byte not handed out
  std::string bytes;
  std::map<uint32_t, std::pair<std::string, int64_t>> early;  // segments after a hole
};

std::optional<std::string> take_message(std::string& bytes) {
  bytes.erase(0, std::min(bytes.find_first_not_of("\r\n"), bytes.size()));
  const size_t head = bytes.find("\r\n\r\n");
  if (head == std::string::npos) return {};
  SipSeen look;
  look.text = bytes.substr(0, head + 4);
  const size_t length = static_cast<size_t>(parse_unsigned(trim(look.header("Content-Length"))).value_or(0));
  if (bytes.size() < head + 4 + length) return {};
  std::string out = bytes.substr(0, head + 4 + length);
  bytes.erase(0, out.size());
  return out;
}

void append(Stream& stream, std::string_view payload, int64_t entered_ns) {
  if (stream.bytes.empty()) stream.entered_ns = entered_ns;
  stream.bytes += payload;
  stream.next += static_cast<uint32_t>(payload.size());
}

void take_segment(Stream& stream, const TcpView& tcp, int64_t entered_ns) {
  if (tcp.is_syn) {
    stream = {};
    stream.is_begun = true;
    stream.next = tcp.sequence + 1;
    return;
  }
  if (tcp.payload.empty()) return;
  if (!stream.is_begun) {
    stream.is_begun = true;
    stream.next = tcp.sequence;
  }
  const auto ahead = static_cast<int32_t>(tcp.sequence - stream.next);
  if (ahead < 0) return;  // sent again
  if (ahead > 0) {
    if (stream.early.size() < 256) stream.early[tcp.sequence] = {std::string(as_text(tcp.payload)), entered_ns};
    return;
  }
  append(stream, as_text(tcp.payload), entered_ns);
  for (auto it = stream.early.find(stream.next); it != stream.early.end(); it = stream.early.find(stream.next)) {
    append(stream, it->second.first, it->second.second);
    stream.early.erase(it);
  }
  if (stream.bytes.size() > stream_max || !looks_like_sip(stream.bytes)) stream.bytes.clear();
}

SipSeen seen_from(const Captured& packet, const Endpoint& source, const Endpoint& target) {
  return {.entered_ns = packet.entered_ns,
          .left_ns = packet.left_ns,
          .from = packet.from,
          .to = packet.to,
          .source = source,
          .target = target,
          .has_arrived = packet.has_arrived()};
}

}  // namespace

std::string_view SipSeen::method() const {
  if (is_request()) return std::string_view(text).substr(0, text.find(' '));
  const std::string_view cseq = header("CSeq");
  const size_t blank = cseq.find(' ');
  return blank == std::string_view::npos ? "" : trim(cseq.substr(blank));
}

int SipSeen::status() const {
  return is_request() ? 0 : static_cast<int>(parse_unsigned(std::string_view(text).substr(8, 3)).value_or(0));
}

std::string_view SipSeen::header(std::string_view name) const {
  const std::string_view compact = compact_name(name);
  const std::string_view head = std::string_view(text).substr(0, text.find("\r\n\r\n"));
  for (size_t line = head.find("\r\n"); line != std::string_view::npos; line = head.find("\r\n", line + 2)) {
    const std::string_view rest = head.substr(line + 2, head.find("\r\n", line + 2) - line - 2);
    const size_t colon = rest.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view key = trim(rest.substr(0, colon));
    if (equal_ignoring_case(key, name) || equal_ignoring_case(key, compact)) return trim(rest.substr(colon + 1));
  }
  return {};
}

std::string_view SipSeen::body() const {
  const size_t head = text.find("\r\n\r\n");
  return head == std::string::npos ? std::string_view() : std::string_view(text).substr(head + 4);
}

std::string SipSeen::label() const {
  if (is_request()) return std::string(method());
  const std::string_view line = std::string_view(text).substr(8, text.find("\r\n") - 8);
  return fmt::format("{} ({})", line, method());
}

std::vector<SipSeen> sip_messages(const std::vector<Captured>& packets) {
  std::vector<SipSeen> out;
  std::map<std::pair<Endpoint, Endpoint>, Stream> streams;
  for (const Captured& packet : packets) {
    if (const auto udp = read_udp(packet.packet)) {
      if (packet.fate == Fate::duplicate || !looks_like_sip(as_text(udp->payload))) continue;
      SipSeen seen = seen_from(packet, udp->from, udp->to);
      seen.text = as_text(udp->payload);
      out.push_back(std::move(seen));
    } else if (const auto tcp = packet.has_arrived() ? read_tcp(packet.packet) : std::nullopt) {
      Stream& stream = streams[{tcp->from, tcp->to}];
      take_segment(stream, *tcp, packet.entered_ns);
      while (auto text = take_message(stream.bytes)) {
        SipSeen seen = seen_from(packet, tcp->from, tcp->to);
        seen.entered_ns = stream.entered_ns;
        seen.is_tcp = true;
        seen.text = std::move(*text);
        out.push_back(std::move(seen));
        stream.entered_ns = packet.entered_ns;
      }
    }
  }
  const auto when = [](const SipSeen& seen) { return std::pair(seen.entered_ns, seen.left_ns); };
  std::ranges::sort(out, {}, when);
  return out;
}

Capture::Match sip_where(SipMatch match) {
  return [match = std::move(match)](const Captured& packet) {
    if (!packet.has_arrived()) return false;
    const auto udp = read_udp(packet.packet);
    const auto tcp = udp ? std::nullopt : read_tcp(packet.packet);
    if (!udp && !tcp) return false;
    const std::string_view payload = as_text(udp ? udp->payload : tcp->payload);
    if (!looks_like_sip(payload)) return false;
    SipSeen seen = seen_from(packet, udp ? udp->from : tcp->from, udp ? udp->to : tcp->to);
    seen.is_tcp = !udp;
    seen.text = payload;
    return match(seen);
  };
}

}  // namespace nearend::lab
