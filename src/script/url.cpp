#include "script/url.hpp"

#include "base/text.hpp"
#include "http/connection_settings.hpp"
#include "http/url.hpp"

namespace nearend::script {
namespace {

/// With user, password and fragment, which http::Url::to_string leaves out.
std::string full_text(const http::Url& url) {
  std::string user;
  if (url.has_user) user = percent_encode(url.user) + ':' + percent_encode(url.password) + '@';
  const std::string fragment = url.fragment.empty() ? "" : '#' + url.fragment;
  return url.scheme + "://" + user + url.authority() + url.target() + fragment;
}

Result<http::Url> resolve(const http::Url& base, std::string_view reference) {
  auto url = http::resolve_url(base, reference);
  if (!url) return url;
  if (url->scheme != "http" && url->scheme != "https")
    return fail(Error::Kind::invalid, "URL scheme '{}' is not http or https", url->scheme);
  if (auto checked = http::check_host_name(url->host); !checked) return pass(checked);
  return url;
}

}  // namespace

Result<void> check_reference(std::string_view reference) {
  const http::Url anywhere{.scheme = "http", .host = "localhost"};
  auto url = resolve(anywhere, reference);
  if (!url) return pass(url);
  return {};
}

Result<std::string> resolve_url(std::string_view base, std::string_view reference) {
  // Inline documents have no URL of their own: what they name must be absolute.
  auto from = http::parse_url(base);
  auto url = from ? resolve(*from, reference) : http::parse_url(reference);
  if (!url) return pass(url);
  if (!from)
    if (auto checked = check_reference(reference); !checked) return pass(checked);
  return full_text(*url);
}

}  // namespace nearend::script
