#pragma once

#include <string>

#include "gateway/parts.hpp"
#include "link/profile.hpp"

namespace nearend::gateway {

/// Runs verbs of the router's script on the region's media node (F3.4, S36): jobs, ring-back, and the continuation that
/// was ordered in advance; tells the router how they came out, and about digits and silence. Gateway's loop only.
class LocalVerbs {
 public:
  explicit LocalVerbs(Parts& parts) : parts_(parts) {}

  void on_job(Leg& leg, const link::Item& item, const sip::event::Requested& event);
  void on_ring(Leg& leg, const link::Item& item, const sip::event::Requested& event);
  void on_continuation(Leg& leg, const sip::event::Requested& event);
  void run_continuation(Leg& leg);
  void stop_ring(Leg& leg);

  /// What the media node says about the leg's anchor.
  void on_media_event(Leg& leg, const media::Event& event);
  /// The leg has another anchor in place of one that was lost: what was running on that begins again; a recording,
  /// whose first part is elsewhere, ends.
  void begin_again(Leg& leg);
  /// A recording's file is whole; its leg may be gone by then.
  void tell_recorded(const media::event::RecordEnded& ended);
  /// The router did not answer something that we told it.
  void on_unheard(Leg& leg);

 private:
  Task<void> start_play(Leg& leg, uint32_t number, sip::event::Requested event, media::PlayRequest request);
  Task<void> start_gather(Leg& leg, uint32_t number, sip::event::Requested event, media::CollectRequest request);
  Task<void> start_record(Leg& leg, uint32_t number, sip::event::Requested event, media::RecordRequest request);
  Task<void> play_ring(Leg& leg, std::string tone);
  Task<void> play_next(Leg& leg);
  void started(Leg& leg, Orders::Job job, const sip::event::Requested& event, const Result<media::JobId>& id);
  Task<void> restart(Leg& leg, uint32_t number);
  Orders::Job* find(Leg& leg, uint32_t number);
  void on_play_ended(Leg& leg, const media::event::PlayEnded& ended);
  void done(Leg& leg, media::JobId job, std::string_view kind, std::string json);
  void on_silent(Leg& leg, std::chrono::milliseconds since);
  void continued(Leg& leg);
  bool has(std::string_view feature) const;

  Parts& parts_;
};

}  // namespace nearend::gateway
