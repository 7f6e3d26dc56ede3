#include <algorithm>

#include "sip/core.hpp"

namespace nearend::sip {

void Stack::Core::ask_session_timer(Message& request, uint32_t seconds, uint32_t min_se,
                                    std::string_view refresher) const {
  const auto least = std::max<uint32_t>(min_se, static_cast<uint32_t>(settings_.min_session_expires.count()));
  const std::string value =
      refresher.empty() ? std::to_string(seconds) : fmt::format("{};refresher={}", seconds, refresher);
  (void)request.add(HeaderId::session_expires, value);
  (void)request.add(HeaderId::min_se, std::to_string(least));
}

/// The interval we insist on when a request asks for less and can be told so (RFC 4028 9).
std::optional<uint32_t> Stack::Core::too_small_interval(const Message& request) const {
  const auto wanted = request.session_expires();
  const auto least = static_cast<uint32_t>(settings_.min_session_expires.count());
  if (!wanted || wanted->seconds >= least || !request.has_option_tag(HeaderId::supported, "timer")) return std::nullopt;
  return least;
}

void Stack::Core::agree_as_caller(Dialog& dialog, const Message& response, const Body& sent) {
  const auto agreed = response.session_expires();
  if (!agreed || agreed->seconds == 0) return dialog.session.reset();
  // Without a named refresher it is the one who asked (RFC 4028 7.2).
  set_session_timer(dialog, agreed->seconds, agreed->refresher != "uas", sent.content);
}

void Stack::Core::agree_as_callee(Dialog& dialog, const Message& request, Message& response, std::string_view sdp) {
  const bool is_supported = request.has_option_tag(HeaderId::supported, "timer");
  const auto wanted = request.session_expires();
  const auto usual = static_cast<uint32_t>(settings_.session_expires.count());
  const uint32_t seconds = wanted ? wanted->seconds : is_supported ? usual : 0;
  if (seconds == 0) return dialog.session.reset();
  // RFC 4028 table 2: the caller's choice stands; a caller that does not know timers cannot refresh.
  std::string refresher = wanted && !wanted->refresher.empty() ? wanted->refresher : "uac";
  if (!is_supported) refresher = "uas";
  (void)response.add(HeaderId::session_expires, fmt::format("{};refresher={}", seconds, refresher));
  if (refresher == "uac") (void)response.add(HeaderId::require, "timer");
  set_session_timer(dialog, seconds, refresher == "uas", sdp);
}

void Stack::Core::set_session_timer(Dialog& dialog, uint32_t seconds, bool is_refresher, std::string_view sdp) {
  if (!dialog.session) dialog.session = std::make_unique<SessionTimer>(loop_, dialog);
  SessionTimer& session = *dialog.session;
  session.seconds = seconds;
  session.is_refresher = is_refresher;
  // Only a re-INVITE needs the description again.
  if (dialog.allows_update)
    session.sdp.clear();
  else if (!sdp.empty())
    session.sdp = sdp;
  session.refresh.stop();
  if (is_refresher) session.refresh.set(std::chrono::seconds(seconds) / 2);
  session.expiry.set(std::chrono::seconds(seconds - std::min<uint32_t>(32, seconds / 3)));
}

void Stack::Core::on_refresh_due(Dialog& dialog) {
  if (dialog.state != Dialog::State::confirmed) return;
  Changes::Change refresh;
  refresh.is_refresh = true;
  const std::string& sdp = dialog.session->sdp;
  refresh.method = dialog.allows_update || sdp.empty() ? Method::update : Method::invite;
  if (refresh.method == Method::invite) refresh.body = {"application/sdp", sdp};
  queue_change(dialog, std::move(refresh));
}

}  // namespace nearend::sip
