// links: sip
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "sip/message.hpp"
#include "sip/multipart.hpp"

namespace {

using namespace nearend::sip;

void require(bool is_so) {
  if (!is_so) std::abort();
}

/// Every accessor, for its memory accesses.
void look(const Message& message) {
  static_cast<void>(message.cseq());
  static_cast<void>(message.rack());
  static_cast<void>(message.from());
  static_cast<void>(message.to());
  static_cast<void>(message.from_tag());
  static_cast<void>(message.to_tag());
  static_cast<void>(message.vias());
  static_cast<void>(message.contact());
  static_cast<void>(message.session_expires());
  static_cast<void>(message.min_se());
  static_cast<void>(message.method_name());
  static_cast<void>(message.content_type());
  static_cast<void>(message.parsed_request_uri());
  for (const BodyPart& part : body_parts(message)) require(message.body().find(part.content) != std::string_view::npos);
  for (size_t i = 0; i < message.field_count(); ++i) {
    const Message::Field field = message.field(i);
    require(message.has(field.name));
    static_cast<void>(message.values(field.name));
    static_cast<void>(message.name_addrs(field.id));
    static_cast<void>(message.number(field.id));
  }
}

/// What a server does with a message, well or ill: the answer must be one that can be read.
void answer(const Message& request) {
  Message response = Message::response(request, 400, "Bad Request");
  if (request.has(HeaderId::to)) require(response.set_to_tag("fuzz").has_value() || !request.to_tag().empty());
  response.stamp_top_via("2001:db8::1", 5060);
  const std::string wire = response.serialize();
  require(parse_message(wire).message.status() == 400);
}

void round_trip(const Message& message) {
  const std::string wire = message.serialize();
  const ParseOutcome again = parse_message(wire, Framing::stream);
  if (wire.size() > message_bytes_max || message.field_count() >= header_fields_max) return;
  for (size_t i = 0; i < message.field_count(); ++i)
    if (message.field(i).value.size() + message.field(i).name.size() + 2 > line_bytes_max - 32) return;
  require(again.is_good());
  require(again.message.serialize() == wire);
  require(again.message.body() == message.body());
  require(again.message.from()->to_string() == message.from()->to_string());
  require(again.message.from_tag() == message.from_tag());
  require(again.message.top_via()->to_string() == message.top_via()->to_string());
}

void change(Message message) {
  message.stamp_top_via("192.0.2.1", 5060, true);
  require(message.top_via()->received() == "192.0.2.1");
  static_cast<void>(message.set_to_tag("changed"));
  message.remove_first_value(HeaderId::via);
  message.set_body("application/sdp", message.call_id());
  static_cast<void>(message.set(HeaderId::subject, message.header(HeaderId::via)));
  require(message.serialize().find("\r\n\r\n") != std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (Framing framing : {Framing::datagram, Framing::stream}) {
    const ParseOutcome outcome = parse_message(text, framing);
    look(outcome.message);
    if (outcome.message.is_request()) answer(outcome.message);
    if (!outcome.is_good()) continue;
    round_trip(outcome.message);
    change(outcome.message);
  }
  return 0;
}
