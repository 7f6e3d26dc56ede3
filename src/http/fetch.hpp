#pragma once

#include <expected>
#include <string>

#include "http/cookies.hpp"
#include "http/document_cache.hpp"
#include "http/http.hpp"
#include "io/loop.hpp"

namespace nearend::http {

/// Error codes of the public API for what can go wrong with an application server.
namespace fetch_code {
inline constexpr int invalid_url = 11100;
inline constexpr int retrieval_failed = 11200;  ///< An error status, a broken answer, or none in time.
inline constexpr int connection_failed = 11205;
inline constexpr int too_many_redirects = 11215;
inline constexpr int body_too_large = 11750;
}  // namespace fetch_code

/// One question to a customer's application server: a document, an action, a status callback.
struct FetchRequest {
  std::string url;              ///< Absolute; its fragment may hold connection settings, its user basic authentication.
  std::string method = "POST";  ///< GET: the form is appended to the query.
  Form form;
  std::string json;               ///< A JSON body instead of a form; the query gets its hash.
  std::string auth_token;         ///< Signs; empty: not signed.
  std::string other_auth_token;   ///< A second live token while one is being replaced.
  std::string idempotency_token;  ///< The same over all tries, so that the application can tell a repeat.
  std::string pool;               ///< The account: connections are never shared between accounts.
  bool may_reach_internal = true;
  CookieJar* cookies = nullptr;    ///< The call's; outlives the fetch.
  DocumentCache* cache = nullptr;  ///< For GET; outlives the fetch.
  size_t body_limit = 64 * 1024;
  Headers headers;  ///< Further ones.
};

struct FetchOutcome {
  std::string url;  ///< Where the answer came from, for resolving what it refers to: after redirects, without
                    ///< fragment and without an appended form, with the user.
  int status = 200;
  std::string content_type;
  Headers headers;
  std::string body;
  int tries = 1;
  int redirects = 0;
};

struct FetchFailure {
  int code = fetch_code::retrieval_failed;
  std::string text;
  int status = 0;  ///< Of the answer, when there was one.
  int tries = 0;
};

/// Asks by the rules that customers' applications rely on: 15 s in all, over retries and redirects; retries by the
/// URL's own policy, never after part of an answer; at most 10 redirects, which become GET without the parameters;
/// cookies kept for the call; both signatures; the user of the URL by Basic and, where that is asked for, by Digest;
/// 304 to what the cache holds. The loop gives the clock only, so it runs in the simulator. `loop`,
/// `client` and the cookies outlive it. Threats TH18, TH19, TH21, TH22.
Task<std::expected<FetchOutcome, FetchFailure>> fetch(Client& client, io::Loop& loop, FetchRequest request);

}  // namespace nearend::http
