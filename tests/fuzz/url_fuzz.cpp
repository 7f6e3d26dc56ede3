// links: http
// URLs and references: what is accepted holds no character that ends a line, and reads the same again.
#include <cstdint>
#include <cstdlib>

#include "http/connection_settings.hpp"
#include "http/url.hpp"

using namespace nearend::http;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void check(const Url& url) {
  const std::string text = url.to_string();
  for (const char c : text) require(static_cast<unsigned char>(c) > ' ' && static_cast<unsigned char>(c) < 0x7f);
  const auto again = parse_url(text);
  require(text.size() > url_max || (again && again->to_string() == text));
  parse_connection_settings(url.fragment);
  check_host_name(url.host);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Url base = *parse_url("http://user:secret@a.example:8080/b/c/d;p?q#rc=1");
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto url = parse_url(text)) check(*url);
  if (const auto url = resolve_url(base, text)) check(*url);
  return 0;
}
