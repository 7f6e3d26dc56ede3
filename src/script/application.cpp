#include "script/application.hpp"

#include "script/notes.hpp"

namespace nearend::script {

Task<std::expected<AppAnswer, Failure>> ask(io::Loop& /*loop*/, http::Client& client, AppRequest request) {
  http::Request out{.method = request.method, .url = request.url, .pool = request.account_sid};
  out.headers.emplace_back("I-Twilio-Idempotency-Token", request.idempotency_token);
  std::string text = http::encode_form(request.form);
  if (request.method == "GET") {
    out.url += (out.url.find('?') == std::string::npos ? '?' : '&') + text;
  } else {
    out.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
    out.body = std::move(text);
  }
  auto answer = co_await client.send(std::move(out));
  if (!answer) co_return std::unexpected(Failure{code::connection_failed, std::move(answer.error().text)});
  if (answer->status < 200 || answer->status >= 300)
    co_return std::unexpected(Failure{code::retrieval_failed, fmt::format("the answer is {}", answer->status)});
  std::string type(http::find_header(answer->headers, "Content-Type"));
  co_return AppAnswer{request.url, std::move(type), std::move(answer->body)};
}

}  // namespace nearend::script
