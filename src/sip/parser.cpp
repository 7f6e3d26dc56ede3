#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "sip/message.hpp"
#include "sip/scan.hpp"

namespace nearend::sip {

/// Reads one message into a Message. Goes on after a problem as long as something can be read, so that it can be
/// answered; the first problem is the one told.
class MessageReader {
 public:
  MessageReader(std::string_view bytes, Framing framing) : framing_(framing) {
    while (bytes.starts_with("\r\n")) bytes.remove_prefix(2);
    if (bytes.size() > message_bytes_max) {
      note(513, "Message too large");
      bytes = {};
    }
    message_.text_ = bytes;
    message_.fields_.reserve(16);
  }

  ParseOutcome read() {
    read_start_line();
    read_fields();
    read_body();
    check();
    const bool is_answerable =
        problem_ && message_.is_request() && message_.method_ != Method::ack && !message_.header(HeaderId::via).empty();
    return {std::move(message_), std::move(problem_), is_answerable};
  }

 private:
  void note(int status, std::string reason) {
    if (!problem_) problem_ = Problem{status, std::move(reason)};
  }

  std::string_view text() const { return message_.text_; }
  Message::Range range(std::string_view part) const {
    return {static_cast<uint32_t>(part.data() - message_.text_.data()), static_cast<uint32_t>(part.size())};
  }

  /// The next line without its end, folds joined by blanks; false at the end of the head.
  bool take_line(std::string_view& line) {
    const size_t begin = position_;
    size_t end = text().find("\r\n", begin);
    if (end == scan::npos) {
      note(400, "No empty line after the header");
      position_ = text().size();
      return false;
    }
    while (end != begin && end + 2 < text().size() && scan::is_blank(text()[end + 2])) {
      message_.text_[end] = ' ';
      message_.text_[end + 1] = ' ';
      end = text().find("\r\n", end + 2);
      if (end == scan::npos) {
        note(400, "No empty line after the header");
        position_ = text().size();
        return false;
      }
    }
    position_ = end + 2;
    blank_line_breaks(begin, end);
    line = text().substr(begin, end - begin);
    return !line.empty();
  }

  /// A CR or LF alone ends no line for us, but may for others (threat TH10): refused, and never written again.
  void blank_line_breaks(size_t begin, size_t end) {
    if (!scan::has_line_break(text().substr(begin, end - begin))) return;
    const auto last = message_.text_.begin() + static_cast<std::ptrdiff_t>(end);
    for (auto at = message_.text_.begin() + static_cast<std::ptrdiff_t>(begin); at != last; ++at) {
      if (*at != '\r' && *at != '\n') continue;
      *at = ' ';
      note(400, "CR or LF alone");
    }
  }

  void read_start_line() {
    std::string_view line;
    if (!take_line(line)) {
      note(400, "No start line");
      return;
    }
    if (line.size() > line_bytes_max) return note(513, "Start line too long");
    if (line.size() >= 4 && equal_ignoring_case(line.substr(0, 4), "SIP/")) {
      read_status_line(line);
    } else {
      read_request_line(line);
    }
  }

  void read_status_line(std::string_view line) {
    const size_t space = line.find(' ');
    check_version(line.substr(0, space));
    const std::string_view rest = space == scan::npos ? std::string_view{} : line.substr(space + 1);
    const std::string_view code = rest.substr(0, rest.find(' '));
    const auto status = parse_unsigned(code);
    if (code.size() != 3 || !status || *status < 100 || *status > 699) return note(400, "Bad status code");
    message_.status_ = static_cast<int>(*status);
    if (rest.size() > code.size()) message_.reason_text_ = range(rest.substr(code.size() + 1));
    if (has_bare_control(rest)) note(400, "Control character in the status line");
  }

  void read_request_line(std::string_view line) {
    const std::string_view method = line.substr(0, line.find(' '));
    if (!scan::is_token(method)) return note(400, "Bad method in the request line");
    message_.method_text_ = range(method);
    message_.method_ = parse_method(method);
    line.remove_prefix(std::min(method.size() + 1, line.size()));
    const size_t last_space = line.rfind(' ');
    if (last_space == scan::npos) return note(400, "Bad request line");
    const std::string_view uri = line.substr(0, last_space);
    message_.uri_text_ = range(uri);
    check_version(line.substr(last_space + 1));
    check_request_uri(uri);
  }

  void check_version(std::string_view version) {
    if (equal_ignoring_case(version, "SIP/2.0")) return;
    const bool is_sip = version.size() > 4 && equal_ignoring_case(version.substr(0, 4), "SIP/") &&
                        scan::Bytes("0123456789.", false).has_all(version.substr(4));
    if (is_sip) {
      note(505, "Version Not Supported");
    } else {
      note(400, "Bad SIP version");
    }
  }

  void check_request_uri(std::string_view text) {
    const auto uri = parse_uri(text);
    if (!uri) return note(400, "Bad Request-URI: " + uri.error().text);
    if (uri->scheme == Uri::Scheme::other) return note(416, "Unsupported URI Scheme");
    if (!uri->headers.empty()) note(400, "Bad Request-URI: headers may not stand in it");
  }

  void read_fields() {
    std::string_view line;
    while (take_line(line)) {
      if (line.size() > line_bytes_max) {
        note(513, "Header line too long");
        continue;
      }
      if (message_.fields_.size() == header_fields_max) {
        note(513, "Too many header fields");
        continue;
      }
      read_field(line);
    }
  }

  void read_field(std::string_view line) {
    const size_t colon = line.find(':');
    const std::string_view name = scan::trim_blanks(line.substr(0, colon));
    if (colon == scan::npos || !scan::is_token(name) || scan::is_blank(line.front()))
      return note(400, "Bad header line");
    const std::string_view value = scan::trim_blanks(line.substr(colon + 1));
    const HeaderId id = header_id(name);
    if (has_bare_control(value)) note(400, "Control character in " + std::string(name));
    if (is_single(id) && message_.has(id)) return note(400, std::string(header_name(id)) + " stands twice");
    message_.fields_.push_back({id, range(name), range(value)});
  }

  /// Controls other than tab may stand only behind a backslash, in quoted text.
  static bool has_bare_control(std::string_view value) {
    if (!scan::has_control(value)) return false;
    for (size_t i = 0; i < value.size(); ++i)
      if (scan::is_control(value[i]) && value[i] != '\t' && (i == 0 || value[i - 1] != '\\')) return true;
    return false;
  }

  void read_body() {
    std::string_view body = text().substr(std::min(position_, text().size()));
    if (message_.has(HeaderId::content_length)) {
      const auto length = parse_unsigned(message_.header(HeaderId::content_length));
      if (!length) return note(400, "Bad Content-Length");
      if (*length > body.size()) return note(400, "Content-Length is larger than the body");
      body = body.substr(0, *length);
    } else if (framing_ == Framing::stream) {
      return note(400, "Content-Length is missing");
    }
    if (!body.empty()) message_.body_text_ = range(body);
  }

  void check() {
    if (!message_.is_request() && message_.status_ == 0) note(400, "No start line");
    if (!message_.has(HeaderId::via)) note(400, "Via is missing");
    check_values(HeaderId::via, parse_via);
    note_failure(message_.from());
    note_failure(message_.to());
    if (message_.call_id().empty()) note(400, "Call-ID is missing");
    if (message_.call_id().find_first_of(" \t,") != scan::npos) note(400, "Bad Call-ID");
    check_cseq();
    if (message_.is_request()) check_request();
  }

  template <class T>
  void check_values(HeaderId id, Result<T> (&parse)(std::string_view)) {
    values_.clear();
    for (const Message::Entry& entry : message_.fields_)
      if (entry.id == id) scan::split_list(message_.view(entry.value), values_);
    if (values_.size() > list_values_max) return note(513, fmt::format("Too many values in {}", header_name(id)));
    for (std::string_view value : values_)
      if (const auto result = parse(value); !result)
        return note(400, fmt::format("Bad {}: {}", header_name(id), result.error().text));
  }

  template <class T>
  void note_failure(const Result<T>& result) {
    if (!result) note(400, "Bad " + result.error().text);
  }

  void check_cseq() {
    const auto cseq = message_.cseq();
    if (!cseq) return note(400, "Bad " + cseq.error().text);
    if (!message_.is_request()) {
      message_.method_ = cseq->method;
    } else if (cseq->method_name != message_.view(message_.method_text_)) {
      // A method that nobody here knows is answered as such (RFC 4475 3.1.2.18).
      note(message_.method_ == Method::other ? 501 : 400, "CSeq and request line name different methods");
    }
  }

  void check_request() {
    if (message_.has(HeaderId::max_forwards)) {
      const auto hops = parse_unsigned(message_.header(HeaderId::max_forwards));
      if (!hops || *hops > 255) note(400, "Bad Max-Forwards");
    }
    for (HeaderId id : {HeaderId::contact, HeaderId::route, HeaderId::record_route}) check_values(id, parse_name_addr);
  }

  Framing framing_;
  Message message_;
  std::optional<Problem> problem_;
  size_t position_ = 0;
  std::vector<std::string_view> values_;  ///< Room to cut lists in.
};

ParseOutcome parse_message(std::string_view bytes, Framing framing) {
  return MessageReader(bytes, framing).read();
}

}  // namespace nearend::sip
