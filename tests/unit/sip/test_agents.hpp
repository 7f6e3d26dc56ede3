#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "sim/world.hpp"
#include "sip/stack.hpp"

namespace nearend::sip::test {

using namespace std::chrono_literals;

inline Endpoint at(std::string_view text) {
  return *parse_endpoint(text);
}
inline Body sdp(std::string text = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n") {
  return {"application/sdp", std::move(text)};
}

/// The simulated world, one machine for each address that a test names, 1 ms apart.
struct World {
  explicit World(uint64_t seed = 1) : sim(seed) { sim.paths().set_rtt("lab", "lab", 2ms); }
  sim::Host& host(const Endpoint& endpoint) {
    sim::Host*& host = hosts[endpoint.address];
    if (!host) host = &sim.add_host(endpoint.address.to_string(), "lab", {endpoint.address});
    return *host;
  }
  void run(io::Duration length) { sim.run_for(length); }
  /// Loses the datagrams for which `is_lost` says so.
  void lose(std::function<bool(const Endpoint& from, const Endpoint& to, std::string_view text)> is_lost) {
    sim.network().set_fault([is_lost = std::move(is_lost)](const sim::PacketSeen& packet) {
      const std::string_view text(reinterpret_cast<const char*>(packet.bytes.data()), packet.bytes.size());
      return sim::Fate{.is_lost = is_lost(packet.from, packet.to, text)};
    });
  }
  sim::World sim;
  std::map<IpAddress, sim::Host*> hosts;
};

/// A stack with its transport that writes down what it is told.
class Agent final : public Stack::Listener {
 public:
  struct Told {
    DialogId dialog;
    DialogEvent event;
  };
  Agent(World& world, std::string_view address, StackSettings settings = {}, io::Dns* dns = nullptr,
        Transport::Limits limits = {})
      : endpoint(at(address)),
        host(world.host(endpoint)),
        transport(host.loop(), host.net(), limits),
        stack(host.loop(), transport, settings, *this, dns) {
    (void)transport.listen({.protocol = Protocol::udp, .local = endpoint, .tag = 1});
    (void)transport.listen({.protocol = Protocol::tcp, .local = endpoint, .tag = 2});
  }
  void on_dialog_event(DialogId dialog, DialogEvent event) override {
    if (on_event) on_event(dialog, event);
    if (is_remembering) told.push_back({dialog, std::move(event)});
  }
  void on_request(ServerTransactionId transaction, Message request, const Flow& flow) override {
    if (on_outside) return on_outside(transaction, request, flow);
    (void)stack.respond(transaction, request.method() == Method::options ? 200 : 405);
  }

  InviteRequest to(const Agent& callee, Protocol protocol = Protocol::udp) const {
    return to(std::vector<Endpoint>{callee.endpoint}, protocol);
  }
  InviteRequest to(std::vector<Endpoint> addresses, Protocol protocol = Protocol::udp) const {
    InviteRequest request;
    request.uri = "sip:bob@" + addresses.front().to_string();
    request.from = "\"Ann\" <sip:ann@" + endpoint.to_string() + ">";
    request.body = sdp();
    for (const auto& address : addresses) request.targets.push_back({protocol, address, {}, 0});
    return request;
  }
  template <class Event>
  size_t count() const {
    return static_cast<size_t>(
        std::ranges::count_if(told, [](const Told& t) { return std::holds_alternative<Event>(t.event); }));
  }
  template <class Event>
  const Event& last() const {
    const auto found =
        std::find_if(told.rbegin(), told.rend(), [](const Told& t) { return std::holds_alternative<Event>(t.event); });
    if (found == told.rend()) {
      static const Event nothing{};
      return nothing;
    }
    return std::get<Event>(found->event);
  }
  template <class Event>
  DialogId dialog_of() const {
    const auto found =
        std::find_if(told.rbegin(), told.rend(), [](const Told& t) { return std::holds_alternative<Event>(t.event); });
    return found == told.rend() ? DialogId::none : found->dialog;
  }
  /// Answers every INVITE with 180 and 200, every other request with 200.
  void answer_all() {
    on_event = [this](DialogId dialog, DialogEvent& event) {
      if (std::holds_alternative<event::Invited>(event)) {
        (void)stack.progress(dialog, 180);
        (void)stack.accept(dialog, sdp());
      }
      if (const auto* requested = std::get_if<event::Requested>(&event))
        (void)stack.respond(requested->transaction, 200, requested->method == Method::info ? Body{} : sdp());
    };
  }

  Endpoint endpoint;
  sim::Host& host;
  Transport transport;
  Stack stack;
  std::function<void(DialogId, DialogEvent&)> on_event;
  std::function<void(ServerTransactionId, const Message&, const Flow&)> on_outside;
  bool is_remembering = true;
  std::vector<Told> told;
};

/// A peer that speaks raw text, for what no stack of ours would say.
class RawPeer {
 public:
  RawPeer(World& world, std::string_view address) {
    auto opened = world.host(at(address)).net().open_udp(at(address), [this](const Endpoint& from, io::Bytes bytes) {
      heard_from = from;
      heard.emplace_back(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      if (on_message) on_message(heard.back());
    });
    socket = std::move(*opened);
  }
  void send(const Endpoint& to, std::string_view text) {
    socket->send(to, {reinterpret_cast<const uint8_t*>(text.data()), text.size()});
  }
  /// Responses and requests whose first line begins so.
  size_t count(std::string_view first_line) const {
    return static_cast<size_t>(
        std::ranges::count_if(heard, [&](const std::string& text) { return text.starts_with(first_line); }));
  }
  const std::string& last(std::string_view first_line) const {
    static const std::string nothing;
    const auto found = std::find_if(heard.rbegin(), heard.rend(),
                                    [&](const std::string& text) { return text.starts_with(first_line); });
    return found == heard.rend() ? nothing : *found;
  }
  Message last_message(std::string_view first_line) const { return parse_message(last(first_line)).message; }
  /// Answers a request that was heard.
  void answer(std::string_view first_line, int status, std::string_view tag, const ExtraHeaders& headers = {},
              std::string_view body = {}) {
    const Message request = last_message(first_line);
    Message response = Message::response(request, status);
    if (!tag.empty() && request.to_tag().empty()) (void)response.set_to_tag(tag);
    (void)response.add(HeaderId::contact, "<sip:raw@" + socket->local().to_string() + ">");
    for (const auto& [name, value] : headers) (void)response.add(name, value);
    if (!body.empty()) response.set_body("application/sdp", body);
    send(heard_from, response.serialize());
  }

  std::unique_ptr<io::UdpSocket> socket;
  Endpoint heard_from;
  std::vector<std::string> heard;
  std::function<void(const std::string&)> on_message;
};

/// An INVITE or another request as a raw peer at `from` sends it.
struct RawRequest {
  std::string method = "INVITE";
  std::string uri = "sip:bob@192.0.2.2:5060";
  std::string from = "192.0.2.9:5060";
  std::string branch = "z9hG4bKraw1";
  std::string call_id = "raw-call";
  std::string to_tag;
  uint32_t cseq = 1;
  std::string extra;  ///< Further header lines, each with CR LF.
  std::string body;
  std::string text() const {
    std::string all = fmt::format(
        "{0} {1} SIP/2.0\r\nVia: SIP/2.0/UDP {2};branch={3};rport\r\nMax-Forwards: 70\r\nFrom: "
        "<sip:raw@{2}>;tag=rawtag\r\n"
        "To: <{1}>{4}\r\nCall-ID: {5}\r\nCSeq: {6} {0}\r\nContact: <sip:raw@{2}>\r\n{7}",
        method, uri, from, branch, to_tag.empty() ? "" : ";tag=" + to_tag, call_id, cseq, extra);
    if (!body.empty()) all += "Content-Type: application/sdp\r\n";
    return all + fmt::format("Content-Length: {}\r\n\r\n{}", body.size(), body);
  }
};

}  // namespace nearend::sip::test
