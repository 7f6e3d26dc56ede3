#include "router/script_host.hpp"

#include <algorithm>

#include "script/interpreter.hpp"
#include "script/recording.hpp"

namespace nearend::router {

Task<Result<http::Response>> GuardedClient::send(http::Request request) {
  request.may_reach_internal = may_reach_internal_;
  auto response = co_await client_.send(std::move(request));
  co_return response;
}

ScriptHost::ScriptHost(io::Loop& loop, http::Client& client, const Settings& settings)
    : loop_(loop), settings_(settings), client_(client, settings.may_reach_internal), callbacks_(loop, client_) {}

Task<void> ScriptHost::run(Call& call) {
  const store::Number& number = call.start().number;
  script::AppBinding binding{.voice_url = number.voice_url,
                             .voice_method = number.voice_method,
                             .fallback_url = number.fallback_url,
                             .fallback_method = number.fallback_method,
                             .status_callback = number.status_callback,
                             .status_callback_method = number.status_callback_method,
                             .auth_token = call.start().account.auth_token};
  call.hooks().on_progress = [this, &call](const call::LegProgress& progress) { tell(call, progress); };
  call.hooks().screen = [this, &call](call::Control& callee, call::DialTarget target) {
    return screen(call, callee, std::move(target));
  };
  script::Settings settings{
      .public_url = settings_.public_url, .steps_max = settings_.steps_max, .documents = &documents_};
  script::RecordingFacts recorded;
  settings.on_recording = [&call, &recorded](const call::CallFacts& facts, const script::RecordingFacts& recording) {
    call.record().write_recording({.sid = recording.sid,
                                   .call_sid = facts.call_sid,
                                   .account_sid = facts.account_sid,
                                   .source = recording.source,
                                   .status = recording.status,
                                   .created_ms = recording.started_ms,
                                   .duration_s = recording.duration.count(),
                                   .channels = recording.channels});
    recorded = recording;
  };
  script::Interpreter interpreter(loop_, client_, callbacks_, std::move(settings), call, std::move(binding));
  interpreter.set_document_handler([&call](const script::Document&, const script::MediaNeed& need) {
    // Only a first verb that plays is worth opening media for with the answer.
    call.set_prompts_expected(!need.verbs.empty() &&
                              std::ranges::find(need.verbs.front().needs, "bridge") == need.verbs.front().needs.end());
  });
  if (const auto& adopted = call.start().adopted)
    interpreter.resume_at({.document_url = adopted->document_url,
                           .document = adopted->document,
                           .verb = adopted->verb,
                           .verb_state = adopted->verb_state});
  (void)co_await interpreter.run();
  tell_end(call, recorded);
}

Task<bool> ScriptHost::screen(const Call& call, call::Control& callee, call::DialTarget target) {
  script::AppBinding binding{.voice_url = std::move(target.screen_url),
                             .voice_method = std::move(target.screen_method),
                             .auth_token = call.start().account.auth_token};
  script::Settings settings{.public_url = settings_.public_url,
                            .dialect = script::Dialect::screen,
                            .steps_max = settings_.steps_max,
                            .documents = &documents_};
  script::Interpreter interpreter(loop_, client_, callbacks_, std::move(settings), callee, std::move(binding));
  const script::Finish finish = co_await interpreter.run();
  co_return finish == script::Finish::end_of_document && !callee.is_over();
}

void ScriptHost::tell(const Call& call, const call::LegProgress& progress) {
  const script::ProgressTarget target{.url = progress.target.status_callback,
                                      .method = progress.target.status_callback_method,
                                      .events = progress.target.status_callback_events,
                                      .auth_token = call.start().account.auth_token};
  script::Progress told{.event = progress.event,
                        .call_status = progress.status,
                        .sequence = progress.sequence,
                        .wall_ms = loop_.wall_ms(),
                        .duration = progress.duration,
                        .sip_code = progress.sip_code};
  if (!progress.recording_sid.empty()) {
    told.recording_sid = progress.recording_sid;
    told.recording_url =
        script::recording_url(settings_.public_url, progress.facts.account_sid, progress.recording_sid);
    told.recording_duration = script::whole_seconds(progress.recording_length);
  }
  script::tell_progress(callbacks_, target, progress.facts, told);
}

void ScriptHost::tell_end(const Call& call, const script::RecordingFacts& recorded) {
  const store::Number& number = call.start().number;
  const script::ProgressTarget target{.url = number.status_callback,
                                      .method = number.status_callback_method,
                                      .events = {"completed"},
                                      .auth_token = call.start().account.auth_token};
  const script::Progress told{.event = "completed",
                              .call_status = call.is_over() ? call.status() : "completed",
                              .wall_ms = loop_.wall_ms(),
                              .duration = call.record().duration(),
                              .recording_sid = recorded.sid,
                              .recording_url = recorded.url,
                              .recording_duration = recorded.duration};
  script::tell_progress(callbacks_, target, call.facts(), told);
}

}  // namespace nearend::router
