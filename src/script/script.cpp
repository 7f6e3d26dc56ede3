#include "script/script.hpp"

#include "io/new_sid.hpp"
#include "script/position.hpp"
#include "script/url.hpp"

namespace nearend::script {

Task<bool> Script::checkpoint(const Next* pending) {
  if (is_fenced) co_return false;
  std::string url = document ? document->url : "";
  std::string text = document ? document->text : "";
  std::string state = verb_state_text({steps, pending ? std::optional(*pending) : std::nullopt, cookies.cookies()});
  const auto kept = co_await control.checkpoint(std::move(url), std::move(text), at, std::move(state));
  if (kept) co_return true;
  is_fenced = kept.error().kind == Error::Kind::refused;
  note(code::schema, "the call's state was not kept: " + kept.error().text);
  co_return !is_fenced;
}

Task<bool> Script::answer() {
  const bool is_ours = co_await checkpoint();
  if (!is_ours || control.is_over()) co_return false;
  if (control.is_answered()) co_return true;
  const auto answered = co_await control.answer();
  if (!answered) note(code::schema, "the call was not answered: " + answered.error().text);
  co_return answered.has_value() && !control.is_over();
}

std::string Script::new_recording_sid() {
  return io::new_sid(loop, "RE");
}

std::string Script::recording_url(std::string_view recording_sid) const {
  return script::recording_url(settings.public_url, control.facts().account_sid, recording_sid);
}

std::string Script::idempotency_token() const {
  return fmt::format("{}-{}", control.facts().call_sid, steps);
}

Next Script::go_to(std::string_view reference, std::string method, http::Form form) const {
  return {.kind = Next::Kind::document,
          .url = std::string(reference),
          .method = std::move(method),
          .form = std::move(form)};
}

void Script::tell(std::string_view action, std::string_view method, const http::Form& form) {
  auto url = resolve_url(document->url, action);
  if (!url) return note(code::invalid_url, "action: " + url.error().text);
  const call::CallFacts& facts = control.facts();
  http::FetchRequest request{.url = std::move(*url),
                             .method = std::string(method),
                             .form = standard_parameters(facts, control.status()),
                             .auth_token = binding.auth_token,
                             .idempotency_token = idempotency_token(),
                             .pool = facts.account_sid};
  request.form.insert(request.form.end(), form.begin(), form.end());
  callbacks.send(facts.call_sid, std::move(request));
}

}  // namespace nearend::script
