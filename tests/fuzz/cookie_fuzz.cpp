// links: http
// Cookies: whatever a server sets, the jar keeps its limits and the header it makes has no line end.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "http/cookies.hpp"

using namespace nearend::http;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Url url = *parse_url("https://www.app.example/dir/page");
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Headers headers;
  for (size_t start = 0; start <= text.size();) {
    const size_t end = std::min(text.find('\xff', start), text.size());
    headers.emplace_back("Set-Cookie", text.substr(start, end - start));
    start = end + 1;
  }
  CookieJar jar;
  jar.take(url, headers, 1'700'000'000'000);
  if (jar.cookies().size() > 50) std::abort();
  if (jar.header(url, 1'700'000'000'000).find_first_of("\r\n") != std::string::npos) std::abort();
  return 0;
}
