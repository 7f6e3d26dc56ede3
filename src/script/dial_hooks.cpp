#include "script/dial_hooks.hpp"

#include "script/interpreter.hpp"

namespace nearend::script {
namespace {

/// What the hooks share; copied into each, so that they need no owner.
struct Means {
  io::Loop* loop;
  http::Client* client;
  Callbacks* callbacks;
  Settings settings;
  std::string auth_token;
};

void tell(const Means& means, const call::LegProgress& leg) {
  const ProgressTarget target{leg.target.status_callback, leg.target.status_callback_method,
                              leg.target.status_callback_events, means.auth_token};
  const Progress progress{.event = leg.event,
                          .call_status = leg.status,
                          .sequence = leg.sequence,
                          .wall_ms = means.loop->wall_ms(),
                          .duration = leg.duration,
                          .sip_code = leg.sip_code};
  tell_progress(*means.callbacks, target, leg.facts, progress);
}

Task<bool> screen(Means means, call::Control& callee, call::DialTarget target) {
  means.settings.dialect = Dialect::screen;
  AppBinding binding{
      .voice_url = target.screen_url, .voice_method = target.screen_method, .auth_token = means.auth_token};
  Interpreter interpreter(*means.loop, *means.client, *means.callbacks, means.settings, callee, std::move(binding));
  const Finish finish = co_await interpreter.run();
  co_return finish == Finish::end_of_document;
}

}  // namespace

call::DialHooks make_dial_hooks(io::Loop& loop, http::Client& client, Callbacks& callbacks, Settings settings,
                                std::string auth_token) {
  Means means{&loop, &client, &callbacks, std::move(settings), std::move(auth_token)};
  return {.on_progress = [means](const call::LegProgress& leg) { tell(means, leg); },
          .screen = [means](call::Control& callee,
                            call::DialTarget target) { return screen(means, callee, std::move(target)); }};
}

}  // namespace nearend::script
