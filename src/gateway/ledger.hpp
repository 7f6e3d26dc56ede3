#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "gateway/journal.hpp"
#include "gateway/leg.hpp"
#include "gateway/settings.hpp"

namespace nearend::gateway {

/// Why a leg ended, as its Reason header (RFC 3326) and its journal say.
struct EndCause {
  int status = 200;
  std::string_view text = "hung up";
  std::string_view by = "endpoint";  ///< endpoint, router, gateway, peer, provider
  std::string_view more;             ///< What the endpoint's own Reason header said: `Q.850;cause=16`. Passed on.
};
/// `SIP;cause=408;text="RTP timeout"`, and after a comma what the endpoint said (RFC 3326 allows a value a protocol).
std::string reason_header(const EndCause& cause);

/// Writes the call events of legs to the journal: start, answer, move, end, each once, with the gateway's own clock
/// (call-flows.md C5; reliability.md, decision 3). Gateway's loop only.
class Ledger {
 public:
  Ledger(const Settings& settings, io::Loop& loop, Journal& journal)
      : settings_(settings), loop_(loop), journal_(journal) {}

  /// The leg is there as of now; its start event follows when it is known where events go, at the latest with its end.
  void begin(Leg& leg);
  void start(Leg& leg);
  /// `on_durable` runs when the answer may be sent.
  void answer(Leg& leg, io::Callback on_durable);
  void move(Leg& leg, const media::event::Moved& moved);
  /// Anything else that is worth remembering of the leg.
  void note(Leg& leg, std::string_view kind, const json::object& detail) { append(leg, kind, to_json(detail)); }
  /// A move to another media node, since the one that had the leg was lost; `gap` from its last sign of life to the
  /// endpoint's first packet at the other one, none where it was never heard there.
  void reanchored(Leg& leg, std::optional<std::chrono::milliseconds> gap);
  /// `on_durable` runs when whoever hung up may hear that it is noted.
  void end(Leg& leg, const EndCause& cause, io::Callback on_durable = {});
  /// From answer to now, or to the end; 0 when never answered.
  std::chrono::milliseconds talked(const Leg& leg) const;

 private:
  void append(Leg& leg, std::string_view kind, std::string detail, io::Callback on_durable = {}, int64_t at_ms = 0);

  const Settings& settings_;
  io::Loop& loop_;
  Journal& journal_;
  struct Alive {};
  std::shared_ptr<Alive> alive_ = std::make_shared<Alive>();  // the journal's callbacks may come after our end
};

}  // namespace nearend::gateway
