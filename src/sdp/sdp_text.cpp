#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "sdp/sdp.hpp"

namespace nearend::sdp {
namespace {

constexpr size_t npos = std::string_view::npos;

/// Reads line by line; the first bad line ends it.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  Result<SessionDescription> read() {
    if (rest_.size() > description_bytes_max)
      return fail(Error::Kind::malformed, "SDP is longer than {} bytes", description_bytes_max);
    while (!rest_.empty()) {
      const std::string_view line = take_line();
      if (line.empty()) continue;
      auto done = read_line(line);
      if (!done) return pass(done);
    }
    if (!has_version_) return fail(Error::Kind::malformed, "SDP: v=0 is missing");
    if (!has_origin_) return fail(Error::Kind::malformed, "SDP: o= is missing");
    if (result_.times.empty()) result_.times.emplace_back("t=0 0");
    return std::move(result_);
  }

 private:
  template <class... Args>
  std::unexpected<Error> wrong(fmt::format_string<Args...> format, Args&&... args) const {
    return fail(Error::Kind::malformed, "line {}, {}=: {}", line_number_, letter_,
                fmt::format(format, std::forward<Args>(args)...));
  }

  std::string_view take_line() {
    const size_t end = rest_.find('\n');
    std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(end == npos ? rest_.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    ++line_number_;
    return line;
  }

  Result<void> read_line(std::string_view line) {
    letter_ = line.front() >= 'a' && line.front() <= 'z' ? line.front() : '?';
    if (line.size() > line_bytes_max) return wrong("longer than {} bytes", line_bytes_max);
    if (line_number_ > lines_max) return wrong("more than {} lines", lines_max);
    if (line.size() < 2 || line[1] != '=' || letter_ == '?') return wrong("a letter and '=' expected");
    if (line.find_first_of(std::string_view("\0\r", 2)) != npos) return wrong("NUL or CR in the line");
    if (!has_version_ && letter_ != 'v') return wrong("v=0 must come first");
    const std::string_view value = line.substr(2);
    switch (letter_) {
      case 'v':
        return read_version(value);
      case 'o':
        return read_origin(value);
      case 's':
        result_.name = value.empty() ? "-" : std::string(value);
        return {};
      case 'm':
        return read_media(value);
      case 'c':
        return read_connection(value);
      case 'a':
        return read_attribute(value);
      default:
        return keep(line, value);
    }
  }

  Media* section() { return result_.media.empty() ? nullptr : &result_.media.back(); }

  Result<void> read_version(std::string_view value) {
    if (has_version_) return wrong("stands twice");
    if (trim(value) != "0") return wrong("only version 0 is known");
    has_version_ = true;
    return {};
  }

  Result<void> read_origin(std::string_view value) {
    const auto words = split(value, ' ');
    if (has_origin_ || section()) return wrong("stands twice or behind m=");
    if (words.size() != 6 || words[3] != "IN" || (words[4] != "IP4" && words[4] != "IP6"))
      return wrong("'user id version IN IP4 address' expected");
    const bool are_numbers = std::all_of(words[1].begin(), words[1].end(), is_digit) &&
                             std::all_of(words[2].begin(), words[2].end(), is_digit);
    if (!are_numbers) return wrong("id and version must be numbers");
    result_.origin = {std::string(words[0]), std::string(words[1]), parse_unsigned(words[2]).value_or(UINT64_MAX),
                      words[4] == "IP6", std::string(words[5])};
    has_origin_ = true;
    return {};
  }

  Result<void> read_media(std::string_view value) {
    if (result_.media.size() == media_lines_max) return wrong("more than {} media lines", media_lines_max);
    const auto words = split(value, ' ');
    if (words.size() < 4) return wrong("'kind port protocol formats' expected");
    if (words.size() - 3 > formats_max) return wrong("more than {} formats", formats_max);
    Media media;
    media.kind = words[0];
    const std::string_view ports = words[1];
    const size_t slash = ports.find('/');
    const auto port = parse_unsigned(ports.substr(0, slash));
    const auto count = slash == npos ? 1 : parse_unsigned(ports.substr(slash + 1));
    if (!port || *port > 65'535) return wrong("port '{}' is not a number up to 65535", ports);
    if (!count || *count == 0 || *count > 65'535) return wrong("the number of ports in '{}' is bad", ports);
    media.port = static_cast<uint16_t>(*port);
    media.port_count = static_cast<uint16_t>(*count);
    media.protocol = words[2];
    media.formats.assign(words.begin() + 3, words.end());
    result_.media.push_back(std::move(media));
    candidates_ = 0;
    return {};
  }

  Result<void> read_connection(std::string_view value) {
    const auto words = split(value, ' ');
    if (words.size() != 3 || words[0] != "IN" || (words[1] != "IP4" && words[1] != "IP6"))
      return wrong("'IN IP4 address' expected");
    Connection connection{words[1] == "IP6", std::string(words[2]), {}};
    if (const size_t slash = connection.address.find('/'); slash != npos) {
      connection.multicast_suffix = connection.address.substr(slash);
      connection.address.resize(slash);
    }
    if (connection.address.empty()) return wrong("the address is empty");
    if (!section()) {
      result_.connection = std::move(connection);
    } else if (section()->connections.size() == connections_max) {
      return wrong("more than {} in one media section", connections_max);
    } else {
      section()->connections.push_back(std::move(connection));
    }
    return {};
  }

  Result<void> read_attribute(std::string_view value) {
    const size_t colon = value.find(':');
    Attribute attribute{std::string(value.substr(0, colon)), {}, colon != npos};
    if (attribute.name.empty()) return wrong("a name expected");
    if (attribute.has_value) attribute.value = value.substr(colon + 1);
    if (attribute.name == "candidate" && ++candidates_ > candidates_max)
      return wrong("more than {} candidates", candidates_max);
    (section() ? section()->attributes : result_.attributes).push_back(std::move(attribute));
    return {};
  }

  /// Lines that say nothing to us are kept where they may be passed on; unknown letters are dropped (RFC 8866 section
  /// 5).
  Result<void> keep(std::string_view line, std::string_view value) {
    switch (letter_) {
      case 'i':
        (section() ? section()->title : result_.information) = value;
        break;
      case 'b':
        (section() ? section()->bandwidths : result_.bandwidths).emplace_back(value);
        break;
      case 'k':
        (section() ? section()->key : result_.key) = value;
        break;
      case 'u':
      case 'e':
      case 'p':
        result_.extras.emplace_back(line);
        break;
      case 't':
      case 'r':
      case 'z':
        result_.times.emplace_back(line);
        break;
      default:
        break;
    }
    return {};
  }

  static bool is_digit(char c) { return c >= '0' && c <= '9'; }

  static constexpr size_t connections_max = 8;

  std::string_view rest_;
  SessionDescription result_;
  size_t line_number_ = 0;
  size_t candidates_ = 0;
  char letter_ = '?';
  bool has_version_ = false;
  bool has_origin_ = false;
};

/// Collects lines of a description.
class Writer {
 public:
  void line(char letter, std::string_view value) { (((text_ += letter) += '=') += value) += "\r\n"; }
  void optional_line(char letter, const std::string& value) {
    if (!value.empty()) line(letter, value);
  }
  void raw(std::string_view whole_line) { (text_ += whole_line) += "\r\n"; }
  void connection(const Connection& connection) {
    line('c', fmt::format("IN {} {}{}", family(connection.is_ip6), connection.address, connection.multicast_suffix));
  }
  void attributes(const std::vector<Attribute>& attributes) {
    for (const Attribute& attribute : attributes) {
      ((text_ += "a=") += attribute.name) += attribute.has_value ? ":" : "";
      (text_ += attribute.value) += "\r\n";
    }
  }
  void media(const Media& media) {
    std::string ports = std::to_string(media.port);
    if (media.port_count != 1) ports += '/' + std::to_string(media.port_count);
    line('m', fmt::format("{} {} {} {}", media.kind, ports, media.protocol, fmt::join(media.formats, " ")));
    optional_line('i', media.title);
    for (const Connection& where : media.connections) connection(where);
    for (const std::string& bandwidth : media.bandwidths) line('b', bandwidth);
    optional_line('k', media.key);
    attributes(media.attributes);
  }
  static std::string_view family(bool is_ip6) { return is_ip6 ? "IP6" : "IP4"; }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

}  // namespace

Result<SessionDescription> parse_sdp(std::string_view text) {
  return Reader(text).read();
}

std::string SessionDescription::to_string() const {
  Writer writer;
  writer.line('v', "0");
  writer.line('o', fmt::format("{} {} {} IN {} {}", origin.username, origin.id, origin.version,
                               Writer::family(origin.is_ip6), origin.address));
  writer.line('s', name.empty() ? "-" : name);
  writer.optional_line('i', information);
  for (const std::string& extra : extras) writer.raw(extra);
  if (connection) writer.connection(*connection);
  for (const std::string& bandwidth : bandwidths) writer.line('b', bandwidth);
  if (times.empty()) writer.line('t', "0 0");
  for (const std::string& time : times) writer.raw(time);
  writer.optional_line('k', key);
  writer.attributes(attributes);
  for (const Media& section : media) writer.media(section);
  return writer.take();
}

}  // namespace nearend::sdp
