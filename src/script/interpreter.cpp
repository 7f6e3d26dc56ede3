#include "script/interpreter.hpp"

#include "script/parameters.hpp"
#include "script/url.hpp"

namespace nearend::script {
namespace {

/// Of an answer to a request for a document: recordings that are to be played come the same way.
constexpr size_t answer_max = 8 * 1024 * 1024;

}  // namespace

std::string_view to_string(Finish finish) {
  switch (finish) {
    case Finish::end_of_document:
      return "end-of-document";
    case Finish::hung_up:
      return "hung-up";
    case Finish::rejected:
      return "rejected";
    case Finish::caller_gone:
      return "caller-gone";
    case Finish::failed:
      return "failed";
    case Finish::fenced:
      return "fenced";
  }
  return "failed";
}

Interpreter::Interpreter(io::Loop& loop, http::Client& client, Callbacks& callbacks, Settings settings,
                         call::Control& control, AppBinding binding)
    : client_(client),
      settings_(std::move(settings)),
      binding_(std::move(binding)),
      script_{.loop = loop, .control = control, .callbacks = callbacks, .binding = binding_, .settings = settings_} {}

void Interpreter::control_with(Document document) {
  document_ = std::move(document);
  script_.document = &document_;
  script_.at = 0;
  script_.sources_played = 0;
  Notes notes([this](int code, std::string text) { script_.note(code, std::move(text)); });
  check_document(document_, settings_.dialect, notes);
  need_ = need_of(document_, settings_.dialect);
  if (on_document_) on_document_(document_, need_);
}

Task<void> Interpreter::load() {
  if (is_loaded_) co_return;
  is_loaded_ = true;
  if (position_) {
    Position position = std::move(*position_);
    co_await resume(std::move(position));
    co_return;
  }
  Next first{.kind = Next::Kind::document, .url = binding_.voice_url, .method = binding_.voice_method};
  co_await open(std::move(first));
}

Task<void> Interpreter::resume(Position position) {
  auto state = parse_verb_state(position.verb_state);
  if (!state) {
    script_.note(code::schema, "the kept state of the call was not understood: " + state.error().text);
    state = VerbState{};
  }
  script_.steps = state->steps;
  script_.cookies = http::CookieJar(std::move(state->cookies));
  if (!position.document.empty()) {
    if (auto document = read_twiml(position.document_url, position.document)) control_with(std::move(*document));
    script_.at = position.verb;
  }
  if (state->pending) {
    Next pending = std::move(*state->pending);
    if (script_.steps > 0)
      --script_.steps;  // open() counts it again, so that its idempotency token is the one of the first attempt.
    co_await open(std::move(pending));
    co_return;
  }
  if (script_.document) co_return;
  Next first{.kind = Next::Kind::document, .url = binding_.voice_url, .method = binding_.voice_method};
  co_await open(std::move(first));
}

Task<void> Interpreter::open(Next where) {
  ++script_.steps;
  const bool is_ours = co_await script_.checkpoint(&where);
  if (!is_ours) co_return;
  auto url = resolve_url(script_.document ? script_.document->url : "", where.url);
  if (!url) {
    std::string given = std::move(where.url);
    Failure failure{code::invalid_url, std::move(url.error().text)};
    co_await open_fallback(std::move(given), std::move(failure));
    co_return;
  }
  std::string asked = *url;
  auto document = co_await fetch(std::move(*url), std::move(where.method), std::move(where.form));
  if (document) {
    control_with(std::move(*document));
    co_return;
  }
  Failure failure = std::move(document.error());
  co_await open_fallback(std::move(asked), std::move(failure));
}

Task<std::expected<Document, Failure>> Interpreter::fetch(std::string url, std::string method, http::Form extra) {
  const call::CallFacts& facts = script_.control.facts();
  http::FetchRequest request{.url = std::move(url),
                             .method = std::move(method),
                             .form = standard_parameters(facts, script_.control.status()),
                             .auth_token = binding_.auth_token,
                             .idempotency_token = script_.idempotency_token(),
                             .pool = facts.account_sid,
                             .cookies = &script_.cookies,
                             .cache = settings_.documents,
                             .body_limit = answer_max};
  request.form.insert(request.form.end(), extra.begin(), extra.end());
  auto answer = co_await http::fetch(client_, script_.loop, std::move(request));
  if (!answer) co_return std::unexpected(Failure{answer.error().code, std::move(answer.error().text)});
  co_return read_document(answer->url, answer->content_type, answer->body);
}

Task<void> Interpreter::open_fallback(std::string failed_url, Failure failure) {
  script_.note(failure.code, fmt::format("{}: {}", failed_url, failure.text));
  const bool is_worth_it = !binding_.fallback_url.empty() && !script_.control.is_over();
  if (is_worth_it) {
    http::Form extra{{"ErrorCode", fmt::format("{}", failure.code)}, {"ErrorUrl", failed_url}};
    std::string url = binding_.fallback_url;
    std::string method = binding_.fallback_method;
    auto document = co_await fetch(std::move(url), std::move(method), std::move(extra));
    if (document) {
      control_with(std::move(*document));
      co_return;
    }
    script_.note(document.error().code, fmt::format("fallback {}: {}", binding_.fallback_url, document.error().text));
  }
  is_failed_ = true;
  if (settings_.dialect == Dialect::voice) control_with(apology());
}

Task<Finish> Interpreter::run() {
  co_await load();
  const Finish how = co_await run_verbs();
  const Finish ended = co_await finish(how);
  co_return ended;
}

Task<Finish> Interpreter::run_verbs() {
  while (true) {
    if (script_.is_fenced) co_return Finish::fenced;
    if (script_.control.is_over()) co_return Finish::caller_gone;
    const markup::Element* element = script_.document ? script_.document->verb(script_.at) : nullptr;
    if (!element) co_return Finish::end_of_document;
    const Verb* verb = find_verb(element->name, settings_.dialect);
    if (!verb) {
      ++script_.at;
      continue;
    }
    if (++script_.steps > settings_.steps_max) {
      script_.note(code::schema, fmt::format("the call has run {} steps and is hung up", settings_.steps_max));
      co_return Finish::hung_up;
    }
    Next next = co_await verb->run(script_, *element);
    if (next.kind == Next::Kind::end) {
      if (script_.is_fenced) co_return Finish::fenced;
      if (script_.is_rejected) co_return Finish::rejected;
      co_return script_.is_hangup_wanted ? Finish::hung_up : Finish::caller_gone;
    }
    if (next.kind == Next::Kind::document)
      co_await open(std::move(next));
    else
      ++script_.at;
  }
}

Task<Finish> Interpreter::finish(Finish how) {
  if (how == Finish::fenced || how == Finish::rejected) co_return how;
  const bool is_bridgeable = settings_.dialect == Dialect::screen && how == Finish::end_of_document && !is_failed_;
  if (!is_bridgeable && !script_.control.is_over()) {
    const auto ended = co_await script_.control.hangup();
    if (!ended) script_.note(code::schema, "the call was not hung up: " + ended.error().text);
  }
  co_return is_failed_&& how == Finish::end_of_document ? Finish::failed : how;
}

}  // namespace nearend::script
