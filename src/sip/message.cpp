#include "sip/message.hpp"

#include <algorithm>
#include <cassert>

#include "base/text.hpp"
#include "sip/scan.hpp"

namespace nearend::sip {
namespace {

Result<void> check_uri_text(std::string_view uri) {
  const bool is_bad = uri.empty() || std::any_of(uri.begin(), uri.end(), [](char c) {
                        return scan::is_control(c) || c == ' ' || c == '<' || c == '>' || c == '"';
                      });
  if (is_bad) return fail(Error::Kind::malformed, "Request-URI: empty, or with a blank, quote or control character");
  return {};
}

Result<void> check_value(std::string_view name, std::string_view value) {
  if (!scan::is_token(name))
    return fail(Error::Kind::malformed, "header name '{}' is not a token", scan::escaped(name, scan::token));
  if (scan::has_line_break_or_nul(value))
    return fail(Error::Kind::malformed, "{}: a line break or NUL may not stand in a header", name);
  if (value.size() > line_bytes_max)
    return fail(Error::Kind::invalid, "{}: longer than {} bytes", name, line_bytes_max);
  return {};
}

}  // namespace

Result<Message> Message::request(Method method, std::string_view uri) {
  return request(to_string(method), uri);
}

Result<Message> Message::request(std::string_view method_name, std::string_view uri) {
  if (!scan::is_token(method_name))
    return fail(Error::Kind::malformed, "method '{}' is not a token", scan::escaped(method_name, scan::token));
  auto good = check_uri_text(uri);
  if (!good) return pass(good);
  Message message;
  message.text_.reserve(1024);
  message.fields_.reserve(16);
  message.method_ = parse_method(method_name);
  message.method_text_ = message.keep(method_name);
  message.uri_text_ = message.keep(uri);
  return message;
}

Message Message::response(const Message& request, int status, std::string_view reason) {
  assert(status >= 100 && status < 700);
  Message message;
  message.text_.reserve(1024);
  message.fields_.reserve(16);
  message.status_ = status;
  message.method_ = request.method_;
  if (reason.empty() || scan::has_line_break_or_nul(reason)) reason = reason_phrase(status);
  message.reason_text_ = message.keep(reason);
  const auto copy = [&](HeaderId id, bool is_every) {
    for (const Entry& entry : request.fields_) {
      if (entry.id != id) continue;
      message.fields_.push_back({id, {}, message.keep(request.view(entry.value))});
      if (!is_every) return;
    }
  };
  copy(HeaderId::via, true);
  for (HeaderId id : {HeaderId::from, HeaderId::to, HeaderId::call_id, HeaderId::cseq}) copy(id, false);
  return message;
}

std::string_view Message::method_name() const {
  if (is_request()) return view(method_text_);
  std::string_view value = header(HeaderId::cseq);
  value.remove_prefix(std::min(scan::digits.prefix(value), value.size()));
  return scan::trim_blanks(value);
}

Message::Range Message::keep(std::string_view text) {
  const Range range{static_cast<uint32_t>(text_.size()), static_cast<uint32_t>(text.size())};
  text_.append(text);
  return range;
}

Message::Field Message::field(size_t index) const {
  const Entry& entry = fields_[index];
  return {entry.id, name_of(entry), view(entry.value)};
}

std::string_view Message::name_of(const Entry& entry) const {
  return entry.name.length == 0 ? header_name(entry.id) : view(entry.name);
}

bool Message::matches(const Entry& entry, HeaderId id, std::string_view name) const {
  if (id != HeaderId::other) return entry.id == id;
  return entry.id == HeaderId::other && equal_ignoring_case(view(entry.name), name);
}

const Message::Entry* Message::find(HeaderId id, std::string_view name) const {
  for (const Entry& entry : fields_)
    if (matches(entry, id, name)) return &entry;
  return nullptr;
}

std::string_view Message::header(HeaderId id) const {
  const Entry* entry = find(id, {});
  return entry ? view(entry->value) : std::string_view{};
}

std::string_view Message::header(std::string_view name) const {
  const Entry* entry = find(header_id(name), name);
  return entry ? view(entry->value) : std::string_view{};
}

bool Message::has(HeaderId id) const {
  return find(id, {}) != nullptr;
}

bool Message::has(std::string_view name) const {
  return find(header_id(name), name) != nullptr;
}

std::vector<std::string_view> Message::values(HeaderId id) const {
  return values(id, {});
}

std::vector<std::string_view> Message::values(std::string_view name) const {
  return values(header_id(name), name);
}

std::vector<std::string_view> Message::values(HeaderId id, std::string_view name) const {
  std::vector<std::string_view> found;
  for (const Entry& entry : fields_) {
    if (!matches(entry, id, name)) continue;
    if (is_list(id)) {
      scan::split_list(view(entry.value), found);
    } else {
      found.push_back(view(entry.value));
    }
  }
  return found;
}

Result<Message::Entry> Message::make_entry(HeaderId id, std::string_view name, std::string_view value) {
  auto good = check_value(name, value);
  if (!good) return pass(good);
  if (fields_.size() >= header_fields_built_max)
    return fail(Error::Kind::invalid, "{}: more than {} header fields", name, header_fields_built_max);
  if (text_.size() + name.size() + value.size() > text_bytes_max)
    return fail(Error::Kind::invalid, "{}: the message is too large", name);
  Entry entry{id, {}, {}};
  if (id == HeaderId::other) {
    const std::string copy(name);  // The name may be a view of text_, which the next line grows.
    entry.value = keep(scan::trim_blanks(value));
    entry.name = keep(copy);
  } else {
    entry.value = keep(scan::trim_blanks(value));
  }
  return entry;
}

Result<void> Message::add(HeaderId id, std::string_view value) {
  auto entry = make_entry(id, header_name(id), value);
  if (!entry) return pass(entry);
  fields_.push_back(*entry);
  return {};
}

Result<void> Message::add(std::string_view name, std::string_view value) {
  auto entry = make_entry(header_id(name), name, value);
  if (!entry) return pass(entry);
  fields_.push_back(*entry);
  return {};
}

Result<void> Message::prepend(HeaderId id, std::string_view value) {
  auto entry = make_entry(id, header_name(id), value);
  if (!entry) return pass(entry);
  const auto first = std::find_if(fields_.begin(), fields_.end(), [&](const Entry& other) { return other.id == id; });
  fields_.insert(first == fields_.end() ? fields_.begin() : first, *entry);
  return {};
}

Result<void> Message::put(HeaderId id, std::string_view name, std::string_view value) {
  auto good = check_value(name, value);
  if (!good) return good;
  const auto first =
      std::find_if(fields_.begin(), fields_.end(), [&](const Entry& entry) { return matches(entry, id, name); });
  if (first == fields_.end()) return id == HeaderId::other ? add(name, value) : add(id, value);
  const size_t index = static_cast<size_t>(first - fields_.begin());
  const std::string copy(name);  // The name may be a view of text_, which the next line grows.
  first->value = keep(scan::trim_blanks(value));
  size_t position = 0;
  std::erase_if(fields_, [&](const Entry& entry) { return position++ > index && matches(entry, id, copy); });
  return {};
}

void Message::overwrite(HeaderId id, std::string_view value) {
  assert(!scan::has_line_break(value) && "header injection");
  const Range kept = keep(value);
  for (Entry& entry : fields_) {
    if (entry.id != id) continue;
    entry.value = kept;
    return;
  }
  fields_.push_back({id, {}, kept});
}

Result<void> Message::set(HeaderId id, std::string_view value) {
  return put(id, header_name(id), value);
}

Result<void> Message::set(std::string_view name, std::string_view value) {
  return put(header_id(name), name, value);
}

void Message::remove(HeaderId id) {
  std::erase_if(fields_, [id](const Entry& entry) { return entry.id == id; });
}

void Message::remove(std::string_view name) {
  const HeaderId id = header_id(name);
  std::erase_if(fields_, [&](const Entry& entry) { return matches(entry, id, name); });
}

void Message::remove_first_value(HeaderId id) {
  const auto entry = std::find_if(fields_.begin(), fields_.end(), [id](const Entry& other) { return other.id == id; });
  if (entry == fields_.end()) return;
  const size_t comma = scan::find_outside(view(entry->value), ',');
  if (!is_list(id) || comma == scan::npos) {
    fields_.erase(entry);
    return;
  }
  const std::string_view rest = scan::trim_blanks(view(entry->value).substr(comma + 1));
  entry->value = {static_cast<uint32_t>(rest.data() - text_.data()), static_cast<uint32_t>(rest.size())};
}

void Message::set_body(std::string_view type, std::string_view content) {
  overwrite(HeaderId::content_type, type);
  body_text_ = keep(content);
}

void Message::clear_body() {
  body_text_ = {};
  remove(HeaderId::content_type);
}

Result<void> Message::set_request_uri(std::string_view uri) {
  auto good = check_uri_text(uri);
  if (!good) return good;
  uri_text_ = keep(uri);
  return {};
}

std::string Message::serialize() const {
  std::string wire;
  size_t size = method_text_.length + uri_text_.length + reason_text_.length + body_text_.length + 64;
  for (const Entry& entry : fields_) size += name_of(entry).size() + entry.value.length + 4;
  wire.reserve(size);
  if (is_request()) {
    wire.append(view(method_text_)).append(" ").append(view(uri_text_)).append(" SIP/2.0\r\n");
  } else {
    wire.append("SIP/2.0 ").append(std::to_string(status_)).append(" ").append(view(reason_text_)).append("\r\n");
  }
  for (const Entry& entry : fields_) {
    if (entry.id == HeaderId::content_length) continue;
    const std::string_view value = view(entry.value);
    const bool is_injection = scan::has_line_break(value);
    assert(!is_injection && "every way in refuses line breaks");
    if (is_injection) continue;
    wire.append(entry.id == HeaderId::other ? view(entry.name) : header_name(entry.id));
    wire.append(": ", 2).append(value).append("\r\n", 2);
  }
  wire.append("Content-Length: ").append(std::to_string(body_text_.length)).append("\r\n\r\n");
  return wire.append(body());
}

}  // namespace nearend::sip
