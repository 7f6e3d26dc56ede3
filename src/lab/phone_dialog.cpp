#include "lab/phone_dialog.hpp"

#include <algorithm>
#include <vector>

#include "base/text.hpp"

namespace nearend::lab {
namespace {

// All lines of a header, as they stand.
std::string lines_of(std::string_view text, std::string_view name, std::string_view compact) {
  std::string out;
  const std::string_view head = text.substr(0, text.find("\r\n\r\n") + 2);
  for (size_t begin = head.find("\r\n") + 2; begin < head.size();) {
    const size_t end = head.find("\r\n", begin);
    const std::string_view line = head.substr(begin, end - begin);
    const std::string_view key = trim(line.substr(0, line.find(':')));
    if (equal_ignoring_case(key, name) || equal_ignoring_case(key, compact)) out += std::string(line) + "\r\n";
    begin = end + 2;
  }
  return out;
}

std::string_view inside_brackets(std::string_view value) {
  const size_t open = value.find('<');
  if (open == std::string_view::npos) return value.substr(0, value.find(';'));
  return value.substr(open + 1, value.find('>') - open - 1);
}

std::string with_body(std::string head, std::string_view body) {
  if (!body.empty()) head += "Content-Type: application/sdp\r\n";
  return head + fmt::format("Content-Length: {}\r\n\r\n{}", body.size(), body);
}

std::vector<std::string_view> lines(std::string_view sdp) {
  std::vector<std::string_view> out;
  while (!sdp.empty()) {
    const size_t end = std::min(sdp.find('\n'), sdp.size());
    out.push_back(trim(sdp.substr(0, end)));
    sdp.remove_prefix(std::min(end + 1, sdp.size()));
  }
  return out;
}

}  // namespace

PhoneDialog PhoneDialog::calling(const Endpoint& local, const std::string& user, const std::string& number,
                                 const Endpoint& gateway, uint64_t random) {
  PhoneDialog made{.local = local, .peer = gateway, .user = user};
  made.call_id = fmt::format("{:016x}@{}", random, local.address.to_string());
  made.our_tag = fmt::format("{:08x}", random & 0xffffffff);
  made.target = fmt::format("sip:{}@{}", number, gateway.to_string());
  made.ours = fmt::format("<sip:{}@{}>;tag={}", user, local.address.to_string(), made.our_tag);
  made.theirs = fmt::format("<sip:{}@{}>", number, gateway.address.to_string());
  return made;
}

PhoneDialog PhoneDialog::called(const Endpoint& local, const std::string& user, const SipSeen& invite,
                                const Endpoint& source, uint64_t random) {
  PhoneDialog made{.local = local, .peer = source, .user = user};
  made.call_id = invite.header("Call-ID");
  made.our_tag = fmt::format("{:08x}", random & 0xffffffff);
  made.ours = fmt::format("{};tag={}", invite.header("To"), made.our_tag);
  made.theirs = invite.header("From");
  made.target = inside_brackets(invite.header("Contact"));
  made.invite = invite.text;
  return made;
}

std::string PhoneDialog::request(std::string_view method, std::string_view body) {
  ++cseq;
  const std::string branch = fmt::format("z9hG4bK{}{}", our_tag, cseq);
  if (method == "INVITE") invite_via = branch;
  std::string head = fmt::format(
      "{0} {1} SIP/2.0\r\nVia: SIP/2.0/UDP {2};branch={3};rport\r\nMax-Forwards: 70\r\nFrom: {4}\r\nTo: {5}\r\n"
      "Call-ID: {6}\r\nCSeq: {7} {0}\r\nContact: <sip:{8}@{2}>\r\nUser-Agent: nearend-lab-phone\r\n"
      "Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, INFO\r\n",
      method, target, local.to_string(), branch, ours, theirs, call_id, cseq, user);
  return with_body(std::move(head), body);
}

std::string PhoneDialog::ack(const SipSeen& response) {
  // The ACK of a 2xx is a transaction of its own (RFC 3261 13.2.2.4), that of a refusal belongs to the INVITE
  // (17.1.1.3).
  const bool is_success = response.status() / 100 == 2;
  const std::string branch = is_success ? fmt::format("z9hG4bK{}ack{}", our_tag, cseq) : invite_via;
  const std::string_view number = response.header("CSeq").substr(0, response.header("CSeq").find(' '));
  return with_body(
      fmt::format("ACK {} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch={};rport\r\nMax-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\n"
                  "Call-ID: {}\r\nCSeq: {} ACK\r\n",
                  target, local.to_string(), branch, ours, response.header("To"), call_id, number),
      "");
}

std::string PhoneDialog::cancel() const {
  return with_body(
      fmt::format(
          "CANCEL {} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch={};rport\r\nMax-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\n"
          "Call-ID: {}\r\nCSeq: {} CANCEL\r\n",
          target, local.to_string(), invite_via, ours, theirs, call_id, cseq),
      "");
}

std::string PhoneDialog::response(const SipSeen& request, std::string_view status, std::string_view body) const {
  std::string to = std::string(request.header("To"));
  if (to.find("tag=") == std::string::npos && !status.starts_with("100")) to += ";tag=" + our_tag;
  std::string head =
      fmt::format("SIP/2.0 {}\r\n", status) + lines_of(request.text, "Via", "v") +
      lines_of(request.text, "Record-Route", "record-route") +
      fmt::format("From: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {}\r\nContact: <sip:{}@{}>\r\n", request.header("From"),
                  to, request.header("Call-ID"), request.header("CSeq"), user, local.to_string());
  return with_body(std::move(head), body);
}

void PhoneDialog::learn(const SipSeen& response) {
  if (response.header("To").find("tag=") != std::string_view::npos) theirs = response.header("To");
  if (!response.header("Contact").empty()) target = inside_brackets(response.header("Contact"));
}

std::optional<Endpoint> media_target(std::string_view sdp, std::string_view kind) {
  std::string_view session_address, address;
  uint64_t port = 0;
  bool is_inside = false, is_any_media = false, is_sendable = true;
  for (const std::string_view line : lines(sdp)) {
    if (line.starts_with("m=")) {
      if (port != 0) break;
      is_any_media = true;
      const auto words = split(line.substr(2), ' ');
      is_inside = words.size() > 1 && words[0] == kind;
      if (is_inside) port = parse_unsigned(words[1]).value_or(0);
      if (is_inside && port == 0) return {};
    } else if (line.starts_with("c=IN IP4 ")) {
      (is_any_media ? address : session_address) = is_any_media && !is_inside ? address : line.substr(9);
    } else if (line == "a=inactive" || line == "a=sendonly") {
      if (is_inside || !is_any_media) is_sendable = false;
    } else if (is_inside && (line == "a=sendrecv" || line == "a=recvonly")) {
      is_sendable = true;
    }
  }
  const auto ip = parse_ip(address.empty() ? session_address : address);
  if (!is_sendable || port == 0 || !ip || ip->is_unspecified()) return {};
  return Endpoint{*ip, static_cast<uint16_t>(port)};
}

std::string phone_sdp(const IpAddress& address, uint16_t port, uint16_t video_port, uint32_t version) {
  std::string out = fmt::format(
      "v=0\r\no=lab 1 {} IN IP4 {}\r\ns=-\r\nc=IN IP4 {}\r\nt=0 0\r\nm=audio {} RTP/AVP 0 101\r\n"
      "a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n",
      version, address.to_string(), address.to_string(), port);
  if (video_port != 0) {
    out += fmt::format("m=video {} RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\na=sendrecv\r\n", video_port);
  }
  return out;
}

}  // namespace nearend::lab
