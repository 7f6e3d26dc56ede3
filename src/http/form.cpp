#include "base/text.hpp"
#include "http/http.hpp"

namespace nearend::http {
namespace {

std::string encode_part(std::string_view text) {
  std::string encoded = percent_encode(text);
  for (size_t at = 0; (at = encoded.find("%20", at)) != std::string::npos;) encoded.replace(at, 3, "+");
  return encoded;
}

}  // namespace

std::string_view find_header(const Headers& headers, std::string_view name) {
  for (const auto& [key, value] : headers)
    if (equal_ignoring_case(key, name)) return value;
  return {};
}

std::string encode_form(const Form& form) {
  std::string text;
  for (const auto& [key, value] : form) {
    if (!text.empty()) text += '&';
    text += encode_part(key) + '=' + encode_part(value);
  }
  return text;
}

Result<Form> parse_form(std::string_view text) {
  Form form;
  for (std::string_view pair : split(text, '&')) {
    const size_t equals = pair.find('=');
    auto key = percent_decode(pair.substr(0, equals), true);
    auto value = percent_decode(equals == std::string_view::npos ? "" : pair.substr(equals + 1), true);
    if (!key || !value)
      return fail(Error::Kind::malformed, "form field '{}' has a broken percent escape", pair.substr(0, 64));
    form.emplace_back(std::move(*key), std::move(*value));
  }
  return form;
}

}  // namespace nearend::http
