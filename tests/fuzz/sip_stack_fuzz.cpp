// links: sip sim
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <string>
#include <string_view>

#include "sim/world.hpp"
#include "sip/stack.hpp"

namespace {

using namespace nearend;
using namespace nearend::sip;
using namespace std::chrono_literals;

/// Answers whatever it is told of, differently by turns.
struct Answerer final : Stack::Listener {
  Stack* stack = nullptr;
  unsigned turn = 0;
  void on_dialog_event(DialogId dialog, DialogEvent event) override {
    const Body sdp{"application/sdp", "v=0\r\n"};
    ++turn;
    if (std::holds_alternative<event::Invited>(event)) {
      (void)stack->progress(dialog, 183, turn % 2 ? sdp : Body{});
      if (turn % 3) (void)stack->accept(dialog, sdp);
    }
    if (const auto* asked = std::get_if<event::Requested>(&event); asked && turn % 4)
      (void)stack->respond(asked->transaction, turn % 5 ? 200 : 491, asked->method == Method::invite ? sdp : Body{});
    if (const auto* accepted = std::get_if<event::Accepted>(&event)) {
      if (accepted->is_ack_owed) (void)stack->acknowledge(dialog, sdp);
      if (turn % 2) (void)stack->reinvite(dialog, sdp);
    }
    if (std::holds_alternative<event::Acknowledged>(event)) (void)stack->request(dialog, Method::update, sdp);
  }
  void on_request(ServerTransactionId transaction, Message, const Flow&) override {
    (void)stack->respond(transaction, 200);
  }
};

/// What was last heard from the stack, for messages that refer to it.
struct Heard {
  std::string tag, call_id = "fresh";
  std::string request;
  void note(std::string_view text) {
    const Message message = parse_message(text).message;
    tag = message.is_request() ? message.from_tag() : message.to_tag();
    call_id = message.call_id();
    if (message.is_request()) request = text;
  }
};

/// A request from five letters: method, branch, CSeq, within the dialog or not, body or not; the rest are header lines.
std::string make_request(std::string_view piece, const Heard& heard) {
  constexpr std::string_view methods[] = {"INVITE", "ACK",  "BYE",     "CANCEL", "UPDATE",
                                          "PRACK",  "INFO", "OPTIONS", "REFER",  "DANCE"};
  const auto letter = [&](size_t i) { return i < piece.size() ? static_cast<unsigned char>(piece[i]) : 0u; };
  const std::string_view method = methods[letter(0) % std::size(methods)];
  const bool is_in_dialog = letter(3) % 2;
  const std::string_view body = letter(4) % 2 ? "v=0\r\n" : "";
  const std::string_view lines = piece.size() > 5 ? piece.substr(5) : std::string_view{};
  return fmt::format(
      "{0} sip:stack@198.18.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.18.0.2;branch=z9hG4bK{1};rport\r\nFrom: "
      "<sip:p@198.18.0.2>;tag=p\r\n"
      "To: <sip:stack@198.18.0.1>{2}{3}\r\nCall-ID: {4}\r\nCSeq: {5} {0}\r\nContact: <sip:p@198.18.0.2>\r\n{6}"
      "Content-Type: application/sdp\r\nContent-Length: {7}\r\n\r\n{8}",
      method, letter(1) % 16, is_in_dialog ? ";tag=" : "", is_in_dialog ? heard.tag : "",
      is_in_dialog ? heard.call_id : "fresh", letter(2), lines, body.size(), body);
}

/// A response to what the stack asked last: class, rest of the status, To tag, body or not; the rest are header lines.
std::string make_response(std::string_view piece, const Heard& heard) {
  const auto letter = [&](size_t i) { return i < piece.size() ? static_cast<unsigned char>(piece[i]) : 0u; };
  const Message request = parse_message(heard.request).message;
  if (!request.is_request()) return {};
  Message response = Message::response(request, static_cast<int>(100 * (1 + letter(0) % 6) + letter(1) % 100));
  (void)response.set_to_tag(std::string(1, static_cast<char>('a' + letter(2) % 4)));
  (void)response.add(HeaderId::contact, "<sip:p@198.18.0.2>");
  std::string text = response.serialize();
  const std::string_view lines = piece.size() > 4 ? piece.substr(4) : std::string_view{};
  text.insert(text.find("Content-Length"), lines);
  if (letter(3) % 2) text.replace(text.rfind(": 0"), 7, ": 5\r\n\r\nv=0\r\n");
  return text;
}

}  // namespace

/// Pieces of the input, parted by NUL: 'q' makes a request, 'r' a response, 'S' is bytes of a stream, 'w' waits, 'z' is
/// a stranger's datagram and 'Z' a request that he makes, all else is a datagram. The stack is in a call of its own,
/// too.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  sim::World world(1);
  sim::Host& host = world.add_host("stack", "lab");
  sim::Host& peer = world.add_host("peer", "lab");
  sim::Host& unknown = world.add_host("unknown", "lab");
  Answerer answerer;
  Transport transport(host.loop(), host.net(), {});
  StackSettings settings;
  settings.is_reliable_provisional_preferred = true;
  settings.answer_options = [] {
    return OptionsAnswer{200, {{"Server", "gw (eu/de1)"}, {"Accept", "application/sdp"}}};
  };
  Stack stack(host.loop(), transport, settings, answerer);
  answerer.stack = &stack;
  for (const auto protocol : {Protocol::udp, Protocol::tcp})
    (void)transport.listen({.protocol = protocol,
                            .local = host.endpoint(5060),
                            .tag = protocol == Protocol::udp ? 1u : 2u,
                            .is_admitted = [&peer](const IpAddress& from) { return from == peer.address(); },
                            .answers_probes = true});
  Heard heard;
  auto socket = peer.net().open_udp(peer.endpoint(5060), [&](const Endpoint&, io::Bytes bytes) {
    heard.note({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  });
  size_t strange_in = 0, strange_out = 0;
  auto stranger = unknown.net().open_udp(unknown.endpoint(5060),
                                         [&](const Endpoint&, io::Bytes bytes) { strange_out += bytes.size(); });
  auto stream = peer.net().connect(host.endpoint(5060), nullptr, {});
  InviteRequest request;
  request.uri = "sip:peer@" + peer.endpoint(5060).to_string();
  request.from = "<sip:stack@" + host.endpoint(5060).to_string() + ">";
  request.targets = {{Protocol::udp, peer.endpoint(5060), {}, 0}};
  request.credentials = Credentials{"user", "password", "realm", {}};
  (void)stack.invite(std::move(request));
  world.run_for(10ms);

  std::string_view rest(reinterpret_cast<const char*>(data), size);
  while (!rest.empty()) {
    const size_t end = rest.find('\0');
    std::string piece(rest.substr(0, end));
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    const char kind = piece.empty() ? ' ' : piece.front();
    if (kind == 'w') world.run_for(std::chrono::seconds(piece.size()));
    if (kind == 'z' || kind == 'Z') {
      piece = kind == 'z' ? piece.substr(1) : make_request(std::string_view(piece).substr(1), heard);
      strange_in += piece.size();
      (*stranger)->send(host.endpoint(5060), {reinterpret_cast<const uint8_t*>(piece.data()), piece.size()});
      world.run_for(5ms);
      if (10 * strange_out > 22 * strange_in) std::abort();  // to an address that may be another's
    } else if (kind == 'S' && !piece.starts_with("SIP")) {
      stream->write(piece.substr(1));
    } else {
      if (kind == 'q') piece = make_request(std::string_view(piece).substr(1), heard);
      if (kind == 'r') piece = make_response(std::string_view(piece).substr(1), heard);
      (*socket)->send(host.endpoint(5060), {reinterpret_cast<const uint8_t*>(piece.data()), piece.size()});
    }
    world.run_for(10ms);
  }
  world.run_for(200s);
  return 0;
}
