#include "http/fetch.hpp"

#include <algorithm>
#include <array>

#include "base/crypto.hpp"
#include "base/text.hpp"
#include "http/connection_settings.hpp"
#include "http/digest_auth.hpp"
#include "http/url.hpp"
#include "http/webhook_signature.hpp"

namespace nearend::http {
namespace {

constexpr int redirects_max = 10;

using Outcome = std::expected<FetchOutcome, FetchFailure>;

std::unexpected<FetchFailure> failed(int code, std::string text, int status = 0, int tries = 0) {
  return std::unexpected(FetchFailure{code, std::move(text), status, tries});
}

/// One request of the chain: where it goes and what it carries. The first has the parameters, those after a redirect
/// none.
struct Hop {
  Url url;       ///< As sent, with what was appended.
  Url document;  ///< Without it.
  std::string method;
  Form form;  ///< Sent in the body.
  std::string body;
  std::string content_type;
};

void append_query(Url& url, std::string_view text) {
  if (text.empty()) return;
  if (!url.query.empty()) url.query += '&';
  url.query += text;
  url.has_query = true;
}

Result<Url> check_url(Result<Url> url) {
  if (!url) return url;
  if (url->scheme != "http" && url->scheme != "https")
    return fail(Error::Kind::invalid, "URL scheme '{}' is not http or https", url->scheme);
  if (auto checked = check_host_name(url->host); !checked) return pass(checked);
  return url;
}

Hop first_hop(const FetchRequest& request, const Url& url) {
  Hop hop{.url = url, .document = url, .method = request.method};
  hop.url.fragment.clear();
  hop.document.fragment.clear();
  if (!request.json.empty()) {
    hop.body = request.json;
    hop.content_type = "application/json";
    append_query(hop.url, fmt::format("{}={}", body_hash_parameter, hash_hex(HashKind::sha256, request.json)));
  } else if (request.method == "GET") {
    append_query(hop.url, encode_form(request.form));
  } else {
    hop.form = request.form;
    hop.body = encode_form(request.form);
    hop.content_type = "application/x-www-form-urlencoded; charset=UTF-8";
  }
  return hop;
}

bool is_same_origin(const Url& a, const Url& b) {
  return a.scheme == b.scheme && a.host == b.host && a.effective_port() == b.effective_port();
}

/// Where an answer sends us: a GET without parameters. Basic authentication stays with its origin.
Result<Hop> next_hop(const Hop& from, const std::string& location) {
  auto url = check_url(resolve_url(from.url, location));
  if (!url) return pass(url);
  if (!is_same_origin(*url, from.url) && url->user == from.url.user && url->password == from.url.password)
    url->has_user = false;
  if (is_same_origin(*url, from.url) && !url->has_user && from.url.has_user) {
    url->user = from.url.user;
    url->password = from.url.password;
    url->has_user = true;
  }
  url->fragment.clear();
  return Hop{.url = *url, .document = *url, .method = "GET"};
}

Headers headers_of(const FetchRequest& request, const Hop& hop, const std::string& authorization, int64_t now_ms) {
  Headers headers = request.headers;
  headers.emplace_back("Accept", "*/*");
  if (!hop.content_type.empty()) headers.emplace_back("Content-Type", hop.content_type);
  if (!request.idempotency_token.empty()) headers.emplace_back("I-Twilio-Idempotency-Token", request.idempotency_token);
  if (!authorization.empty())
    headers.emplace_back("Authorization", authorization);
  else if (hop.url.has_user)
    headers.emplace_back("Authorization", "Basic " + base64(hop.url.user + ":" + hop.url.password));
  if (request.cookies)
    if (std::string cookies = request.cookies->header(hop.url, now_ms); !cookies.empty())
      headers.emplace_back("Cookie", std::move(cookies));
  if (!request.auth_token.empty()) {
    const std::string url = hop.url.to_string();
    headers.emplace_back(twilio_signature_header, twilio_signature(request.auth_token, url, hop.form));
    headers.emplace_back(nearend_signature_header, nearend_signature(request.auth_token, request.other_auth_token,
                                                                     hop.method, url, hop.body, now_ms / 1000));
  }
  return headers;
}

Request to_request(const FetchRequest& request, const Hop& hop, const ConnectionSettings& settings,
                   const std::string& authorization, std::chrono::milliseconds left, int64_t now_ms) {
  return {.method = hop.method,
          .url = hop.url.to_string(),
          .headers = headers_of(request, hop, authorization, now_ms),
          .body = hop.body,
          .connect_timeout = std::min(settings.connect_timeout, left),
          .total_timeout = left,
          .read_timeout = settings.read_timeout,
          .body_limit = request.body_limit,
          .may_reach_internal = request.may_reach_internal,
          .pool = request.pool};
}

bool is_retried(const ConnectionSettings& settings, const Result<Response>& answer) {
  if (answer) {
    if (answer->status >= 500) return settings.is_5xx_retried;
    return answer->status >= 400 && settings.is_4xx_retried;
  }
  if (answer.error().kind == Error::Kind::unavailable) return settings.is_connect_retried;
  return answer.error().kind == Error::Kind::timeout && settings.is_read_retried;
}

int code_of(const Error& error) {
  switch (error.kind) {
    case Error::Kind::unavailable:
    case Error::Kind::refused:
      return fetch_code::connection_failed;
    case Error::Kind::unsupported:
      return fetch_code::body_too_large;
    case Error::Kind::invalid:
      return fetch_code::invalid_url;
    default:
      return fetch_code::retrieval_failed;
  }
}

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

std::string document_url(const Url& url) {
  if (!url.has_user) return url.to_string();
  const std::string plain = url.to_string();
  const size_t host = plain.find("://") + 3;
  return fmt::format("{}{}:{}@{}", plain.substr(0, host), percent_encode(url.user), percent_encode(url.password),
                     plain.substr(host));
}

Result<void> check_request(const FetchRequest& request) {
  if (request.method != "GET" && request.method != "POST")
    return fail(Error::Kind::invalid, "method '{}' is not GET or POST", request.method.substr(0, 32));
  const auto has_line_end = [](std::string_view text) {
    return text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos;
  };
  if (has_line_end(request.idempotency_token))
    return fail(Error::Kind::invalid, "the idempotency token has a line end");
  for (const auto& [name, value] : request.headers)
    if (name.empty() || has_line_end(name) || has_line_end(value))
      return fail(Error::Kind::invalid, "request header '{}' has a line end or no name", name.substr(0, 64));
  return {};
}

/// Accounts share nothing; what depends on the user of the URL is kept apart. Empty: nothing is kept.
std::string cache_key(const FetchRequest& request, const Hop& hop) {
  if (request.cache == nullptr || hop.method != "GET") return {};
  return fmt::format("{} {}:{} {}", request.pool, hop.url.user, hop.url.password, hop.url.to_string());
}

void ask_whether_changed(Request& out, const DocumentCache::Document& held) {
  if (!held.etag.empty()) out.headers.emplace_back("If-None-Match", held.etag);
  if (!held.last_modified.empty()) out.headers.emplace_back("If-Modified-Since", held.last_modified);
}

void use_cache(DocumentCache& cache, const std::string& key, Response& answer) {
  if (answer.status != 304) return cache.put(key, answer);
  // Looked up again: another fetch may have changed the cache meanwhile.
  if (const DocumentCache::Document* held = cache.find(key)) answer = held->response;
}

/// The state of one fetch: how much time, how many tries and redirects are left.
struct Chase {
  Client& client;
  io::Loop& loop;
  const FetchRequest& request;
  ConnectionSettings settings;
  io::Instant deadline;
  int tries = 0;
  int retries_left = 0;
};

std::chrono::milliseconds time_left(const Chase& chase) {
  return std::chrono::ceil<std::chrono::milliseconds>(std::max(chase.deadline - chase.loop.now(), io::Duration(0)));
}

/// The answer to a 401 that asks for Digest; empty when there is none.
std::string answer_challenge(const Chase& chase, const Hop& hop, const Response& response) {
  if (response.status != 401 || !hop.url.has_user) return {};
  const std::string target = hop.url.target(), cnonce = fmt::format("{:016x}", chase.loop.random());
  for (const auto& [name, value] : response.headers) {
    if (!equal_ignoring_case(name, "WWW-Authenticate")) continue;
    auto answer = digest_authorization(
        value,
        {.method = hop.method, .target = target, .user = hop.url.user, .password = hop.url.password, .cnonce = cnonce});
    if (answer) return std::move(*answer);
  }
  return {};
}

/// Sends one hop, again if the policy says so, and once with an answer to a challenge.
Task<Result<Response>> send_hop(Chase& chase, const Hop& hop) {
  std::string authorization;
  while (true) {
    const auto left = time_left(chase);
    if (left.count() == 0)
      co_return fail(Error::Kind::timeout, "no answer from {} in {} ms", hop.url.authority(),
                     chase.settings.total_timeout.count());
    ++chase.tries;
    const int64_t now_ms = chase.loop.wall_ms();
    Request out = to_request(chase.request, hop, chase.settings, authorization, left, now_ms);
    const std::string key = cache_key(chase.request, hop);
    const DocumentCache::Document* held = key.empty() ? nullptr : chase.request.cache->find(key);
    if (held != nullptr) ask_whether_changed(out, *held);
    auto answer = co_await chase.client.send(std::move(out));
    if (answer && chase.request.cookies) chase.request.cookies->take(hop.url, answer->headers, chase.loop.wall_ms());
    if (answer && authorization.empty()) {
      authorization = answer_challenge(chase, hop, *answer);
      if (!authorization.empty()) continue;
    }
    if (answer && !key.empty()) use_cache(*chase.request.cache, key, *answer);
    const bool is_repeated =
        is_retried(chase.settings, answer) && chase.retries_left > 0 && time_left(chase).count() > 0;
    if (!is_repeated) co_return answer;
    --chase.retries_left;
  }
}

Outcome arrived(const Chase& chase, const Hop& hop, Response response, int redirects) {
  if (response.status < 200 || response.status >= 300)
    return failed(fetch_code::retrieval_failed, fmt::format("{} answered {}", hop.url.authority(), response.status),
                  response.status, chase.tries);
  FetchOutcome outcome{.url = document_url(hop.document),
                       .status = response.status,
                       .content_type = std::string(find_header(response.headers, "Content-Type")),
                       .headers = std::move(response.headers),
                       .body = std::move(response.body),
                       .tries = chase.tries,
                       .redirects = redirects};
  return outcome;
}

Outcome not_arrived(const Chase& chase, const Error& error) {
  return failed(code_of(error), error.text, 0, chase.tries);
}

}  // namespace

Task<std::expected<FetchOutcome, FetchFailure>> fetch(Client& client, io::Loop& loop, FetchRequest request) {
  if (auto checked = check_request(request); !checked) co_return failed(fetch_code::invalid_url, checked.error().text);
  auto url = check_url(parse_url(request.url));
  if (!url) co_return failed(fetch_code::invalid_url, url.error().text);
  const ConnectionSettings settings = parse_connection_settings(url->fragment);
  Chase chase{.client = client,
              .loop = loop,
              .request = request,
              .settings = settings,
              .deadline = loop.now() + settings.total_timeout,
              .retries_left = settings.retries};
  Hop hop = first_hop(request, *url);
  for (int redirects = 0; redirects <= redirects_max; ++redirects) {
    auto answer = co_await send_hop(chase, hop);
    if (!answer) co_return not_arrived(chase, answer.error());
    const std::string location(find_header(answer->headers, "Location"));
    if (!is_redirect(answer->status) || location.empty()) co_return arrived(chase, hop, std::move(*answer), redirects);
    auto next = next_hop(hop, location);
    if (!next) co_return failed(fetch_code::invalid_url, next.error().text, answer->status, chase.tries);
    hop = std::move(*next);
  }
  co_return failed(fetch_code::too_many_redirects,
                   fmt::format("more than {} redirects, the last to {}", redirects_max, hop.url.authority()), 0,
                   chase.tries);
}

}  // namespace nearend::http
