#pragma once

#include <string>

#include "gateway/parts.hpp"
#include "gateway/way_meter.hpp"
#include "io/async.hpp"

namespace nearend::gateway {

/// Notices legs that hear their peer's gateway badly for two seconds, asks the policy server for another way, and has
/// the leg's router take the talk there. What was seen before and after is in the call's journal. Gateway's loop only.
class WayWatch {
 public:
  explicit WayWatch(Parts& parts) : parts_(parts), scope_(parts.loop()) {}

  /// One second of one leg's inner side: what it tells of the way, which is nothing while the leg goes from one to
  /// another.
  WayVerdict hear(Leg& leg, const media::LegSecond& second);
  /// After each second's figures: legs that hear nothing over a way on which no echo comes back either.
  void look_for_silence();
  /// Legs that are about to ask; they do when what they met has been reported.
  bool is_any_waiting() const { return !waiting_.empty(); }
  void ask_waiting();
  void stop() { scope_.cancel_all(); }

 private:
  bool is_watched(const Leg& leg) const;
  /// The last two seconds as the policy server wants them; nothing where they are good.
  std::optional<policy::Observed> suffers(const Trouble& trouble) const;
  void consider(Leg& leg, const policy::Observed& observed);
  Task<void> ask(std::string id, policy::Observed observed);
  policy::RerouteQuery query_for(const Leg& leg, const policy::Observed& observed) const;
  void order(Leg& leg, const policy::RerouteAnswer& answer, const policy::Observed& observed);
  Task<void> tell_outcome(std::string id, std::string relay);

  static constexpr size_t asking_max = 200;
  Parts& parts_;
  size_t asking_ = 0;
  std::vector<std::pair<std::string, policy::Observed>> waiting_;  // by leg
  io::Scope scope_;
};

}  // namespace nearend::gateway
