#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace nearend::sip {

/// Cuts a byte stream into SIP messages by Content-Length (RFC 3261 18.3) and finds keep-alives between them
/// (RFC 5626 3.5.1). Sans-IO.
class StreamFramer {
 public:
  enum class Kind {
    message,   ///< `text` is one whole message.
    ping,      ///< CR LF CR LF between messages: to be answered CR LF.
    unframed,  ///< `text` is the head of a message whose end cannot be known; nothing after it can be read.
    overlong,  ///< More than the limit without an end; nothing after it can be read.
  };
  struct Piece {
    Kind kind = Kind::message;
    std::string_view text;  ///< Valid until the next call.
  };

  explicit StreamFramer(size_t message_max) : message_max_(message_max) {}

  void append(std::string_view bytes);
  /// The next piece, or nothing until more bytes come. After `unframed` or `overlong` there is nothing more.
  std::optional<Piece> next();
  /// True while a message has begun and its end has not come.
  bool is_inside_message() const {
    return begin_ < buffer_.size() && buffer_[begin_] != '\r' && buffer_[begin_] != '\n';
  }
  /// What has come of the message that is not complete yet.
  std::string_view rest() const { return std::string_view(buffer_).substr(begin_); }

 private:
  std::optional<Piece> skip_line_ends();
  void compact();

  size_t message_max_;
  std::string buffer_;
  size_t begin_ = 0;    // first byte not handed out
  size_t scanned_ = 0;  // bytes after begin_ already searched for the end of the head
  int line_ends_ = 0;   // CR LF pairs seen since the last message
  bool is_broken_ = false;
};

/// Body length that the head announces: nothing without a Content-Length; broken where it is no number or repeated with
/// another value. Looks at header names only, so that framing does not depend on the parser.
struct AnnouncedLength {
  bool is_broken = false;
  std::optional<size_t> length;
};
AnnouncedLength find_content_length(std::string_view head);

}  // namespace nearend::sip
