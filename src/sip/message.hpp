#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "sip/headers.hpp"
#include "sip/uri.hpp"

namespace nearend::sip {

/// Hard limits of what we read (threats TH7, TH9). Above them a message is refused, never cut.
inline constexpr size_t message_bytes_max = 65'535;
inline constexpr size_t header_fields_max = 128;
inline constexpr size_t line_bytes_max = 8'192;
inline constexpr size_t list_values_max = 128;          ///< Via, Contact, Route, Record-Route: values of each kind.
inline constexpr size_t header_fields_built_max = 256;  ///< Of a message that we build: what was copied and ours.
inline constexpr size_t text_bytes_max = 262'144;       ///< Of a message that we build, with what was replaced in it.

/// CSeq (RFC 3261 20.16).
struct CSeq {
  uint32_t number = 0;
  Method method = Method::other;
  std::string_view method_name;  ///< Points into the message.
};

/// RAck (RFC 3262 7.2).
struct RAck {
  uint32_t response_number = 0;
  uint32_t cseq_number = 0;
  Method method = Method::other;
};

/// One Via value (RFC 3261 20.42, RFC 3581). Read-only view; the setters of Message write.
struct Via {
  std::string transport;  ///< "UDP", upper case.
  std::string version = "2.0";
  std::string host;  ///< IPv6 without brackets.
  std::optional<uint16_t> port;
  Parameters parameters;

  std::string_view branch() const { return parameters.get("branch"); }
  std::string_view received() const;  ///< Without brackets.
  std::string_view maddr() const { return parameters.get("maddr"); }
  bool wants_rport() const { return parameters.has("rport"); }
  std::optional<uint16_t> rport() const;
  std::optional<uint8_t> ttl() const;
  /// True when the branch starts with the cookie of RFC 3261 and says something after it.
  bool has_rfc3261_branch() const;
  std::string to_string() const;
};

Result<Via> parse_via(std::string_view text);

/// Session-Expires and Min-SE (RFC 4028).
struct SessionExpires {
  uint32_t seconds = 0;
  std::string refresher;  ///< "uac", "uas" or empty.
};

/// A SIP request or response. One buffer holds the text; header fields are ranges in it, so a received message is
/// parsed without copying its parts, and a message moves as one string and one vector. Views that accessors give live
/// until the message is changed, moved from or destroyed. A default-made one is empty(). Any thread, one at a time.
class Message {
 public:
  Message() = default;

  /// A request without header fields. The URI is taken as text; a CR, LF, NUL or blank in it is an error.
  static Result<Message> request(Method method, std::string_view uri);
  static Result<Message> request(std::string_view method_name, std::string_view uri);
  /// A response to `request` with its Via fields, From, To, Call-ID and CSeq (RFC 3261 8.2.6.2). Empty reason: the
  /// usual one. Record-Route and the To tag are the caller's affair. Also for requests that were read only in part.
  static Message response(const Message& request, int status, std::string_view reason = {});

  bool empty() const { return !is_request() && status_ == 0; }
  bool is_request() const { return method_text_.length != 0; }
  bool is_response() const { return status_ != 0; }
  Method method() const { return method_; }  ///< Of a response: the CSeq's method.
  std::string_view method_name() const;      ///< As received; of a response that of the CSeq.
  std::string_view request_uri() const { return view(uri_text_); }
  Result<Uri> parsed_request_uri() const { return parse_uri(request_uri()); }
  int status() const { return status_; }
  std::string_view reason() const { return view(reason_text_); }

  // Header fields, in order. `first` values of list headers are cut at the comma only by values() and typed accessors.

  struct Field {
    HeaderId id;
    std::string_view name;   ///< As received.
    std::string_view value;  ///< Trimmed; folds are blanks.
  };
  size_t field_count() const { return fields_.size(); }
  Field field(size_t index) const;
  /// The first field's whole value; empty when absent (ask has()).
  std::string_view header(HeaderId id) const;
  std::string_view header(std::string_view name) const;
  bool has(HeaderId id) const;
  bool has(std::string_view name) const;
  /// All values: for list headers cut at commas (outside of quotes and angle brackets), else one a field.
  std::vector<std::string_view> values(HeaderId id) const;
  std::vector<std::string_view> values(std::string_view name) const;

  // Typed reading. Errors name the header.

  std::string_view call_id() const { return header(HeaderId::call_id); }
  Result<CSeq> cseq() const;
  Result<RAck> rack() const;
  Result<NameAddr> from() const;
  Result<NameAddr> to() const;
  std::string_view from_tag() const;  ///< Empty when absent; no allocation.
  std::string_view to_tag() const;
  Result<Via> top_via() const;
  Result<std::vector<Via>> vias() const;
  Result<NameAddr> contact() const;  ///< The first.
  Result<std::vector<NameAddr>> name_addrs(
      HeaderId id) const;  ///< Contact, Route, Record-Route, P-Asserted-Identity...
  /// A decimal header value: Max-Forwards, Expires, RSeq, Retry-After (its number). Nothing when absent or malformed.
  std::optional<uint32_t> number(HeaderId id) const;
  std::optional<uint32_t> max_forwards() const { return number(HeaderId::max_forwards); }
  std::optional<SessionExpires> session_expires() const;
  std::optional<uint32_t> min_se() const;
  /// Supported, Require, Unsupported, Proxy-Require: option tags in lower case.
  std::vector<std::string> option_tags(HeaderId id) const;
  bool has_option_tag(HeaderId id, std::string_view tag) const;

  std::string_view body() const { return view(body_text_); }
  /// Type and subtype in lower case without parameters, "application/sdp"; empty when absent.
  std::string content_type() const;

  // Writing. Text with CR, LF or NUL is refused (threat TH18); a name must be a token.

  Result<void> add(HeaderId id, std::string_view value);
  Result<void> add(std::string_view name, std::string_view value);
  Result<void> prepend(HeaderId id, std::string_view value);
  /// Puts `value` in the place of the first such field, removes the others; adds it when there is none.
  Result<void> set(HeaderId id, std::string_view value);
  Result<void> set(std::string_view name, std::string_view value);
  void remove(HeaderId id);
  void remove(std::string_view name);
  /// Takes off the first value (not field) of a list header: a proxy's or client's own Via, a used Route.
  void remove_first_value(HeaderId id);
  void set_body(std::string_view type, std::string_view content);
  void clear_body();
  Result<void> set_request_uri(std::string_view uri);
  /// Writes the top Via's received and, when asked for, rport (RFC 3261 18.2.1, RFC 3581 4). `always_received` adds
  /// received even when it equals the sent-by host.
  void stamp_top_via(std::string_view source_address, uint16_t source_port, bool always_received = false);
  /// Replaces the top Via value.
  Result<void> set_top_via(const Via& via);
  Result<void> set_to_tag(std::string_view tag);

  /// The wire form. Content-Length is always last and right.
  std::string serialize() const;

 private:
  friend class MessageReader;
  struct Range {
    uint32_t offset = 0;
    uint32_t length = 0;
  };
  struct Entry {
    HeaderId id;
    Range name;
    Range value;
  };
  std::string_view view(Range range) const { return std::string_view(text_).substr(range.offset, range.length); }
  Range keep(std::string_view text);
  Result<Entry> make_entry(HeaderId id, std::string_view name, std::string_view value);
  bool matches(const Entry& entry, HeaderId id, std::string_view name) const;
  const Entry* find(HeaderId id, std::string_view name) const;
  std::string_view name_of(const Entry& entry) const;
  /// Gives the first such field this value, unchecked but for line breaks: text that was received may hold more than we
  /// may write.
  void overwrite(HeaderId id, std::string_view value);
  void write_top_via(const Via& via);
  Result<void> put(HeaderId id, std::string_view name, std::string_view value);
  std::vector<std::string_view> values(HeaderId id, std::string_view name) const;

  std::string text_;
  std::vector<Entry> fields_;
  Method method_ = Method::other;
  int status_ = 0;
  Range method_text_, uri_text_, reason_text_, body_text_;
};

/// What is wrong with a message that was read, as the answer it deserves.
struct Problem {
  int status = 400;    ///< 400, 416, 501, 505, 513; for responses, which are dropped, of no meaning.
  std::string reason;  ///< For the status line and the log; names the header.
};

/// The outcome of reading one message. With a problem, `message` holds what could be read.
struct ParseOutcome {
  Message message;
  std::optional<Problem> problem;
  /// True for a request with a problem from which Via, From, To, Call-ID and CSeq could be read well enough to answer
  /// it. ACK is never answered; that is for the stack to see.
  bool is_answerable = false;

  bool is_good() const { return !problem; }
};

/// How the bytes came: what follows the body of a datagram is dropped and a missing Content-Length means all of it; a
/// stream's message must have Content-Length.
enum class Framing : uint8_t { datagram, stream };

/// Reads one whole message. Tolerates what RFC 4475 calls valid: folds, compact names, blanks before the colon, odd
/// escapes, unknown methods, schemes and headers; leading CR LF are skipped. Checks the start line, that Via, From, To,
/// Call-ID, CSeq are there once and readable, that CSeq matches the method, and numbers' ranges. 416 and 505 are told
/// as problems too.
ParseOutcome parse_message(std::string_view bytes, Framing framing = Framing::datagram);

}  // namespace nearend::sip
