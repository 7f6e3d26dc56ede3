#pragma once

#include <expected>
#include <string>

#include "http/http.hpp"
#include "io/loop.hpp"
#include "script/document.hpp"

namespace nearend::script {

/// One request to a customer's application, by the rules for application servers (http/fetch).
struct AppRequest {
  std::string url;  ///< Absolute; its fragment may hold connection settings.
  std::string method = "POST";
  http::Form form;
  std::string auth_token;         ///< Signs the request.
  std::string account_sid;        ///< Connections are never shared between accounts.
  std::string idempotency_token;  ///< The same when a router that adopted the call asks again.
};
struct AppAnswer {
  std::string url;  ///< Where the answer came from in the end, after redirects.
  std::string content_type;
  std::string body;
};

/// Asks the application. Failures have the numbers of twiml.md 3.1: 11100 no URL, 11200 an error answer or none in
/// time, 11205 not connected, 11215 too many redirects.
Task<std::expected<AppAnswer, Failure>> ask(io::Loop& loop, http::Client& client, AppRequest request);

}  // namespace nearend::script
