#include "sip/scan.hpp"

#include "base/text.hpp"

namespace nearend::sip::scan {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return ascii_lower(c) - 'a' + 10;
}

bool is_escape(std::string_view text, size_t at) {
  return at + 2 < text.size() && hexadecimals.has(text[at + 1]) && hexadecimals.has(text[at + 2]);
}

/// What a search outside of quotes and brackets has to look at.
constexpr Bytes marks{"\"<>,;", false};

size_t find_from(std::string_view text, char wanted, bool do_brackets_hide) {
  bool is_inside_brackets = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (!marks.has(c) && c != wanted) continue;
    if (c == wanted && !is_inside_brackets) return i;
    if (c == '"' && !is_inside_brackets) {
      const size_t length = quoted_length(text.substr(i));
      if (length == npos) return npos;
      i += length - 1;
    } else if (do_brackets_hide && c == '<') {
      is_inside_brackets = true;
    } else if (c == '>') {
      is_inside_brackets = false;
    }
  }
  return npos;
}

}  // namespace

size_t quoted_length(std::string_view text) {
  for (size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      return i + 1;
    }
  }
  return npos;
}

std::string unquoted(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  for (size_t i = 1; i + 1 < text.size(); ++i) {
    if (text[i] == '\\' && i + 2 < text.size()) ++i;
    plain.push_back(text[i]);
  }
  return plain;
}

size_t find_outside(std::string_view text, char wanted) {
  return find_from(text, wanted, true);
}

size_t find_outside_quotes(std::string_view text, char wanted) {
  return find_from(text, wanted, false);
}

void split_list(std::string_view text, std::vector<std::string_view>& values) {
  while (true) {
    const size_t end = find_outside(text, ',');
    const std::string_view value = trim_blanks(text.substr(0, end));
    if (!value.empty()) values.push_back(value);
    if (end == npos) return;
    text.remove_prefix(end + 1);
  }
}

std::string_view parameters_part(std::string_view name_addr) {
  const size_t semicolon = find_outside(name_addr, ';');
  return semicolon == npos ? std::string_view{} : name_addr.substr(semicolon);
}

std::string_view find_parameter(std::string_view parameters, std::string_view name) {
  while (!parameters.empty()) {
    parameters.remove_prefix(1);
    const size_t end = find_outside_quotes(parameters, ';');
    const std::string_view item = parameters.substr(0, end);
    const size_t equals = item.find('=');
    if (equal_ignoring_case(trim_blanks(item.substr(0, equals)), name))
      return equals == npos ? std::string_view{} : trim_blanks(item.substr(equals + 1));
    if (end == npos) return {};
    parameters.remove_prefix(end);
  }
  return {};
}

bool has_line_break_or_nul(std::string_view text) {
  bool is_found = false;  // without a way out of the loop: it takes many bytes at a time
  for (const char c : text) is_found |= c == '\r' || c == '\n' || c == '\0';
  return is_found;
}

bool has_line_break(std::string_view text) {
  bool is_found = false;
  for (const char c : text) is_found |= c == '\r' || c == '\n';
  return is_found;
}

bool has_control(std::string_view text) {
  bool is_found = false;
  for (const char c : text) is_found |= is_control(c);
  return is_found;
}

bool has_good_escapes(std::string_view text) {
  for (size_t i = text.find('%'); i != npos; i = text.find('%', i + 1))
    if (!is_escape(text, i)) return false;
  return true;
}

std::string unescaped(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && is_escape(text, i)) {
      plain.push_back(static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2])));
      i += 2;
    } else {
      plain.push_back(text[i]);
    }
  }
  return plain;
}

std::string escaped(std::string_view text, const Bytes& allowed) {
  static constexpr char digits_upper[] = "0123456789ABCDEF";
  std::string safe;
  safe.reserve(text.size());
  for (char c : text) {
    if (allowed.has(c) && c != '%') {
      safe.push_back(c);
    } else {
      safe.push_back('%');
      safe.push_back(digits_upper[static_cast<unsigned char>(c) >> 4]);
      safe.push_back(digits_upper[static_cast<unsigned char>(c) & 15]);
    }
  }
  return safe;
}

}  // namespace nearend::sip::scan
